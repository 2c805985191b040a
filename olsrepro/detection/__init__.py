"""Object detection as pure functions of tensors: from a detector's raw maps to losses and to boxes with scores."""
