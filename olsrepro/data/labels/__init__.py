"""Labels of the training set: noise, the clean set that a method keeps apart, labels by many people."""
