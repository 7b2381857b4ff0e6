"""Rays through empty space by a coarse grid of distances, before anything that costs more is asked.

At a vertex of the grid the distance to the surface is known; a point beside it is nearer by the way to the vertex at
most. So a ray goes on by that much, as in sphere tracing (Hart 1996), and ends up where a surface may be or outside.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import Rays, RayTensors
from taichi_kernels.launch import func, kernel
from taichi_kernels.vectors import read_vector

# A distance that was learnt is trusted for this share of it.
TRUSTED = 0.9
# A ray stops where it may go on by less than this share of a cell.
LEAST_STEP = 0.25
# So many cells of the grid a ray may take at most.
MOST_STEPS = 1024


@func
def _free_way(grid: ti.template(), point: ti.math.vec3, cells: ti.f32) -> ti.f32:
    """How far it is at least to a surface, by the nearest vertex."""
    vertex = ti.math.clamp(ti.round(point * cells), 0.0, cells)
    place = ti.cast(vertex, ti.i32)
    return TRUSTED * grid[place.x, place.y, place.z] - (point - vertex / cells).norm()


@kernel
def _skip_empty_space(grid: ti.types.ndarray(), rays: RayTensors):
    for i in range(rays.origins.shape[0]):
        cells = ti.cast(grid.shape[0] - 1, ti.f32)
        origin, direction = read_vector(rays.origins, i), read_vector(rays.directions, i)
        far, t = rays.t_range[i, 1], rays.t_range[i, 0]
        steps = 0
        while t < far and steps < MOST_STEPS:
            free = _free_way(grid, origin + t * direction, cells)
            if free * cells < LEAST_STEP:
                break
            t += free
            steps += 1
        rays.t_range[i, 0] = ti.min(t, far)


def skip_empty_space(grid: torch.Tensor, rays: Rays) -> None:
    """Move the beginning of each ray's ``t_range`` on to where it comes near a surface, or to its end if it never does.

    ``grid`` [n, n, n] f32: signed distances, in the unit cube's lengths, at places evenly spread over the unit cube
    with its faces, by x, y and z. Where one is negative rays stay.
    """
    _skip_empty_space(grid, rays)
