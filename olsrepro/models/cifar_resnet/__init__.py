"""ResNet-18, 34, 50, 101 with a CIFAR stem."""
