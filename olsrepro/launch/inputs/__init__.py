"""Inputs of a run by task: data, labels and initial weights, read and checked before there is a run."""
