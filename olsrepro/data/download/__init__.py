"""Where data sets come from, and whether they are here: download, unpacking, checksums."""
