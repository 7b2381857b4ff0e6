"""Ray marching to the same samples as ``taichi_kernels.marching``, found by many threads a ray: for GPUs and few, long
rays.

A training step has too few rays to keep a GPU busy with a thread each, and a thread's walk is one long chain of reads.
Here a thread looks at a segment of 32 steps, and leaves what it found as the bits of one number.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import (
    OccupancyBits,
    OccupancyTensors,
    Rays,
    RayTensors,
    Samples,
    SampleTensors,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.marching import find_empty_cell, invert_direction, skip_cell
from taichi_kernels.stepping import StepNumbers, StepRule, lattice_distance, step_at
from taichi_kernels.vectors import read_vector

SEGMENT_STEPS = 32


@func
def _count_bits(bits: ti.i32) -> ti.i32:
    v = ti.cast(bits, ti.u32)
    v = v - ((v >> 1) & ti.u32(0x55555555))
    v = (v & ti.u32(0x33333333)) + ((v >> 2) & ti.u32(0x33333333))
    v = (v + (v >> 4)) & ti.u32(0x0F0F0F0F)
    return ti.cast((v * ti.u32(0x01010101)) >> 24, ti.i32)


@kernel
def _mark_samples(
    resolution: ti.i32,
    steps: StepNumbers,
    grows: ti.template(),
    cascades: ti.template(),
    rays: RayTensors,
    occupied: OccupancyTensors,
    marks: ti.types.ndarray(),
):
    segments = marks.shape[1]
    for item in range(marks.shape[0] * segments):
        ray = item // segments
        first = (item - ray * segments) * SEGMENT_STEPS
        t_end = rays.t_range[ray, 1]
        t = lattice_distance(rays.t_range[ray, 0], first, steps, grows)
        found = 0
        if t < t_end:
            o, d = read_vector(rays.origins, ray), read_vector(rays.directions, ray)
            inverse_d = invert_direction(d)
            k = 0
            while k < SEGMENT_STEPS and t < t_end:
                step = step_at(t, steps, grows)
                cells, inside, side = find_empty_cell(o + t * d, step, occupied, resolution, cascades)
                if cells > 0:
                    past, count = skip_cell(t, inside, inverse_d, cells, side, steps, grows)
                    t = past
                    k += count
                else:
                    found |= 1 << k
                    t += step
                    k += 1
        marks[ray, item - ray * segments] = found


@kernel
def _reserve_samples(
    max_samples: ti.i32,
    capacity: ti.i32,
    marks: ti.types.ndarray(),
    counter: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
):
    for ray in range(marks.shape[0]):
        count = 0
        for segment in range(marks.shape[1]):
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
    steps: StepNumbers,
    grows: ti.template(),
    rays: RayTensors,
    marks: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    samples: SampleTensors,
):
    segments = marks.shape[1]
    for item in range(marks.shape[0] * segments):
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
            o, d = read_vector(rays.origins, ray), read_vector(rays.directions, ray)
            t = lattice_distance(rays.t_range[ray, 0], segment * SEGMENT_STEPS, steps, grows)
            for k in range(SEGMENT_STEPS):
                if (found >> k) & 1 and left > 0:
                    for axis in ti.static(range(3)):
                        samples.points[row, axis] = o[axis] + t * d[axis]
                    samples.distances[row] = t
                    samples.sample_rays[row] = ray
                    row += 1
                    left -= 1
                t += step_at(t, steps, grows)


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
    _mark_samples(occupied.resolution, steps, steps.grows, occupied.cascades, rays, occupied, marks)
    _reserve_samples(max_samples, samples.capacity, marks, counter, ray_samples)
    _write_samples(steps, steps.grows, rays, marks, ray_samples, samples)
