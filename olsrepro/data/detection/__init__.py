"""Photographs with objects: changes to them and their boxes, and batches for a detector."""
