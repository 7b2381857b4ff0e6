"""Twins of ``taichi_kernels.surfaces.path_tracing``."""
