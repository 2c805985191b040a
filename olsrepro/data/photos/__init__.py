"""Photographs in files: decoding, crops and colours in worker processes, a cache of pixels, and their batches."""
