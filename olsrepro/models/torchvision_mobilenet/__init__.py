"""MobileNetV2, as torchvision builds it."""
