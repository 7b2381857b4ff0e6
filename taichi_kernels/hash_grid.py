"""Multiresolution hash grid: encode points, and the gradient of that with respect to the table.

Instant Neural Graphics Primitives (Müller et al. 2022), section 3. Coarse levels whose corners fit the table are dense,
finer ones hash their corners (equation 4). Features per level are fixed at four: one table entry is one 16-byte (f32)
or 8-byte (f16) read, which is what both a CPU cache line and a GPU sector like.
"""

import dataclasses
import math
from typing import Self

import taichi as ti
import torch

from taichi_kernels import triton_kernels
from taichi_kernels.launch import CPU_BLOCK, func, kernel

FEATURES = 4
# The large primes of the paper's spatial hash (equation 4); the first is 1 so that neighbours in x stay neighbours.
_PRIME_Y = 2654435761
_PRIME_Z = 805459861
# Points a CPU thread takes at a time.
_CHUNK = 512


def _vectors(dimensions: int) -> ti.types.ndarray:
    """An array of entries as one vector each: the CPU's compiler then reads and writes them with one instruction."""
    return ti.types.ndarray(dtype=ti.types.vector(FEATURES, ti.f32), ndim=dimensions)


@dataclasses.dataclass(frozen=True)
class GridLayout:
    """Where each level lies in the table. ``resolutions``: cells a side; ``offsets`` and ``sizes``: in entries."""

    resolutions: tuple[int, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def build(cls, levels: int, log2_table_size: int, base_resolution: int, max_resolution: int) -> Self:
        """Resolutions in geometric progression (equations 2 and 3), at most 2**log2_table_size entries a level."""
        growth = (max_resolution / base_resolution) ** (1 / max(levels - 1, 1))
        resolutions, offsets, sizes, total = [], [], [], 0
        for level in range(levels):
            resolution = math.floor(base_resolution * growth**level + 1e-6)
            size = min((resolution + 1) ** 3, 2**log2_table_size)
            resolutions.append(resolution)
            offsets.append(total)
            sizes.append(size)
            total += size
        return cls(tuple(resolutions), tuple(offsets), tuple(sizes))

    @property
    def levels(self) -> int:
        return len(self.resolutions)

    @property
    def entries(self) -> int:
        """Rows of the whole table [entries, FEATURES]."""
        return self.offsets[-1] + self.sizes[-1]

    def to_tensor(self, device: str | torch.device) -> torch.Tensor:
        """[levels, 3] int32 (resolution, offset, size): what the kernels read."""
        rows = list(zip(self.resolutions, self.offsets, self.sizes, strict=True))
        return torch.tensor(rows, dtype=torch.int32, device=device)


@func
def _read_level(layout: ti.template(), level: ti.i32):
    """A level's resolution and offset, and how corners become rows: strides of y and z, and a mask (0: dense)."""
    resolution, offset, size = layout[level, 0], layout[level, 1], layout[level, 2]
    side = ti.cast(resolution + 1, ti.u32)
    stride_y, stride_z, mask = side, side * side, ti.u32(0)
    if ti.cast(resolution + 1, ti.i64) ** 3 > size:
        stride_y, stride_z, mask = ti.u32(_PRIME_Y), ti.u32(_PRIME_Z), ti.cast(size - 1, ti.u32)
    return resolution, offset, stride_y, stride_z, mask


@func
def _locate(points: ti.template(), i: ti.i32, resolution: ti.i32):
    """The cell a point of the unit cube lies in and where inside it, kept off the far border so that corners exist."""
    scaled = ti.math.clamp(ti.math.vec3(points[i, 0], points[i, 1], points[i, 2]), 0.0, 1.0) * resolution
    cell = ti.min(ti.cast(ti.floor(scaled), ti.i32), resolution - 1)
    return ti.cast(cell, ti.u32), scaled - ti.cast(cell, ti.f32)


@func
def _corner(
    corner: ti.template(), cell: ti.template(), f: ti.template(), stride_y: ti.u32, stride_z: ti.u32, mask: ti.u32
):
    """Row within the level and trilinear weight of one of a cell's eight corners."""
    x = cell.x + ti.u32(ti.static(corner & 1))
    y = (cell.y + ti.u32(ti.static(corner >> 1 & 1))) * stride_y
    z = (cell.z + ti.u32(ti.static(corner >> 2))) * stride_z
    row = x + y + z if mask == 0 else (x ^ y ^ z) & mask
    weight = 1.0
    for axis in ti.static(range(3)):
        weight *= f[axis] if ti.static((corner >> axis) & 1) else 1.0 - f[axis]
    return ti.cast(row, ti.i32), weight


@kernel
def _encode_by_point(
    n: ti.i32,
    levels: ti.i32,
    points: ti.types.ndarray(),
    layout: ti.types.ndarray(),
    table: ti.types.ndarray(),
    features: ti.types.ndarray(),
):
    # Level-major: all points read one level's table before the next, so that it stays in cache.
    for item in range(levels * n):
        level = item // n
        i = item - level * n
        resolution, offset, stride_y, stride_z, mask = _read_level(layout, level)
        cell, f = _locate(points, i, resolution)
        total = ti.Vector([0.0, 0.0, 0.0, 0.0])
        for corner in ti.static(range(8)):
            row, weight = _corner(corner, cell, f, stride_y, stride_z, mask)
            for k in ti.static(range(FEATURES)):
                total[k] += weight * ti.cast(table[offset + row, k], ti.f32)
        for k in ti.static(range(FEATURES)):
            features[i, level * FEATURES + k] = total[k]


@kernel
def _encode_by_chunk(
    n: ti.i32,
    levels: ti.i32,
    points: ti.types.ndarray(),
    layout: ti.types.ndarray(),
    table: _vectors(1),
    features: _vectors(2),
):
    # A CPU thread takes whole runs of points: what a level needs is worked out once a run instead of once a point.
    chunks = (n + _CHUNK - 1) // _CHUNK
    for iteration in range(levels * chunks * CPU_BLOCK):
        if iteration % CPU_BLOCK == 0:
            job = iteration // CPU_BLOCK
            level = job // chunks
            first = (job - level * chunks) * _CHUNK
            resolution, offset, stride_y, stride_z, mask = _read_level(layout, level)
            for i in range(first, ti.min(first + _CHUNK, n)):
                cell, f = _locate(points, i, resolution)
                total = ti.Vector([0.0, 0.0, 0.0, 0.0])
                for corner in ti.static(range(8)):
                    row, weight = _corner(corner, cell, f, stride_y, stride_z, mask)
                    total += weight * table[offset + row]
                features[i, level] = total


@kernel
def _encode_backward_by_point(
    n: ti.i32,
    levels: ti.i32,
    points: ti.types.ndarray(),
    rows: ti.types.ndarray(),
    row_count: ti.types.ndarray(),
    layout: ti.types.ndarray(),
    grad_features: ti.types.ndarray(),
    grad_table: ti.types.ndarray(),
):
    for item in range(levels * n):
        level = item // n
        i = item - level * n
        if i < row_count[0]:
            g = ti.Vector([ti.cast(grad_features[i, level * FEATURES + k], ti.f32) for k in ti.static(range(FEATURES))])
            resolution, offset, stride_y, stride_z, mask = _read_level(layout, level)
            cell, f = _locate(points, rows[i], resolution)
            for corner in ti.static(range(8)):
                row, weight = _corner(corner, cell, f, stride_y, stride_z, mask)
                for k in ti.static(range(FEATURES)):
                    ti.atomic_add(grad_table[offset + row, k], weight * g[k])


@kernel
def _encode_backward_by_level(
    levels: ti.i32,
    points: ti.types.ndarray(),
    rows: ti.types.ndarray(),
    row_count: ti.types.ndarray(),
    layout: ti.types.ndarray(),
    grad_features: _vectors(2),
    grad_table: _vectors(1),
):
    # One thread owns a level: plain adds instead of compare-and-swap loops, and the same sum in every run.
    for iteration in range(levels * CPU_BLOCK):
        if iteration % CPU_BLOCK == 0:
            level = iteration // CPU_BLOCK
            resolution, offset, stride_y, stride_z, mask = _read_level(layout, level)
            for i in range(row_count[0]):
                g = grad_features[i, level]
                cell, f = _locate(points, rows[i], resolution)
                for corner in ti.static(range(8)):
                    row, weight = _corner(corner, cell, f, stride_y, stride_z, mask)
                    grad_table[offset + row] = grad_table[offset + row] + weight * g


def encode(
    points: torch.Tensor,
    layout: torch.Tensor,
    table: torch.Tensor,
    features: torch.Tensor,
    count: torch.Tensor | None = None,
) -> None:
    """Interpolate the table at ``points`` [n, 3] (unit cube, f32) into ``features`` [n, levels * FEATURES].

    ``layout`` [levels, 3] int32 from GridLayout.to_tensor; ``table`` [entries, FEATURES] f32, on CUDA also f16. Rows
    from ``count`` [1] int32 on may be left as they are, if that is given.
    """
    if not points.shape[0]:
        return
    if points.is_cuda and triton_kernels.available():
        from taichi_kernels.triton_kernels.hash_grid import encode as encode_with_vector_reads

        encode_with_vector_reads(points, layout, table, features, count)
        return
    n, levels = points.shape[0], layout.shape[0]
    if points.is_cuda:
        _encode_by_point(n, levels, points, layout, table, features)
    else:
        _encode_by_chunk(n, levels, points, layout, table, features.view(n, levels, FEATURES))


def encode_backward(
    points: torch.Tensor,
    rows: torch.Tensor,
    row_count: torch.Tensor,
    layout: torch.Tensor,
    grad_features: torch.Tensor,
    grad_table: torch.Tensor,
) -> None:
    """Add the gradient of ``encode`` to ``grad_table`` [entries, FEATURES] f32, given d loss / d features.

    ``grad_features`` [m, levels * FEATURES] belong to the points that ``rows`` [>= m] int32 lists, of which the first
    ``row_count`` [1] int32, at most m, count.
    """
    m, levels = grad_features.shape[0], layout.shape[0]
    if not m:
        return
    if points.is_cuda and triton_kernels.available():
        from taichi_kernels.triton_kernels.hash_grid import encode_backward as encode_backward_with_vector_atomics

        encode_backward_with_vector_atomics(points, rows, row_count, layout, grad_features, grad_table)
    elif points.is_cuda:
        _encode_backward_by_point(m, levels, points, rows, row_count, layout, grad_features, grad_table)
    else:
        upstream = grad_features.view(m, levels, FEATURES)
        _encode_backward_by_level(levels, points, rows, row_count, layout, upstream, grad_table)
