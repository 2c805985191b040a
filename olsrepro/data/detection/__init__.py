"""Photographs with objects: what changes them and their boxes, and batches for a detector."""
