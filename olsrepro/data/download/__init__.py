"""Sources of data sets, and their state here: download, unpacking, checksums."""
