"""Mean average precision of a detector, as PASCAL VOC measures it."""
