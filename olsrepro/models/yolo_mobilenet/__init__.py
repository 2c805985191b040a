"""YOLO on a MobileNetV2 trunk, the detector of the paper's Table X."""
