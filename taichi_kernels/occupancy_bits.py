"""Packs the occupancy grid's cells into bits for marching.

Bits lie 32 to an int32 word, in the order of the cells' numbers (see ``occupancy``). A coarse grid (one bit for each
block of COARSE_FACTOR^3 cells) lets rays cross empty space in long strides.

What a cascade holds of the next finer one isn't its own: a cell there has no density, and its bit follows those of the
eight finer cells in it.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import COARSE_FACTOR, OccupancyBits
from taichi_kernels.launch import kernel
from taichi_kernels.occupancy import SURFACE


@kernel
def _pack_bits(
    words: ti.i32,
    threshold: ti.f32,
    densities: ti.types.ndarray(),
    flags: ti.types.ndarray(),
    bits: ti.types.ndarray(),
):
    for word in range(words):
        packed = ti.u32(0)
        for k in range(32):
            cell = word * 32 + k
            # What views closed has no density at all.
            if densities[cell] > threshold or (densities[cell] > 0.0 and (flags[cell] & SURFACE) != 0):
                packed |= ti.u32(1) << ti.cast(k, ti.u32)
        bits[word] = ti.cast(packed, ti.i32)


@kernel
def _pack_coarse_bits(
    words: ti.i32,
    coarse: ti.i32,
    resolution: ti.i32,
    bits: ti.types.ndarray(),
    coarse_bits: ti.types.ndarray(),
):
    for word in range(words):
        packed = ti.u32(0)
        for k in range(32):
            block = word * 32 + k
            corner = (
                ti.math.ivec3(block % coarse, (block // coarse) % coarse, block // (coarse * coarse)) * COARSE_FACTOR
            )
            any_bit = 0
            for dz in range(COARSE_FACTOR):
                for dy in range(COARSE_FACTOR):
                    index = ((corner.z + dz) * resolution + corner.y + dy) * resolution + corner.x
                    # COARSE_FACTOR divides 32, so a block's row of cells lies in one word.
                    any_bit |= (bits[index >> 5] >> (index & 31)) & ((1 << COARSE_FACTOR) - 1)
            if any_bit != 0:
                packed |= ti.u32(1) << ti.cast(k, ti.u32)
        coarse_bits[word] = ti.cast(packed, ti.i32)


@kernel
def _pool_bits(resolution: ti.i32, finer_bits: ti.types.ndarray(), bits: ti.types.ndarray()):
    quarter = resolution // 4
    for word in range(resolution * resolution * resolution // 32):
        packed = ti.cast(bits[word], ti.u32)
        for k in range(32):
            index = word * 32 + k
            cell = ti.math.ivec3(
                index % resolution, (index // resolution) % resolution, index // (resolution * resolution)
            )
            if cell.min() >= quarter and cell.max() < 3 * quarter:
                corner = (cell - quarter) * 2
                any_bit = 0
                for dz in range(2):
                    for dy in range(2):
                        finer = ((corner.z + dz) * resolution + corner.y + dy) * resolution + corner.x
                        # A pair that begins at an even cell lies in one word.
                        any_bit |= (finer_bits[finer >> 5] >> (finer & 31)) & 3
                if any_bit != 0:
                    packed |= ti.u32(1) << ti.cast(k, ti.u32)
        bits[word] = ti.cast(packed, ti.i32)


def pack_bits(densities: torch.Tensor, flags: torch.Tensor, threshold: float, occupied: OccupancyBits) -> None:
    """Set the bit of every cell whose density exceeds ``threshold``, that a view saw a surface in, or that holds such a
    cell of a finer cascade, and of every coarse block that holds one.

    A wire takes up little of its cell: points drawn in there hardly ever meet it, so its density isn't to be relied on.
    ``densities`` [cascades * resolution^3] f32, ``flags`` the same number of int32; writes ``occupied``.
    """
    resolution, coarse = occupied.resolution, occupied.coarse_resolution
    _pack_bits(occupied.bits.shape[0], threshold, densities, flags, occupied.bits)
    levels = occupied.bits.chunk(occupied.cascades)
    for level, coarse_level in enumerate(occupied.coarse_bits.chunk(occupied.cascades)):
        if level > 0:
            _pool_bits(resolution, levels[level - 1], levels[level])
        _pack_coarse_bits(coarse_level.shape[0], coarse, resolution, levels[level], coarse_level)
