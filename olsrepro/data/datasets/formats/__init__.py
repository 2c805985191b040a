"""Formats that data sets come in: lists of images, MATLAB's files, VOC's annotations, drawn shapes."""
