"""The same samples as ``taichi_kernels.marching``, found by many threads a ray: for GPUs and few, long rays.

A training step has too few rays to keep a GPU busy with a thread each, and a thread's walk is one long chain of reads.
Here a thread looks at a segment of 32 steps, and leaves what it found as the bits of one number.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import OccupancyBits, Rays, Samples
from taichi_kernels.launch import func, kernel
from taichi_kernels.marching import find_empty_cell, invert_direction, skip_cell
from taichi_kernels.stepping import StepRule, lattice_distance, step_at

SEGMENT_STEPS = 32


@func
def _read_vector(vectors: ti.template(), row: ti.i32) -> ti.math.vec3:
    return ti.math.vec3(vectors[row, 0], vectors[row, 1], vectors[row, 2])


@func
def _count_bits(bits: ti.i32) -> ti.i32:
    v = ti.cast(bits, ti.u32)
    v = v - ((v >> 1) & ti.u32(0x55555555))
    v = (v & ti.u32(0x33333333)) + ((v >> 2) & ti.u32(0x33333333))
    v = (v + (v >> 4)) & ti.u32(0x0F0F0F0F)
    return ti.cast((v * ti.u32(0x01010101)) >> 24, ti.i32)


@kernel
def _mark_samples(
    n: ti.i32,
    segments: ti.i32,
    resolution: ti.i32,
    coarse_resolution: ti.i32,
    smallest_step: ti.f32,
    largest_step: ti.f32,
    cone_angle: ti.f32,
    grows: ti.template(),
    cascades: ti.template(),
    rays_o: ti.types.ndarray(),
    rays_d: ti.types.ndarray(),
    t_range: ti.types.ndarray(),
    bits: ti.types.ndarray(),
    coarse_bits: ti.types.ndarray(),
    marks: ti.types.ndarray(),
):
    for item in range(n * segments):
        ray = item // segments
        first = (item - ray * segments) * SEGMENT_STEPS
        t_end = t_range[ray, 1]
        t = lattice_distance(t_range[ray, 0], first, smallest_step, largest_step, cone_angle, grows)
        found = 0
        if t < t_end:
            o, d = _read_vector(rays_o, ray), _read_vector(rays_d, ray)
            inverse_d = invert_direction(d)
            k = 0
            while k < SEGMENT_STEPS and t < t_end:
                step = step_at(t, smallest_step, largest_step, cone_angle, grows)
                cells, inside, side = find_empty_cell(
                    o + t * d, step, bits, coarse_bits, resolution, coarse_resolution, cascades
                )
                if cells > 0:
                    past, count = skip_cell(
                        t, inside, inverse_d, cells, side, smallest_step, largest_step, cone_angle, grows
                    )
                    t = past
                    k += count
                else:
                    found |= 1 << k
                    t += step
                    k += 1
        marks[ray, item - ray * segments] = found


@kernel
def _reserve_samples(
    n: ti.i32,
    segments: ti.i32,
    max_samples: ti.i32,
    capacity: ti.i32,
    marks: ti.types.ndarray(),
    counter: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
):
    for ray in range(n):
        count = 0
        for segment in range(segments):
            count += _count_bits(marks[ray, segment])
        count = ti.min(count, max_samples)
        start = 0
        if count > 0:
            start = ti.atomic_add(counter[0], count)
            if start + count > capacity:
                count = 0
        ray_samples[ray, 0] = start
        ray_samples[ray, 1] = count


@kernel
def _write_samples(
    n: ti.i32,
    segments: ti.i32,
    smallest_step: ti.f32,
    largest_step: ti.f32,
    cone_angle: ti.f32,
    grows: ti.template(),
    rays_o: ti.types.ndarray(),
    rays_d: ti.types.ndarray(),
    t_range: ti.types.ndarray(),
    marks: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    points: ti.types.ndarray(),
    distances: ti.types.ndarray(),
    sample_rays: ti.types.ndarray(),
):
    for item in range(n * segments):
        ray = item // segments
        segment = item - ray * segments
        found = marks[ray, segment]
        left = ray_samples[ray, 1]
        if found != 0 and left > 0:
            row = ray_samples[ray, 0]
            for former in range(segment):
                before = _count_bits(marks[ray, former])
                row += before
                left -= before
            o, d = _read_vector(rays_o, ray), _read_vector(rays_d, ray)
            t = lattice_distance(
                t_range[ray, 0], segment * SEGMENT_STEPS, smallest_step, largest_step, cone_angle, grows
            )
            for k in range(SEGMENT_STEPS):
                if (found >> k) & 1 and left > 0:
                    for axis in ti.static(range(3)):
                        points[row, axis] = o[axis] + t * d[axis]
                    distances[row] = t
                    sample_rays[row] = ray
                    row += 1
                    left -= 1
                t += step_at(t, smallest_step, largest_step, cone_angle, grows)


def march_ray_segments(
    marks: torch.Tensor,
    max_samples: int,
    steps: StepRule,
    rays: Rays,
    occupied: OccupancyBits,
    counter: torch.Tensor,
    ray_samples: torch.Tensor,
    samples: Samples,
) -> None:
    """Pack the first ``max_samples`` samples of each ray, as many rays as ``marks`` [n, segments] int32 has rows.

    ``marks`` is scratch, wide enough for the longest ray's steps, SEGMENT_STEPS a column. ``rays.t_range`` stays as it
    is; all else as in ``marching.march_rays``.
    """
    n, segments = marks.shape
    lattice = (steps.smallest, steps.largest, steps.cone_angle, steps.grows)
    origins, directions, t_range = rays.origins, rays.directions, rays.t_range
    _mark_samples(
        n, segments, occupied.resolution, occupied.coarse_resolution, *lattice, occupied.cascades,
        origins, directions, t_range, occupied.bits, occupied.coarse_bits, marks,
    )  # fmt: skip
    _reserve_samples(n, segments, max_samples, samples.capacity, marks, counter, ray_samples)
    _write_samples(
        n, segments, *lattice, origins, directions, t_range, marks, ray_samples,
        samples.points, samples.distances, samples.sample_rays,
    )  # fmt: skip
