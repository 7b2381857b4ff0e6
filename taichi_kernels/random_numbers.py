"""Stateless random numbers inside kernels: a hash of (seed, step, index, dimension), the same on every device."""

import enum

import taichi as ti

from taichi_kernels.launch import func


@enum.unique
class RandomStream(enum.IntEnum):
    """What a ``dimension`` is for. One of several numbers takes as many values from its own on: a new one begins behind
    all others but the last, which has no end, so that none is correlated with another."""

    VIEW = 0  # or the tile of one
    COLUMN = 1
    ROW = 2
    RAY_START = 3
    BY_TILE = 4  # whether a pixel is drawn by where training misses most
    WHOLE_RAY = 5  # whether a ray begins at the camera although its surface is known
    BACKGROUND = 8  # three
    CELL = 16
    CELL_POINT = 17  # three
    COARSE_SAMPLE = 20  # where in its stratum it lies
    FINE_SAMPLE = 21
    KEPT_SAMPLE = 22  # whether it is backpropagated
    SOURCE_VIEW = 23  # which view a step learns from which others
    GUIDED_STEP = 24  # whether a step learns from a prior's pictures
    GUIDING_PIXEL = 25  # whether it may learn from a pixel of these
    IMAGE_BAND = 26  # of an image that is not at hand as a whole
    IMAGE_COLUMN = 27
    IMAGE_ROW = 28
    SCORED_PIXEL = 29  # two: its column and row
    SUBPIXEL = 31  # two: where in a pixel an image is looked at
    SURFACE_POINT = 40  # three: which triangle, and where on it
    SPACE_POINT = 43  # three
    NEAR_SURFACE = 46  # three: how far from a point on it; and in which order of magnitude
    POOL_SAMPLE = 50  # which of the points whose distance is known
    SCORED_POINT = 52  # three
    PIXEL_POINT = 1022  # where in its pixel a path begins: two
    PATH_VERTEX = 1024  # all from here on: some for each vertex of a path


@func
def hash_u32(x: ti.u32) -> ti.u32:
    """One round of the PCG output permutation (Jarzynski and Olano 2020, "Hash Functions for GPU Rendering")."""
    state = x * ti.u32(747796405) + ti.u32(2891336453)
    word = ((state >> ((state >> ti.u32(28)) + ti.u32(4))) ^ state) * ti.u32(277803737)
    return (word >> ti.u32(22)) ^ word


@func
def uniform_u32(seed: ti.i32, step: ti.i32, index: ti.i32, dimension: ti.i32) -> ti.u32:
    """32 random bits."""
    x = hash_u32(ti.cast(seed, ti.u32) + ti.u32(0x9E3779B9) * ti.cast(dimension, ti.u32))
    x = hash_u32(x ^ ti.cast(step, ti.u32))
    return hash_u32(x ^ ti.cast(index, ti.u32))


@func
def uniform(seed: ti.i32, step: ti.i32, index: ti.i32, dimension: ti.i32) -> ti.f32:
    """Uniform in [0, 1)."""
    return ti.cast(uniform_u32(seed, step, index, dimension) >> ti.u32(8), ti.f32) * (1.0 / 16777216.0)
