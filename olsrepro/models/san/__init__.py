"""SAN: self-attention in small windows in the place of spatial convolutions, pairwise or patchwise."""
