"""One module per data set or family, found by scanning: ``NAMES``, ``read(settings, root)``; it imports no torch."""
