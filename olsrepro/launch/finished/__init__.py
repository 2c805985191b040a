"""Finished runs: their weights and files, and what is measured of them."""
