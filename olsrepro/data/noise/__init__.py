"""Label noise: wrong labels of the training set, fixed once before training. Each kind is a folder here."""
