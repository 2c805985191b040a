"""What a forked process has imported already."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sklearn.datasets  # noqa: F401
import torch.utils.tensorboard  # noqa: F401

import olsrepro.config.compose
import olsrepro.launch.run  # noqa: F401
