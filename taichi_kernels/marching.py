"""March rays through the occupancy bits and pack the samples that fall into occupied cells.

Samples of a ray lie on a lattice that the StepRule makes from its start. Empty cells are skipped to their border in one
go. Occupancy comes in cascades (Instant-NGP, appendices E.1 and E.2): each is a cube around the middle of the unit
cube, half as large as the next, all of the same resolution; the outermost is the unit cube itself. A sample looks at
the finest cascade that holds it and whose cells aren't smaller than its step.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import (
    COARSE_FACTOR,
    OccupancyBits,
    OccupancyTensors,
    Rays,
    RayTensors,
    Samples,
    SampleTensors,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.stepping import MOST_STEPS, StepNumbers, StepRule, step_at
from taichi_kernels.vectors import read_vector

# The largest float32 below 1.
_BELOW_ONE = 1.0 - 2.0**-24


@func
def find_cascade(point: ti.math.vec3, step: ti.f32, resolution: ti.i32, cascades: ti.template()):  # noqa: ANN201
    """The cascade (0: the innermost) that a sample looks at, and its side in unit-cube lengths."""
    cascade, side = 0, ti.static(2.0 ** (1 - cascades))
    if ti.static(cascades > 1):
        needed = ti.max(2.0 * ti.abs(point - 0.5).max(), step * resolution)
        while cascade < cascades - 1 and side <= needed:
            cascade += 1
            side *= 2.0
    return cascade, side


@func
def enter_cascade(point: ti.math.vec3, side: ti.f32, cascades: ti.template()) -> ti.math.vec3:
    """A point of the unit cube in the coordinates of a cascade that holds it: 0 to 1, the far border left out."""
    inside = point
    if ti.static(cascades > 1):
        inside = ti.min((point - 0.5) / side + 0.5, _BELOW_ONE)
    return inside


@func
def is_occupied(bits: ti.template(), cascade: ti.i32, point: ti.math.vec3, resolution: ti.i32) -> ti.i32:
    """The occupancy bit of the cell that holds a point of a cascade (0 to 1); 0 outside it."""
    cell = ti.cast(ti.floor(point * resolution), ti.i32)
    inside = cell.min() >= 0 and cell.max() < resolution
    bit = 0
    if inside:
        index = ((cascade * resolution + cell.z) * resolution + cell.y) * resolution + cell.x
        bit = (bits[index >> 5] >> (index & 31)) & 1
    return bit


@func
def skip_cell(  # noqa: ANN201
    t: ti.f32, point: ti.math.vec3, inverse_d: ti.math.vec3, resolution: ti.i32, side: ti.f32,
    steps: ti.template(), grows: ti.template(),
):  # fmt: skip
    """The first lattice distance past the border of the cell that holds ``point`` of a cascade, and how many steps
    that is."""
    scaled = point * resolution
    nearest = 1e9
    for axis in ti.static(range(3)):
        border = ti.floor(scaled[axis]) + (1.0 if inverse_d[axis] > 0.0 else 0.0)
        nearest = ti.min(nearest, (border - scaled[axis]) * inverse_d[axis] / resolution)
    nearest *= side
    result, count = t, 1
    if ti.static(grows):
        # Step by step, so that the lattice doesn't depend on which cells are empty.
        result += step_at(result, steps, grows)
        while result < t + nearest and count < MOST_STEPS:
            result += step_at(result, steps, grows)
            count += 1
    else:
        count = ti.max(ti.cast(ti.ceil(nearest / steps.smallest), ti.i32), 1)
        result += ti.max(count * steps.smallest, step_at(t, steps, grows))
    return result, count


@func
def find_empty_cell(  # noqa: ANN201
    point: ti.math.vec3, step: ti.f32, occupied: ti.template(), resolution: ti.i32, cascades: ti.template()
):
    """The resolution of the empty cell a sample lies in, coarse or fine, 0 when it is to be evaluated; then the sample
    in the coordinates of the cascade it looks at, and that cascade's side."""
    cascade, side = find_cascade(point, step, resolution, cascades)
    inside = enter_cascade(point, side, cascades)
    cells, coarse_resolution = 0, resolution // COARSE_FACTOR
    if is_occupied(occupied.coarse_bits, cascade, inside, coarse_resolution) == 0:
        cells = coarse_resolution
    elif is_occupied(occupied.bits, cascade, inside, resolution) == 0:
        cells = resolution
    return cells, inside, side


@func
def invert_direction(d: ti.math.vec3) -> ti.math.vec3:
    """1 / d, finite along axes too."""
    inverse = ti.math.vec3(0.0)
    for axis in ti.static(range(3)):
        inverse[axis] = 1.0 / (d[axis] if ti.abs(d[axis]) > 1e-12 else 1e-12)
    return inverse


@func
def _find_sample(
    t: ti.f32, t_end: ti.f32, o: ti.math.vec3, d: ti.math.vec3, inverse_d: ti.math.vec3,
    occupied: ti.template(), resolution: ti.i32, steps: ti.template(), grows: ti.template(), cascades: ti.template(),
) -> ti.f32:  # fmt: skip
    """The next lattice distance >= t in an occupied cell, or one >= t_end when there is none."""
    found, tried = 0, 0
    while t < t_end and found == 0 and tried < MOST_STEPS:
        tried += 1
        step = step_at(t, steps, grows)
        cells, inside, side = find_empty_cell(o + t * d, step, occupied, resolution, cascades)
        if cells > 0:
            t, _ = skip_cell(t, inside, inverse_d, cells, side, steps, grows)
        else:
            found = 1
    if found == 0:
        t = ti.max(t, t_end)
    return t


@func
def _count_samples(
    ray: ti.i32, max_samples: ti.i32, rays: ti.template(), occupied: ti.template(), resolution: ti.i32,
    steps: ti.template(), grows: ti.template(), cascades: ti.template(),
):  # fmt: skip
    """The distance of a ray's first sample, and how many it takes."""
    o, d = read_vector(rays.origins, ray), read_vector(rays.directions, ray)
    inverse_d, t_end = invert_direction(d), rays.t_range[ray, 1]
    first = _find_sample(rays.t_range[ray, 0], t_end, o, d, inverse_d, occupied, resolution, steps, grows, cascades)
    t, count = first, 0
    while t < t_end and count < max_samples:
        count += 1
        t = _find_sample(
            t + step_at(t, steps, grows), t_end, o, d, inverse_d, occupied, resolution, steps, grows, cascades
        )
    return first, count


@func
def _write_samples(
    ray: ti.i32, first: ti.f32, start: ti.i32, count: ti.i32,
    rays: ti.template(), occupied: ti.template(), resolution: ti.i32, steps: ti.template(), grows: ti.template(),
    cascades: ti.template(), samples: ti.template(),
) -> ti.i32:  # fmt: skip
    """March again from a ray's first sample, which is cheaper than keeping every distance somewhere, and write the
    samples to where they have place, if there is room for all. Returns how many were written."""
    o, d = read_vector(rays.origins, ray), read_vector(rays.directions, ray)
    inverse_d, t_end = invert_direction(d), rays.t_range[ray, 1]
    fits = start + count <= samples.distances.shape[0]
    t = first
    for k in range(count):
        if fits:
            for axis in ti.static(range(3)):
                samples.points[start + k, axis] = o[axis] + t * d[axis]
            samples.distances[start + k] = t
            samples.sample_rays[start + k] = ray
        t = _find_sample(
            t + step_at(t, steps, grows), t_end, o, d, inverse_d, occupied, resolution, steps, grows, cascades
        )
    # Where a later march of the same ray goes on.
    rays.t_range[ray, 0] = t
    return count if fits else 0


@kernel
def _march_rays(
    max_samples: ti.i32,
    resolution: ti.i32,
    steps: StepNumbers,
    grows: ti.template(),
    cascades: ti.template(),
    ray_ids: ti.types.ndarray(),
    rays: RayTensors,
    occupied: OccupancyTensors,
    counter: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    samples: SampleTensors,
):
    for item in range(ray_ids.shape[0]):
        ray = ray_ids[item]
        first, count = _count_samples(ray, max_samples, rays, occupied, resolution, steps, grows, cascades)
        start = 0
        if count > 0:
            start = ti.atomic_add(counter[0], count)
        ray_samples[item, 0] = start
        ray_samples[item, 1] = _write_samples(
            ray, first, start, count, rays, occupied, resolution, steps, grows, cascades, samples
        )


@kernel
def _march_rays_in_order(
    max_samples: ti.i32,
    resolution: ti.i32,
    steps: StepNumbers,
    grows: ti.template(),
    cascades: ti.template(),
    ray_ids: ti.types.ndarray(),
    rays: RayTensors,
    occupied: OccupancyTensors,
    counter: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    samples: SampleTensors,
):
    for item in range(ray_ids.shape[0]):
        ray = ray_ids[item]
        first, count = _count_samples(ray, max_samples, rays, occupied, resolution, steps, grows, cascades)
        rays.t_range[ray, 0] = first
        ray_samples[item, 1] = count
    ti.loop_config(serialize=True)
    for item in range(ray_ids.shape[0]):
        ray_samples[item, 0] = counter[0]
        counter[0] = counter[0] + ray_samples[item, 1]
    for item in range(ray_ids.shape[0]):
        ray, start, count = ray_ids[item], ray_samples[item, 0], ray_samples[item, 1]
        ray_samples[item, 1] = _write_samples(
            ray, rays.t_range[ray, 0], start, count, rays, occupied, resolution, steps, grows, cascades, samples
        )


def march_rays(
    ray_ids: torch.Tensor,
    max_samples: int,
    steps: StepRule,
    rays: Rays,
    occupied: OccupancyBits,
    counter: torch.Tensor,
    ray_samples: torch.Tensor,
    samples: Samples,
    in_order: bool = False,
) -> None:
    """Pack up to ``max_samples`` samples of each ray in ``ray_ids`` [n] int32 into ``samples``.

    ``rays.t_range`` is advanced past the samples taken, to the next one if there is any. ``counter`` [1] int32 must be
    0; afterwards it holds the samples *wanted*, which may exceed the capacity of ``samples``: a ray that did not fit
    gets none. Writes ``ray_samples`` [n, 2] int32 (first sample, count) and ``samples``. ``in_order``: rays come in the
    order of their ids, so that the same rays give the same arrays in every run; otherwise in the order in which they
    are done.
    """
    march = _march_rays_in_order if in_order else _march_rays
    march(
        max_samples, occupied.resolution, steps, steps.grows, occupied.cascades,
        ray_ids, rays, occupied, counter, ray_samples, samples,
    )  # fmt: skip
