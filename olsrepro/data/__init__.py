"""Data sets, batches on the device, label noise, fetching."""
