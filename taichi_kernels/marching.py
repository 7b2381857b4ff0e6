"""March rays through the occupancy bits and pack the samples that fall into occupied cells.

Samples lie on a lattice of constant ``step_length`` along each ray (Instant-NGP, appendix E.1, without the cone growth
that only unbounded scenes need). Empty cells are skipped to their border in one go.
"""

import taichi as ti
import torch

from taichi_kernels.launch import kernel


@ti.func
def is_occupied(bits: ti.template(), point: ti.math.vec3, resolution: ti.i32) -> ti.i32:
    """The occupancy bit of the cell that holds a point of the unit cube; 0 outside it."""
    cell = ti.cast(ti.floor(point * resolution), ti.i32)
    inside = cell.min() >= 0 and cell.max() < resolution
    bit = 0
    if inside:
        index = (cell.z * resolution + cell.y) * resolution + cell.x
        bit = (bits[index >> 5] >> (index & 31)) & 1
    return bit


@ti.func
def _skip_cell(t: ti.f32, point: ti.math.vec3, inverse_d: ti.math.vec3, resolution: ti.i32, step: ti.f32) -> ti.f32:
    """The first lattice distance past the border of the cell that holds ``point``."""
    scaled = point * resolution
    nearest = 1e9
    for axis in ti.static(range(3)):
        border = ti.floor(scaled[axis]) + (1.0 if inverse_d[axis] > 0.0 else 0.0)
        nearest = ti.min(nearest, (border - scaled[axis]) * inverse_d[axis] / resolution)
    return t + ti.max(ti.ceil(nearest / step), 1.0) * step


@ti.func
def _find_sample(
    t: ti.f32, t_end: ti.f32, o: ti.math.vec3, d: ti.math.vec3, inverse_d: ti.math.vec3,
    bits: ti.template(), coarse_bits: ti.template(), resolution: ti.i32, coarse_resolution: ti.i32, step: ti.f32,
) -> ti.f32:  # fmt: skip
    """The next lattice distance >= t in an occupied cell, or one >= t_end when there is none."""
    found = 0
    while t < t_end and found == 0:
        point = o + t * d
        if is_occupied(coarse_bits, point, coarse_resolution) == 0:
            t = _skip_cell(t, point, inverse_d, coarse_resolution, step)
        elif is_occupied(bits, point, resolution) == 0:
            t = _skip_cell(t, point, inverse_d, resolution, step)
        else:
            found = 1
    return t


@kernel
def _march_rays(
    n: ti.i32,
    max_samples: ti.i32,
    capacity: ti.i32,
    resolution: ti.i32,
    coarse_resolution: ti.i32,
    step: ti.f32,
    ray_ids: ti.types.ndarray(),
    rays_o: ti.types.ndarray(),
    rays_d: ti.types.ndarray(),
    t_range: ti.types.ndarray(),
    bits: ti.types.ndarray(),
    coarse_bits: ti.types.ndarray(),
    counter: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    points: ti.types.ndarray(),
    distances: ti.types.ndarray(),
    sample_rays: ti.types.ndarray(),
):
    for item in range(n):
        ray = ray_ids[item]
        o = ti.math.vec3(rays_o[ray, 0], rays_o[ray, 1], rays_o[ray, 2])
        d = ti.math.vec3(rays_d[ray, 0], rays_d[ray, 1], rays_d[ray, 2])
        inverse_d = ti.math.vec3(0.0)
        for axis in ti.static(range(3)):
            inverse_d[axis] = 1.0 / (d[axis] if ti.abs(d[axis]) > 1e-12 else 1e-12)
        t_end = t_range[ray, 1]
        first = _find_sample(
            t_range[ray, 0], t_end, o, d, inverse_d, bits, coarse_bits, resolution, coarse_resolution, step
        )
        # Count, reserve, then march again from the first sample: cheaper than keeping every distance somewhere.
        t = first
        count = 0
        while t < t_end and count < max_samples:
            count += 1
            t = _find_sample(t + step, t_end, o, d, inverse_d, bits, coarse_bits, resolution, coarse_resolution, step)
        start = 0
        if count > 0:
            start = ti.atomic_add(counter[0], count)
            if start + count > capacity:
                count = 0
        ray_samples[item, 0] = start
        ray_samples[item, 1] = count
        # Where a later march of the same ray goes on.
        t_range[ray, 0] = t
        t = first
        for k in range(count):
            for axis in ti.static(range(3)):
                points[start + k, axis] = o[axis] + t * d[axis]
            distances[start + k] = t
            sample_rays[start + k] = ray
            t = _find_sample(t + step, t_end, o, d, inverse_d, bits, coarse_bits, resolution, coarse_resolution, step)


def march_rays(
    ray_ids: torch.Tensor,
    max_samples: int,
    step_length: float,
    rays_o: torch.Tensor,
    rays_d: torch.Tensor,
    t_range: torch.Tensor,
    bits: torch.Tensor,
    coarse_bits: torch.Tensor,
    resolution: int,
    coarse_resolution: int,
    counter: torch.Tensor,
    ray_samples: torch.Tensor,
    points: torch.Tensor,
    distances: torch.Tensor,
    sample_rays: torch.Tensor,
) -> None:
    """Pack up to ``max_samples`` samples of each ray in ``ray_ids`` [n] int32 into the sample arrays.

    ``t_range`` [rays, 2] is advanced past the samples taken. ``counter`` [1] int32 must be 0; afterwards it holds the
    samples *wanted*, which may exceed the capacity (the length of ``points``): a ray that did not fit gets none.
    Writes ``ray_samples`` [n, 2] int32 (first sample, count), ``points`` [capacity, 3] in the unit cube,
    ``distances`` [capacity] along the ray, ``sample_rays`` [capacity] int32 (the ray each sample belongs to).
    """
    _march_rays(
        ray_ids.shape[0], max_samples, points.shape[0], resolution, coarse_resolution, step_length,
        ray_ids, rays_o, rays_d, t_range, bits, coarse_bits, counter, ray_samples, points, distances, sample_rays,
    )  # fmt: skip
