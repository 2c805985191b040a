"""Labels of images: the clean set that a method keeps apart, labels by many people."""
