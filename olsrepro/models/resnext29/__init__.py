"""CIFAR ResNeXt-29, 2x64d and 32x4d."""
