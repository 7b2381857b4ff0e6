"""The occupancy grid's kernels: carve what cameras saw through, refresh densities. Then ``occupancy_bits`` packs them.

Cells are numbered (z * resolution + y) * resolution + x over a cascade's cube, the innermost cascade first, the
outermost (the unit cube) last.
"""

import math

import taichi as ti
import torch

from taichi_kernels.activations import activate_density
from taichi_kernels.bundles import OccupancyBits, Samples, SampleTensors
from taichi_kernels.compositing import TRAINING_MIN_TRANSMITTANCE
from taichi_kernels.launch import func, kernel
from taichi_kernels.marching import enter_cascade, find_cascade
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.rays import WIDEST_ANGLE
from taichi_kernels.stepping import StepNumbers, StepRule, weighted_step_at
from taichi_kernels.vectors import read_vector

# Flags of a cell.
SEEN = 1  # inside some training camera's picture
CARVED = 2  # some training camera saw through all of it
SURFACE = 4  # some training camera saw a surface in it
FLAG_COUNT = 3
# A view is looked at in runs of so many cells: dividing an index into x, y and z takes a third of the time otherwise.
_RUN = 16
# Samples behind this optical depth are hidden: training ends rays there too. What they count as: news, but no density.
_HIDDEN_DEPTH = -math.log(TRAINING_MIN_TRANSMITTANCE)
_HIDDEN_VALUE = 1e-9


@func
def _fisheye_scale(radius: ti.f32, k1: ti.f32, k2: ti.f32, k3: ti.f32, k4: ti.f32):
    """For a direction whose slope is ``radius``: by what a fisheye shrinks that slope, and by how much it stretches a
    pinhole's picture at most, along the radius or across it; 0 where its polynomial has turned back, and beyond the
    widest angle."""
    theta = ti.atan2(radius, 1.0)
    t2 = theta * theta
    shrink = 1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))
    slope = 1.0 + t2 * (3.0 * k1 + t2 * (5.0 * k2 + t2 * (7.0 * k3 + t2 * 9.0 * k4)))
    scale = shrink
    if radius > 1e-6:
        scale = theta * shrink / radius
    cosine2 = 1.0 / (1.0 + radius * radius)
    stretch = 0.0
    if slope > 0.0 and theta < WIDEST_ANGLE:
        stretch = ti.max(slope * cosine2, scale * ti.sqrt(cosine2))
    return scale, stretch


@kernel
def _carve_view(
    resolution: ti.i32,
    width: ti.i32,
    height: ti.i32,
    margin_px: ti.f32,
    near_distance: ti.f32,
    camera: ti.types.ndarray(),
    nearest: ti.types.ndarray(),
    flags: ti.types.ndarray(),
):
    cell_radius = 0.8660254 / resolution
    runs = (resolution + _RUN - 1) // _RUN
    for run in range(runs * resolution * resolution):
        x = run % runs * _RUN
        y = run // runs % resolution
        z = run // (runs * resolution)
        corner = (ti.math.vec3(x, y, z) + 0.5) / resolution
        first, step = ti.math.vec3(0.0), ti.math.vec3(0.0)
        for row in ti.static(range(3)):
            axis = ti.math.vec3(camera[0, row * 4], camera[0, row * 4 + 1], camera[0, row * 4 + 2])
            first[row] = axis.dot(corner) + camera[0, row * 4 + 3]
            step[row] = axis.x / resolution
        fx, fy, cx, cy = camera[0, 12], camera[0, 13], camera[0, 14], camera[0, 15]
        k1, k2, p1, p2 = camera[0, 16], camera[0, 17], camera[0, 18], camera[0, 19]
        is_fisheye = camera[0, 20] != 0.0
        for cell in range(ti.min(_RUN, resolution - x)):
            index = (z * resolution + y) * resolution + x + cell
            p = first + step * cell
            depth = -p.z
            # A cell that one camera saw through is settled.
            if depth > near_distance and (flags[index] & CARVED) == 0:
                u, v = p.x / depth, -p.y / depth
                r2 = u * u + v * v
                radial = 1.0 + r2 * (k1 + r2 * k2)
                # How much the lens stretches the picture here. Where it isn't positive the polynomial has turned back:
                # it would put points far off the axis into the picture.
                stretch = 1.0 + r2 * (3.0 * k1 + 5.0 * r2 * k2)
                seen_x = u * radial + 2.0 * p1 * u * v + p2 * (r2 + 2.0 * u * u)
                seen_y = v * radial + p1 * (r2 + 2.0 * v * v) + 2.0 * p2 * u * v
                if is_fisheye:
                    scale, stretch = _fisheye_scale(ti.sqrt(r2), k1, k2, p1, p2)
                    seen_x, seen_y = u * scale, v * scale
                px, py = fx * seen_x + cx, fy * seen_y + cy
                if stretch > 0.0 and px >= 0.0 and py >= 0.0 and px < width and py < height:
                    flags[index] = flags[index] | SEEN
                    whole = px >= margin_px and py >= margin_px and px < width - margin_px and py < height - margin_px
                    pixel = ti.cast(py, ti.i32) * width + ti.cast(px, ti.i32)
                    footprint = cell_radius / ti.max(depth - cell_radius, 1e-6) * ti.sqrt(1.0 + r2) * ti.max(fx, fy)
                    # One pixel more: what lies at the footprint's rim was sampled at the centre of its pixel.
                    if not is_fisheye:
                        stretch = ti.max(stretch, 1.0)
                    whole = whole and footprint * stretch + 1.0 <= margin_px
                    if whole and depth + cell_radius < nearest[pixel]:
                        flags[index] = flags[index] | CARVED


def carve_view(
    resolution: int,
    camera: torch.Tensor,
    nearest: torch.Tensor,
    margin_px: float,
    flags: torch.Tensor,
    near_distance: float = 0.0,
) -> None:
    """Mark in ``flags`` [resolution^3] int32 the cells this camera has in its picture, and those it saw through.

    Of one cascade, in whose own coordinates (0 to 1) all lengths are. Nothing nearer than ``near_distance`` counts.

    ``camera`` [1, 21] holds *world-to-camera* rows (unit-cube space to camera space) and intrinsics; ``nearest``
    [height, width] f32 the nearest surface (planar z, unit-cube lengths) within ``margin_px`` pixels: +inf where the
    camera saw nothing, 0 where it can't tell. Cells so near that their footprint is wider than that are not carved.
    """
    height, width = nearest.shape
    _carve_view(resolution, width, height, margin_px, max(near_distance, 1e-6), camera, nearest.view(-1), flags)


@kernel
def _count_views(
    change: ti.i32,
    marks: ti.types.ndarray(),
    counts: ti.types.ndarray(),
    flags: ti.types.ndarray(),
):
    for cell in range(marks.shape[0]):
        if marks[cell] != 0:
            for kind in ti.static(range(FLAG_COUNT)):
                if (marks[cell] >> kind) & 1 != 0:
                    counts[cell, kind] = counts[cell, kind] + change
                    if counts[cell, kind] > 0:
                        flags[cell] = flags[cell] | (1 << kind)
                    else:
                        flags[cell] = flags[cell] & ~(1 << kind)


def count_views(marks: torch.Tensor, change: int, counts: torch.Tensor, flags: torch.Tensor) -> None:
    """Count one view more (``change`` 1) or less (-1) for each flag that it sets in a cell, and set ``flags`` anew
    where it says anything: a flag stays as long as a view is left that sets it.

    ``marks`` and ``flags`` [cells] int32, ``counts`` [cells, FLAG_COUNT] int32.
    """
    _count_views(change, marks, counts, flags)


@kernel
def _sample_cells(
    resolution: ti.i32,
    seed: ti.i32,
    step: ti.i32,
    cascades: ti.template(),
    candidates: ti.types.ndarray(),
    cells: ti.types.ndarray(),
    points: ti.types.ndarray(),
):
    n, n_candidates = cells.shape[0], candidates.shape[0]
    for i in range(n):
        pick = i
        if n < n_candidates:
            # A random walk over strata: every part of the list is visited in each refresh.
            stratum = ti.cast(n_candidates, ti.f32) / n
            pick = ti.min(ti.cast((i + uniform(seed, step, i, RandomStream.CELL)) * stratum, ti.i32), n_candidates - 1)
        index = candidates[pick]
        cells[i] = index
        side = 1.0
        if ti.static(cascades > 1):
            cascade = index // (resolution * resolution * resolution)
            index -= cascade * (resolution * resolution * resolution)
            side = ti.cast(1 << cascade, ti.f32) * ti.static(2.0 ** (1 - cascades))
        corner = ti.math.vec3(
            index % resolution, (index // resolution) % resolution, index // (resolution * resolution)
        )
        for axis in ti.static(range(3)):
            inside = (corner[axis] + uniform(seed, step, i, RandomStream.CELL_POINT + axis)) / resolution
            if ti.static(cascades > 1):
                inside = (inside - 0.5) * side + 0.5
            points[i, axis] = inside


def sample_cells(
    resolution: int,
    seed: int,
    step: int,
    candidates: torch.Tensor,
    cells: torch.Tensor,
    points: torch.Tensor,
    cascades: int = 1,
) -> None:
    """Draw n of the ``candidates`` (cell numbers, int32), evenly spread, and a random point inside each.

    Writes ``cells`` [n] int32 and ``points`` [n, 3] in the unit cube.
    """
    _sample_cells(resolution, seed, step, cascades, candidates, cells, points)


@kernel
def _update_densities(
    decay: ti.f32,
    step_length: ti.f32,
    most: ti.f32,
    cells: ti.types.ndarray(),
    raw_densities: ti.types.ndarray(),
    densities: ti.types.ndarray(),
):
    for i in range(cells.shape[0]):
        cell = cells[i]
        optical_depth = activate_density(ti.cast(raw_densities[i, 0], ti.f32)) * step_length
        densities[cell] = ti.max(densities[cell] * decay, ti.min(optical_depth, most))


def update_densities(
    cells: torch.Tensor,
    raw_densities: torch.Tensor,
    densities: torch.Tensor,
    decay: float,
    step_length: float,
    most: float = math.inf,
) -> None:
    """``densities[cell] = max(decay * old, sigma * step_length)``: a running maximum of optical depth a step.

    A cell isn't raised above ``most``.
    """
    _update_densities(decay, step_length, most, cells, raw_densities, densities)


@kernel
def _observe_densities(
    resolution: ti.i32,
    steps: StepNumbers,
    grows: ti.template(),
    cascades: ti.template(),
    ray_samples: ti.types.ndarray(),
    samples: SampleTensors,
    raw_densities: ti.types.ndarray(),
    observed: ti.types.ndarray(),
):
    for ray in range(ray_samples.shape[0]):
        optical_depth = 0.0
        for i in range(ray_samples[ray, 0], ray_samples[ray, 0] + ray_samples[ray, 1]):
            point = read_vector(samples.points, i)
            # Where the point lies, whatever its step: cells have a density in one cascade alone.
            cascade, side = find_cascade(point, 0.0, resolution, cascades)
            cell = ti.cast(ti.floor(enter_cascade(point, side, cascades) * resolution), ti.i32)
            if cell.min() >= 0 and cell.max() < resolution:
                index = ((cascade * resolution + cell.z) * resolution + cell.y) * resolution + cell.x
                sigma = activate_density(ti.cast(raw_densities[i, 0], ti.f32))
                value = _HIDDEN_VALUE
                if optical_depth < _HIDDEN_DEPTH:
                    value = sigma * weighted_step_at(0.0, steps, grows)
                # Positive floats are ordered as their bits are, and an integer's maximum is one instruction.
                ti.atomic_max(observed[index], ti.bit_cast(value, ti.i32))
                optical_depth += sigma * weighted_step_at(samples.distances[i], steps, grows)


def observe_densities(
    ray_samples: torch.Tensor,
    samples: Samples,
    raw_densities: torch.Tensor,
    observed: torch.Tensor,
    occupied: OccupancyBits,
    steps: StepRule,
) -> None:
    """Note what training found at its samples: ``observed[cell] = max(observed[cell], sigma * shortest step)``.

    ``ray_samples`` [n, 2] int32; ``raw_densities`` [samples, any] (column 0 counts); ``observed`` [cells] f32 starts at
    0, and has as many cells as ``occupied``, whose bits don't matter. What lies behind opaque surfaces counts as next
    to empty, however dense: no ray learns or shows anything there.
    """
    _observe_densities(
        occupied.resolution, steps, steps.grows, occupied.cascades, ray_samples, samples, raw_densities,
        observed.view(torch.int32),
    )  # fmt: skip


@kernel
def _take_observed(decay: ti.f32, observed: ti.types.ndarray(), densities: ti.types.ndarray()):
    for cell in range(densities.shape[0]):
        if observed[cell] > 0.0:
            # A cell that views closed is exactly 0 and stays so.
            if densities[cell] > 0.0:
                densities[cell] = ti.max(densities[cell] * decay, observed[cell])
            observed[cell] = 0.0


def take_observed(observed: torch.Tensor, densities: torch.Tensor, decay: float) -> None:
    """Update the open cells that ``observed`` [cells] has news of, as ``update_densities`` does, and reset it to 0."""
    _take_observed(decay, observed, densities)
