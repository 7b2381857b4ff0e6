"""Rays: of a whole picture, or of pixels drawn at random from all training views.

Rays live in the unit cube of the field (one isotropic scale and a shift away from the world), so directions keep their
length of 1 and distances are world distances times the scale. Pixel centres are at +0.5.

A camera is one row of 20 floats: pose [3, 4] row by row in unit-cube space, then fx fy cx cy k1 k2 p1 p2.
"""

import taichi as ti
import torch

from taichi_kernels.launch import kernel
from taichi_kernels.random_numbers import uniform
from taichi_kernels.stepping import StepRule, step_at

CAMERA_FLOATS = 20
# Stored where a pixel's depth was not captured; real depths are positive or +inf.
UNKNOWN_DEPTH = -1.0
# Enough for a wide action camera (k1 -0.25 at 1.2 focal lengths off the axis) to converge below float32 precision.
_UNDISTORT_ITERATIONS = 20


@ti.func
def _undistort(x: ti.f32, y: ti.f32, k1: ti.f32, k2: ti.f32, p1: ti.f32, p2: ti.f32):
    """Invert OpenCV's radial-tangential model by fixed-point iteration on normalised image coordinates."""
    u, v = x, y
    for _ in range(_UNDISTORT_ITERATIONS):
        r2 = u * u + v * v
        radial = 1.0 + r2 * (k1 + r2 * k2)
        u = (x - 2.0 * p1 * u * v - p2 * (r2 + 2.0 * u * u)) / radial
        v = (y - p1 * (r2 + 2.0 * v * v) - 2.0 * p2 * u * v) / radial
    return u, v


@ti.func
def _pixel_ray(cameras: ti.template(), view: ti.i32, px: ti.f32, py: ti.f32):
    """Origin, unit direction, and the cosine between direction and camera axis (planar z = distance * cosine)."""
    x = (px - cameras[view, 14]) / cameras[view, 12]
    y = (py - cameras[view, 15]) / cameras[view, 13]
    k1, k2, p1, p2 = cameras[view, 16], cameras[view, 17], cameras[view, 18], cameras[view, 19]
    if k1 != 0.0 or k2 != 0.0 or p1 != 0.0 or p2 != 0.0:
        x, y = _undistort(x, y, k1, k2, p1, p2)
    local = ti.math.vec3(x, -y, -1.0)
    cosine = 1.0 / local.norm()
    direction = ti.math.vec3(0.0)
    origin = ti.math.vec3(0.0)
    for row in ti.static(range(3)):
        axis = ti.math.vec3(cameras[view, row * 4], cameras[view, row * 4 + 1], cameras[view, row * 4 + 2])
        direction[row] = axis.dot(local) * cosine
        origin[row] = cameras[view, row * 4 + 3]
    return origin, direction, cosine


@ti.func
def _clip_to_box(origin: ti.math.vec3, direction: ti.math.vec3, box: ti.template()):
    """Distances at which a ray enters and leaves ``box`` [2, 3]; enter >= leave when it misses."""
    near, far = 0.0, 1e9
    for axis in ti.static(range(3)):
        d = direction[axis]
        d = d if ti.abs(d) > 1e-12 else 1e-12
        a, b = (box[0, axis] - origin[axis]) / d, (box[1, axis] - origin[axis]) / d
        near, far = ti.max(near, ti.min(a, b)), ti.min(far, ti.max(a, b))
    return near, far


@kernel
def _generate_camera_rays(
    first: ti.i32,
    n: ti.i32,
    width: ti.i32,
    near_distance: ti.f32,
    camera: ti.types.ndarray(),
    box: ti.types.ndarray(),
    rays_o: ti.types.ndarray(),
    rays_d: ti.types.ndarray(),
    t_range: ti.types.ndarray(),
    cosines: ti.types.ndarray(),
):
    for i in range(n):
        pixel = first + i
        origin, direction, cosine = _pixel_ray(camera, 0, pixel % width + 0.5, pixel // width + 0.5)
        near, far = _clip_to_box(origin, direction, box)
        for axis in ti.static(range(3)):
            rays_o[i, axis] = origin[axis]
            rays_d[i, axis] = direction[axis]
        t_range[i, 0] = ti.max(near, near_distance)
        t_range[i, 1] = far
        cosines[i] = cosine


def generate_camera_rays(
    first: int,
    n: int,
    width: int,
    near_distance: float,
    camera: torch.Tensor,
    box: torch.Tensor,
    rays_o: torch.Tensor,
    rays_d: torch.Tensor,
    t_range: torch.Tensor,
    cosines: torch.Tensor,
) -> None:
    """Rays through the centres of pixels ``first`` to ``first + n`` (row-major) of one ``camera`` [1, 20].

    Writes ``rays_o`` and ``rays_d`` [n, 3], ``t_range`` [n, 2] (where the ray is inside ``box`` [2, 3] and at least
    ``near_distance`` away; empty when it misses) and ``cosines`` [n].
    """
    _generate_camera_rays(first, n, width, near_distance, camera, box, rays_o, rays_d, t_range, cosines)


@kernel
def _sample_training_rays(
    n: ti.i32,
    n_views: ti.i32,
    seed: ti.i32,
    step: ti.i32,
    scale: ti.f32,
    depth_margin: ti.f32,
    near_distance: ti.f32,
    grows: ti.template(),
    smallest_step: ti.f32,
    largest_step: ti.f32,
    cone_angle: ti.f32,
    cameras: ti.types.ndarray(),
    images: ti.types.ndarray(),
    colors: ti.types.ndarray(),
    depths: ti.types.ndarray(),
    box: ti.types.ndarray(),
    rays_o: ti.types.ndarray(),
    rays_d: ti.types.ndarray(),
    t_range: ti.types.ndarray(),
    targets: ti.types.ndarray(),
):
    for i in range(n):
        view = ti.min(ti.cast(uniform(seed, step, i, 0) * n_views, ti.i32), n_views - 1)
        offset, width, height = images[view, 0], images[view, 1], images[view, 2]
        px = ti.min(ti.cast(uniform(seed, step, i, 1) * width, ti.i32), width - 1)
        py = ti.min(ti.cast(uniform(seed, step, i, 2) * height, ti.i32), height - 1)
        origin, direction, cosine = _pixel_ray(cameras, view, px + 0.5, py + 0.5)
        near, far = _clip_to_box(origin, direction, box)
        pixel = offset + py * width + px
        alpha = ti.cast(colors[pixel, 3], ti.f32)
        distance = UNKNOWN_DEPTH
        if images[view, 3] != 0:
            z = depths[pixel]
            # At an antialiased edge depth belongs to one of several surfaces: trust it only where the pixel is full.
            if z > 0.0 and z < 1e9 and alpha > 0.999:
                distance = z * scale / cosine
                # Nothing behind an opaque surface can be seen: spend no samples there.
                margin = ti.max(depth_margin, step_at(distance, 0.0, largest_step, cone_angle, grows))
                far = ti.min(far, distance + margin)
        for axis in ti.static(range(3)):
            rays_o[i, axis] = origin[axis]
            rays_d[i, axis] = direction[axis]
            targets[i, axis] = ti.cast(colors[pixel, axis], ti.f32)
        targets[i, 3] = alpha
        targets[i, 4] = distance
        # Jittered start: the march visits other points of the ray each time.
        near = ti.max(near, near_distance)
        t_range[i, 0] = near + uniform(seed, step, i, 3) * step_at(near, smallest_step, largest_step, cone_angle, grows)
        t_range[i, 1] = far


def sample_training_rays(
    n: int,
    n_views: int,
    seed: int,
    step: int,
    scale: float,
    depth_margin: float,
    near_distance: float,
    steps: StepRule,
    cameras: torch.Tensor,
    images: torch.Tensor,
    colors: torch.Tensor,
    depths: torch.Tensor,
    box: torch.Tensor,
    rays_o: torch.Tensor,
    rays_d: torch.Tensor,
    t_range: torch.Tensor,
    targets: torch.Tensor,
) -> None:
    """Draw ``n`` pixels (a view at random, then a pixel of it at random) and make their rays and targets.

    ``cameras`` [>= n_views, 20]; ``images`` [>= n_views, 4] int32 (first pixel, width, height, has depth); ``colors``
    [pixels, 4] f16 premultiplied; ``depths`` [pixels] f32 planar z in world units. ``scale``: unit-cube lengths per
    world length; ``depth_margin`` (no less than a step) and ``near_distance`` in unit-cube lengths. Rays begin within
    a step of where they enter ``box``, at least ``near_distance`` from the camera: what is nearer is in one camera's
    sight alone, where it would explain that camera's pictures and spoil all others. Writes ``targets`` [n, 5]:
    premultiplied colour, alpha, and the distance of the captured surface along the ray (UNKNOWN_DEPTH where not known).
    """
    _sample_training_rays(
        n, n_views, seed, step, scale, depth_margin, near_distance,
        steps.grows, steps.smallest, steps.largest, steps.cone_angle,
        cameras, images, colors, depths, box, rays_o, rays_d, t_range, targets,
    )  # fmt: skip
