"""Data sets that fit into the device's memory: augmentation of many images at once, and batches without a wait."""
