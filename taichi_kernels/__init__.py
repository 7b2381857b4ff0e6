"""Taichi kernels and their plain-torch twins. Knows tensors, not training. Importing it starts nothing."""

import os

# Taichi prints a banner when it is imported, on the standard output that programs read.
os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "False")
