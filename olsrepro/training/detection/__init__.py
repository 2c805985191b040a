"""The task of detecting objects: its recipe, its loop's batches, loss and test."""
