"""Finished runs: their weights and files, and their evaluations."""
