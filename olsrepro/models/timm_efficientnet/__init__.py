"""EfficientNet-b7, as timm builds it."""
