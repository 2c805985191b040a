"""Thin CIFAR ResNets: 8 to 110 layers, basic or bottleneck blocks."""
