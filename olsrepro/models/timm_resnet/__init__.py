"""ImageNet ResNet-50 and 101, as timm builds them."""
