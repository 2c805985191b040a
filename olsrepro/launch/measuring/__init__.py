"""Facts that are measured without training: data sets, label methods, speed of networks."""
