"""Vectors from the rows of tensors, inside kernels."""

import taichi as ti

from taichi_kernels.launch import func


@func
def read_vector(vectors: ti.template(), row: ti.i32) -> ti.math.vec3:
    """A row of three numbers."""
    return ti.math.vec3(vectors[row, 0], vectors[row, 1], vectors[row, 2])
