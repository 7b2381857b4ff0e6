"""Vectors from the rows of tensors, inside kernels."""

import taichi as ti

from taichi_kernels.launch import func


@func
def read_vector(vectors: ti.template(), row: ti.i32) -> ti.math.vec3:
    """A row of three numbers."""
    return ti.math.vec3(vectors[row, 0], vectors[row, 1], vectors[row, 2])


@func
def read_vector_at(vectors: ti.template(), row: ti.i32, column: ti.i32) -> ti.math.vec3:
    """Three numbers of a longer row, from ``column`` on."""
    return ti.math.vec3(vectors[row, column], vectors[row, column + 1], vectors[row, column + 2])
