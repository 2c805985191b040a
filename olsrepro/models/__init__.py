"""CIFAR backbones; `registry` finds the families, one sub-package each."""
