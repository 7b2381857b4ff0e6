"""Twins of ``taichi_kernels.surfaces``."""
