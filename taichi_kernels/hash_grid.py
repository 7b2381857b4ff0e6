"""Multiresolution hash grid: encode points, and the gradients of that with respect to the table and to the points.

Instant Neural Graphics Primitives (Müller et al. 2022), section 3, of points with two, three or four coordinates.
Coarse levels whose corners fit the table are dense, finer ones hash their corners (equation 4). Two or four features a
level make a table's row one vector, which CPUs and GPUs read at once.
"""

import dataclasses
import math
import os
from typing import Self

import torch

from taichi_kernels import hash_grid_kernels as kernels
from taichi_kernels import triton_kernels
from taichi_kernels.bundles import ActiveSamples

DIMENSIONS = (2, 3, 4)
FEATURES = (2, 4)
# The shape that Triton's kernels are written for: that of radiance fields.
_TRITON_SHAPE = (3, 4)
# Offsets of rows and numbers of values are 32 bits; a position in float32 has no more digits than this many cells.
_MOST_ENTRIES, _MOST_CELLS = 2**29, 2**24

# Points that a CPU thread takes at a time at least.
_SHORTEST_RUN = 512


@dataclasses.dataclass(frozen=True)
class GridLayout:
    """Where each level lies in the table. ``resolutions``: cells a side; ``offsets`` and ``sizes``: in entries.

    ``dimensions``: coordinates of a point; ``features``: columns of the table, of each level.
    """

    resolutions: tuple[int, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    dimensions: int = 3
    features: int = 4

    @classmethod
    def build(
        cls,
        levels: int,
        log2_table_size: int,
        base_resolution: int,
        max_resolution: int,
        dimensions: int = 3,
        features: int = 4,
    ) -> Self:
        """Resolutions in geometric progression (equations 2 and 3), at most 2**log2_table_size entries a level.

        Raises ValueError, which names what is wrong, where there are no kernels for such a grid or it is too large.
        """
        _check_choice("dimensions", dimensions, DIMENSIONS)
        _check_choice("features", features, FEATURES)
        if levels < 1 or log2_table_size < 1 or not 1 <= base_resolution <= max_resolution <= _MOST_CELLS:
            raise ValueError(
                f"a hash grid of {levels} levels, 2**{log2_table_size} entries each, from {base_resolution} to "
                f"{max_resolution} cells: expected a level or more, a size of 2**1 or more, and resolutions that rise "
                f"from 1 or more to at most {_MOST_CELLS}"
            )
        growth = (max_resolution / base_resolution) ** (1 / max(levels - 1, 1))
        resolutions, offsets, sizes, total = [], [], [], 0
        for level in range(levels):
            resolution = math.floor(base_resolution * growth**level + 1e-6)
            size = min((resolution + 1) ** dimensions, 2**log2_table_size)
            resolutions.append(resolution)
            offsets.append(total)
            sizes.append(size)
            total += size
        if total > _MOST_ENTRIES:
            raise ValueError(f"a hash grid of {total} entries: there may be {_MOST_ENTRIES} at most")
        return cls(tuple(resolutions), tuple(offsets), tuple(sizes), dimensions, features)

    @property
    def levels(self) -> int:
        return len(self.resolutions)

    @property
    def entries(self) -> int:
        """Rows of the whole table [entries, features]."""
        return self.offsets[-1] + self.sizes[-1]

    def to_tensor(self, device: str | torch.device) -> torch.Tensor:
        """[levels, 3] int32 (resolution, offset, size): what the kernels read."""
        rows = list(zip(self.resolutions, self.offsets, self.sizes, strict=True))
        return torch.tensor(rows, dtype=torch.int32, device=device)


def encode(
    points: torch.Tensor,
    layout: torch.Tensor,
    table: torch.Tensor,
    features: torch.Tensor,
    count: torch.Tensor | None = None,
) -> None:
    """Interpolate the table at ``points`` [n, d] (unit cube, f32) into ``features`` [n, levels * columns].

    ``layout`` [levels, 3] int32 from GridLayout.to_tensor, of d dimensions (2, 3 or 4); ``table`` [entries, columns]
    f32, on CUDA also f16, with 2 or 4 columns. Points outside the cube count as the nearest on its border. Rows from
    ``count`` [1] int32 on may be left as they are, if that is given. Raises ValueError for other shapes.
    """
    dimensions, columns = _check_shapes(points, layout, table, features)
    n, levels = points.shape[0], layout.shape[0]
    if not n:
        return
    if _takes_triton(points, dimensions, columns):
        from taichi_kernels.triton_kernels.hash_grid import encode as encode_with_vector_reads

        encode_with_vector_reads(points, layout, table, features, count)
    elif points.is_cuda:
        kernels.encode_by_point(dimensions, columns, points, layout, table, features)
    else:
        encoded = features.view(n, levels, columns)
        kernels.encode_by_run(columns)(dimensions, points, layout, table, encoded, _run_length(n, levels))


def encode_backward(
    points: torch.Tensor,
    active: ActiveSamples,
    layout: torch.Tensor,
    grad_features: torch.Tensor,
    grad_table: torch.Tensor,
) -> None:
    """Add the gradient of ``encode`` to ``grad_table`` [entries, columns] f32, given d loss / d features.

    ``grad_features`` [m, levels * columns] belong to the points that ``active`` lists, of which at most m count. Raises
    ValueError for shapes that ``encode`` refuses.
    """
    dimensions, columns = _check_shapes(points, layout, grad_table, grad_features)
    m, levels = grad_features.shape[0], layout.shape[0]
    if not m:
        return
    if _takes_triton(points, dimensions, columns):
        from taichi_kernels.triton_kernels.hash_grid import encode_backward as encode_backward_with_vector_atomics

        encode_backward_with_vector_atomics(points, active, layout, grad_features, grad_table)
    elif points.is_cuda:
        kernels.encode_backward_by_point(dimensions, columns, points, active, layout, grad_features, grad_table)
    else:
        upstream = grad_features.view(m, levels, columns)
        add_levels = kernels.encode_backward_by_level(columns)
        add_levels(dimensions, points, active, layout, upstream, grad_table, torch.empty(levels))


def encode_position_gradient(
    points: torch.Tensor,
    active: ActiveSamples,
    layout: torch.Tensor,
    table: torch.Tensor,
    grad_features: torch.Tensor,
    grad_points: torch.Tensor,
) -> None:
    """Add d loss / d points to ``grad_points`` [n, d] f32, given d loss / d features.

    Arguments as in ``encode`` and ``encode_backward``; ``active`` lists a point once at most, and points that it
    doesn't list get nothing. Multilinear interpolation is linear along each axis within a cell: the derivative along an
    axis is constant there, and jumps where the point moves on into the next cell (it does vary with the other
    coordinates). On the border between two cells it is the upper cell's, on the cube's far border the last cell's.
    Along an axis on which a point lies outside the cube it is 0, for the point is clamped.
    """
    dimensions, columns = _check_shapes(points, layout, table, grad_features)
    if grad_points.shape != points.shape:
        raise ValueError(f"grad_points {list(grad_points.shape)}: expected {list(points.shape)}, as the points")
    m, levels = grad_features.shape[0], layout.shape[0]
    if not m:
        return
    if points.is_cuda:
        kernels.encode_position_gradient_by_point(
            dimensions, columns, points, active, layout, table, grad_features, grad_points
        )
    else:
        upstream = grad_features.view(m, levels, columns)
        add_chunks = kernels.encode_position_gradient_by_chunk(columns)
        add_chunks(dimensions, points, active, layout, table, upstream, grad_points)


def _run_length(n: int, levels: int) -> int:
    """How many points a CPU thread takes at a time: so many that the level that it reads for them is worth bringing
    into its cache, and so few that all threads have work."""
    runs = math.ceil(2 * (os.cpu_count() or 1) / levels)
    return max(math.ceil(n / runs), _SHORTEST_RUN)


def _takes_triton(points: torch.Tensor, dimensions: int, columns: int) -> bool:
    return points.is_cuda and (dimensions, columns) == _TRITON_SHAPE and triton_kernels.available()


def _check_shapes(
    points: torch.Tensor, layout: torch.Tensor, table: torch.Tensor, features: torch.Tensor
) -> tuple[int, int]:
    """Dimensions of the points and columns of the table; raises ValueError where they or the features don't fit."""
    dimensions, columns = points.shape[1], table.shape[1]
    _check_choice("coordinates of a point", dimensions, DIMENSIONS)
    _check_choice("columns of a hash grid's table", columns, FEATURES)
    if features.shape[1] != layout.shape[0] * columns:
        raise ValueError(f"features of {features.shape[1]} columns: expected {layout.shape[0]} levels of {columns}")
    return dimensions, columns


def _check_choice(name: str, value: int, choices: tuple[int, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}: {value} is not one of {', '.join(map(str, choices))}")
