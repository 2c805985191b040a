"""One module a data set or family, found by scanning: ``NAMES``, ``read(name, root)``; importing it loads no torch."""
