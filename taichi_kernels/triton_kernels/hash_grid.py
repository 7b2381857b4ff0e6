"""The hash grid with the four features of a table row in one vector: one read forward, one atomic backward."""

import torch
import triton
import triton.language as tl

from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.triton_kernels.launch import func, kernel

_BLOCK = 256
_PRIME_Y = tl.constexpr(2654435761)
_PRIME_Z = tl.constexpr(805459861)


@func
def _locate(points, i, mask, resolution):
    """The cell each point lies in and where inside it, kept off the far border so that corners exist."""
    x = tl.clamp(tl.load(points + i * 3, mask=mask, other=0.0), 0.0, 1.0) * resolution
    y = tl.clamp(tl.load(points + i * 3 + 1, mask=mask, other=0.0), 0.0, 1.0) * resolution
    z = tl.clamp(tl.load(points + i * 3 + 2, mask=mask, other=0.0), 0.0, 1.0) * resolution
    cell_x = tl.minimum(x.to(tl.int32), resolution - 1)
    cell_y = tl.minimum(y.to(tl.int32), resolution - 1)
    cell_z = tl.minimum(z.to(tl.int32), resolution - 1)
    return cell_x, cell_y, cell_z, x - cell_x, y - cell_y, z - cell_z


@func
def _corner(corner: tl.constexpr, cell_x, cell_y, cell_z, fx, fy, fz, side, size):
    """Row within the level and trilinear weight of one of the cells' eight corners."""
    cx = (cell_x + (corner & 1)).to(tl.uint32)
    cy = (cell_y + ((corner >> 1) & 1)).to(tl.uint32)
    cz = (cell_z + (corner >> 2)).to(tl.uint32)
    # side^3 overflows 32 bits for the finest levels.
    if side.to(tl.int64) * side * side > size:
        row = (cx ^ (cy * _PRIME_Y) ^ (cz * _PRIME_Z)) & (size - 1).to(tl.uint32)
    else:
        row = cx + side.to(tl.uint32) * (cy + side.to(tl.uint32) * cz)
    wx = fx if corner & 1 else 1.0 - fx
    wy = fy if (corner >> 1) & 1 else 1.0 - fy
    wz = fz if corner >> 2 else 1.0 - fz
    return row.to(tl.int32), wx * wy * wz


@kernel(0)
def _encode(
    n,
    count,
    points,
    layout,
    table,
    features,
    feature_stride: tl.constexpr,
    FEATURES: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_COUNT: tl.constexpr,
):
    if HAS_COUNT:
        n = tl.minimum(n, tl.load(count))
    if tl.program_id(0) * BLOCK >= n:
        return
    # Level-major: all points read one level's table before the next, so that it stays in cache.
    level = tl.program_id(1)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    resolution = tl.load(layout + level * 3)
    offset = tl.load(layout + level * 3 + 1)
    size = tl.load(layout + level * 3 + 2)
    k = tl.arange(0, FEATURES)
    cell_x, cell_y, cell_z, fx, fy, fz = _locate(points, i, mask, resolution)
    total = tl.zeros((BLOCK, FEATURES), tl.float32)
    for corner in tl.static_range(8):
        row, weight = _corner(corner, cell_x, cell_y, cell_z, fx, fy, fz, resolution + 1, size)
        values = tl.load(table + (offset + row)[:, None] * FEATURES + k[None, :], mask=mask[:, None], other=0.0)
        total += weight[:, None] * values.to(tl.float32)
    out = features + i[:, None] * feature_stride + level * FEATURES + k[None, :]
    tl.store(out, total.to(features.dtype.element_ty), mask=mask[:, None])


@kernel()
def _encode_backward(
    points,
    rows,
    row_count,
    layout,
    grad_features,
    grad_table,
    feature_stride: tl.constexpr,
    FEATURES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    level = tl.program_id(1)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < tl.load(row_count)
    resolution = tl.load(layout + level * 3)
    offset = tl.load(layout + level * 3 + 1)
    size = tl.load(layout + level * 3 + 2)
    k = tl.arange(0, FEATURES)
    g = tl.load(
        grad_features + i[:, None] * feature_stride + level * FEATURES + k[None, :], mask=mask[:, None], other=0.0
    ).to(tl.float32)
    row = tl.load(rows + i, mask=mask, other=0)
    cell_x, cell_y, cell_z, fx, fy, fz = _locate(points, row, mask, resolution)
    for corner in tl.static_range(8):
        entry, weight = _corner(corner, cell_x, cell_y, cell_z, fx, fy, fz, resolution + 1, size)
        target = grad_table + (offset + entry)[:, None] * FEATURES + k[None, :]
        tl.atomic_add(target, weight[:, None] * g, mask=mask[:, None], sem="relaxed")


def encode(
    points: torch.Tensor,
    layout: torch.Tensor,
    table: torch.Tensor,
    features: torch.Tensor,
    count: torch.Tensor | None = None,
) -> None:
    """As ``taichi_kernels.hash_grid.encode``; of the first ``count`` [1] int32 points alone, if that is given."""
    n = points.shape[0]
    grid = (triton.cdiv(n, _BLOCK), layout.shape[0], 1)
    _encode(
        grid, n, count, points, layout, table, features, features.shape[1], table.shape[1], _BLOCK, count is not None
    )


def encode_backward(
    points: torch.Tensor,
    active: ActiveSamples,
    layout: torch.Tensor,
    grad_features: torch.Tensor,
    grad_table: torch.Tensor,
) -> None:
    """As ``taichi_kernels.hash_grid.encode_backward``."""
    grid = (triton.cdiv(grad_features.shape[0], _BLOCK), layout.shape[0], 1)
    _encode_backward(
        grid, points, active.rows, active.count, layout, grad_features, grad_table,
        grad_features.shape[1], grad_table.shape[1], _BLOCK,
    )  # fmt: skip
