"""Taichi kernels and their plain-torch twins. Knows tensors, not training. Importing it starts nothing."""
