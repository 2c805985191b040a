"""Task of detecting objects: its recipe, batches, loss and test."""
