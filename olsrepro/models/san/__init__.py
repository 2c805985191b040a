"""SAN: self-attention in small windows instead of spatial convolutions, pairwise or patchwise."""
