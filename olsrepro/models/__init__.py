"""Backbones; `registry` finds the families, one sub-package each."""
