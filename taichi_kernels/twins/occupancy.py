"""Twin of ``taichi_kernels.occupancy``."""

from __future__ import annotations

import math

import torch

from taichi_kernels.bundles import OccupancyBits, Samples
from taichi_kernels.compositing import TRAINING_MIN_TRANSMITTANCE
from taichi_kernels.occupancy import CARVED, FLAG_COUNT, SEEN
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.rays import WIDEST_ANGLE
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.activations import activate_density
from taichi_kernels.torch_functions.lenses import distort, distort_fisheye
from taichi_kernels.torch_functions.random_numbers import uniform
from taichi_kernels.twins.marching import find_cascade
from taichi_kernels.twins.stepping import weighted_step_at


def cell_centers(resolution: int, device: str | torch.device) -> torch.Tensor:
    """Centres [resolution^3, 3] float64 of all cells, in the order of their numbers."""
    steps = (torch.arange(resolution, dtype=torch.float64, device=device) + 0.5) / resolution
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([x, y, z], dim=-1).view(-1, 3)


def carve_view(
    resolution: int,
    camera: torch.Tensor,
    nearest: torch.Tensor,
    margin_px: float,
    flags: torch.Tensor,
    near_distance: float = 0.0,
) -> None:
    """Flag the cells whose centre is in the picture, and those whose whole footprint is known and behind nothing."""
    height, width = nearest.shape
    row = camera[0].double()
    world_to_camera = row[:12].view(3, 4)
    p = cell_centers(resolution, camera.device) @ world_to_camera[:, :3].T + world_to_camera[:, 3]
    depth = -p[:, 2]
    is_ahead = (depth > max(near_distance, 1e-6)) & ((flags & CARVED) == 0)
    safe = torch.where(is_ahead, depth, 1.0)
    u, v = p[:, 0] / safe, -p[:, 1] / safe
    r2 = u * u + v * v
    if row[20] == 0.0:
        x, y = distort(u, v, row[16:20])
        stretch = 1.0 + r2 * (3.0 * row[16] + 5.0 * r2 * row[17])
        largest = stretch.clamp(min=1.0)
    else:
        x, y = distort_fisheye(u, v, row[16:20])
        stretch = largest = _fisheye_stretch(r2.sqrt(), row[16:20])
    px, py = row[12] * x + row[14], row[13] * y + row[15]
    is_seen = is_ahead & (stretch > 0) & (px >= 0) & (py >= 0) & (px < width) & (py < height)
    is_whole = (px >= margin_px) & (py >= margin_px) & (px < width - margin_px) & (py < height - margin_px)
    surface = nearest[py.long().clamp(0, height - 1), px.long().clamp(0, width - 1)]
    radius = 3**0.5 / 2 / resolution
    footprint = radius / (depth - radius).clamp(min=1e-6) * torch.sqrt(1.0 + r2) * row[12:14].max()
    is_whole &= footprint * largest + 1.0 <= margin_px
    is_carved = is_seen & is_whole & (depth + radius < surface)
    flags |= is_seen.int() * SEEN | is_carved.int() * CARVED


def _fisheye_stretch(radius: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """How much larger a fisheye shows a small thing than a pinhole does, along the radius or across it, at the slope
    ``radius``: by finite differences. 0 where it turns back, and beyond the widest angle."""
    nothing, h = torch.zeros_like(radius), 1e-6
    here, there = (distort_fisheye(each, nothing, coefficients)[0] for each in (radius, radius + h))
    along = (there - here) / h
    across = here / radius.clamp(min=1e-12) / torch.sqrt(1.0 + radius * radius)
    is_used = (along > 0) & (radius.atan() < WIDEST_ANGLE)
    return torch.where(is_used, torch.maximum(along, across), 0.0)


def count_views(marks: torch.Tensor, change: int, counts: torch.Tensor, flags: torch.Tensor) -> None:
    """Counts by flag, and the flags of those that are left."""
    bits = 2 ** torch.arange(FLAG_COUNT, device=marks.device, dtype=torch.int32)
    is_marked = (marks[:, None] & bits) != 0
    counts += change * is_marked.int()
    lasting = torch.where(is_marked, counts > 0, (flags[:, None] & bits) != 0)
    flags.copy_((lasting.int() * bits).sum(1))


def sample_cells(
    resolution: int,
    seed: int,
    step: int,
    candidates: torch.Tensor,
    cells: torch.Tensor,
    points: torch.Tensor,
    cascades: int = 1,
) -> None:
    """One candidate from each of as many strata of the list as ``cells`` has room for, and a point inside it."""
    n = len(cells)
    index = torch.arange(n, device=candidates.device)
    pick = index
    if n < len(candidates):
        stratum = torch.tensor(len(candidates), dtype=torch.float32) / n
        offset = uniform(seed, step, index, RandomStream.CELL)
        pick = ((index.float() + offset) * stratum).long().clamp(max=len(candidates) - 1)
    cell = candidates[pick].long()
    within = cell % resolution**3
    corner = torch.stack([within % resolution, within // resolution % resolution, within // resolution**2], dim=1)
    jitter = torch.stack([uniform(seed, step, index, RandomStream.CELL_POINT + axis) for axis in range(3)], dim=1)
    side = 2.0 ** (cell // resolution**3 + 1 - cascades)
    cells[:] = cell.int()
    points[:] = ((corner + jitter) / resolution - 0.5) * side[:, None] + 0.5


def update_densities(
    cells: torch.Tensor,
    raw_densities: torch.Tensor,
    densities: torch.Tensor,
    decay: float,
    step_length: float,
    most: float = math.inf,
) -> None:
    """A decaying maximum of optical depth; each cell at most once in ``cells``."""
    index = cells.long()
    optical_depth = activate_density(raw_densities[: len(index), 0].double()).float() * step_length
    densities[index] = torch.maximum(densities[index] * decay, optical_depth.clamp(max=most))


def observe_densities(
    ray_samples: torch.Tensor,
    samples: Samples,
    raw_densities: torch.Tensor,
    observed: torch.Tensor,
    occupied: OccupancyBits,
    steps: StepRule,
) -> None:
    """The largest optical depth of the samples in each cell that light comes through to."""
    points, distances = samples.points, samples.distances
    resolution, cascades = occupied.resolution, occupied.cascades
    cascade, side = find_cascade(points, 0.0, resolution, cascades)
    x, y, z = (((points - 0.5) / side[:, None] + 0.5) * resolution).long().clamp(0, resolution - 1).unbind(1)
    index = ((cascade * resolution + z) * resolution + y) * resolution + x
    sigma = activate_density(raw_densities[: len(index), 0].double())
    optical_depth = (sigma * weighted_step_at(torch.zeros_like(sigma), steps)).float()
    depth = sigma * weighted_step_at(distances.double(), steps)
    for start, count in ray_samples.tolist():
        own = slice(start, start + count)
        is_hidden = depth[own].cumsum(0) - depth[own] >= -math.log(TRAINING_MIN_TRANSMITTANCE)
        seen = torch.where(is_hidden, 1e-9, optical_depth[own])
        observed.scatter_reduce_(0, index[own], seen, "amax")


def take_observed(observed: torch.Tensor, densities: torch.Tensor, decay: float) -> None:
    """Open cells with news take it over."""
    has_news = (observed > 0) & (densities > 0)
    densities[has_news] = torch.maximum(densities * decay, observed)[has_news]
    observed.zero_()
