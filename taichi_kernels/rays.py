"""Rays: of a whole picture, or of pixels drawn at random from all training views.

Rays live in the unit cube of the field (one isotropic scale and a shift away from the world), so directions keep their
length of 1 and distances are world distances times the scale. Pixel centres are at +0.5.

A camera is one row of 21 floats: pose [3, 4] row by row in unit-cube space, then fx fy cx cy, then k1 k2 p1 p2 and 0,
or k1 k2 k3 k4 of a fisheye and 1: there a direction at the angle theta off the axis is seen theta (1 + k1 theta^2 +
k2 theta^4 + k3 theta^6 + k4 theta^8) focal lengths from the middle.
"""

import dataclasses
import functools

import taichi as ti
import torch

from taichi_kernels.bundles import (
    LimitNumbers,
    Pictures,
    PictureTensors,
    PixelTiles,
    RayLimits,
    Rays,
    RayTensors,
    TileTensors,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.stepping import StepNumbers, StepRule, step_at

CAMERA_FLOATS = 21
# Stored where a pixel's depth was not captured; real depths are positive or +inf.
UNKNOWN_DEPTH = -1.0
# Stored in a view with depth where a pixel is masked, not trained on (-inf, or anything as far below 0).
MASKED_DEPTH = -1e30
# Pixels along a side of the tiles that training's errors are noted for.
TILE_SIDE = 8
# The share of rays with a captured surface that are sampled from the camera on and not from just before the surface:
# what is to be empty must be looked at too.
WHOLE_SHARE = 0.25
# No ray is longer than the unit cube's diagonal, even one of a camera whose numbers are beyond float32.
_DIAGONAL = 1.7321
# Taichi's indices are 32 bits wide. Pixels beyond what they reach are read through windows of so many pixels, of which
# each holds whole every view that begins in its first half: no picture has more pixels than that half.
_WINDOW_PIXELS = 1 << 29
# Enough for a wide action camera (k1 -0.25 at 1.2 focal lengths off the axis) to converge below float32 precision.
_UNDISTORT_ITERATIONS = 20
_FISHEYE_ITERATIONS = 10
# Off the axis: depth is planar, and ends at a right angle.
WIDEST_ANGLE = 1.55


@func
def _undistort(x: ti.f32, y: ti.f32, k1: ti.f32, k2: ti.f32, p1: ti.f32, p2: ti.f32):
    """Invert OpenCV's radial-tangential model by fixed-point iteration on normalised image coordinates."""
    u, v = x, y
    for _ in range(_UNDISTORT_ITERATIONS):
        r2 = u * u + v * v
        radial = 1.0 + r2 * (k1 + r2 * k2)
        u = (x - 2.0 * p1 * u * v - p2 * (r2 + 2.0 * u * u)) / radial
        v = (y - p1 * (r2 + 2.0 * v * v) - 2.0 * p2 * u * v) / radial
    return u, v


@func
def _undistort_fisheye(x: ti.f32, y: ti.f32, k1: ti.f32, k2: ti.f32, k3: ti.f32, k4: ti.f32):
    """Invert the fisheye's polynomial by Newton's method: slopes, as of a pinhole."""
    length = ti.sqrt(x * x + y * y)
    stretch = 1.0
    if length > 1e-6:
        theta = ti.min(length, WIDEST_ANGLE)
        for _ in range(_FISHEYE_ITERATIONS):
            t2 = theta * theta
            error = theta * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))) - length
            slope = 1.0 + t2 * (3.0 * k1 + t2 * (5.0 * k2 + t2 * (7.0 * k3 + t2 * 9.0 * k4)))
            theta = ti.math.clamp(theta - error / ti.max(slope, 0.1), 0.0, WIDEST_ANGLE)
        stretch = ti.tan(theta) / length
    return x * stretch, y * stretch


@func
def pixel_ray(cameras: ti.template(), view: ti.i32, px: ti.f32, py: ti.f32):  # noqa: ANN201
    """Origin, unit direction, and the cosine between direction and camera axis (planar z = distance * cosine)."""
    x = (px - cameras[view, 14]) / cameras[view, 12]
    y = (py - cameras[view, 15]) / cameras[view, 13]
    k1, k2, p1, p2 = cameras[view, 16], cameras[view, 17], cameras[view, 18], cameras[view, 19]
    if cameras[view, 20] != 0.0:
        x, y = _undistort_fisheye(x, y, k1, k2, p1, p2)
    elif k1 != 0.0 or k2 != 0.0 or p1 != 0.0 or p2 != 0.0:
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


@func
def _clip_to_box(origin: ti.math.vec3, direction: ti.math.vec3, box: ti.template()):
    """Distances at which a ray enters and leaves ``box`` [2, 3], in the unit cube; enter >= leave when it misses."""
    near, far = 0.0, 1e9
    for axis in ti.static(range(3)):
        d = direction[axis]
        d = d if ti.abs(d) > 1e-12 else 1e-12
        a, b = (box[0, axis] - origin[axis]) / d, (box[1, axis] - origin[axis]) / d
        near, far = ti.max(near, ti.min(a, b)), ti.min(far, ti.max(a, b))
    return near, ti.min(far, near + _DIAGONAL)


@kernel
def _generate_camera_rays(
    first: ti.i32,
    width: ti.i32,
    near_distance: ti.f32,
    camera: ti.types.ndarray(),
    box: ti.types.ndarray(),
    rays: RayTensors,
    cosines: ti.types.ndarray(),
):
    for i in range(rays.origins.shape[0]):
        pixel = first + i
        origin, direction, cosine = pixel_ray(camera, 0, pixel % width + 0.5, pixel // width + 0.5)
        near, far = _clip_to_box(origin, direction, box)
        for axis in ti.static(range(3)):
            rays.origins[i, axis] = origin[axis]
            rays.directions[i, axis] = direction[axis]
        rays.t_range[i, 0] = ti.max(near, near_distance)
        rays.t_range[i, 1] = far
        cosines[i] = cosine


def generate_camera_rays(
    first: int, width: int, camera: torch.Tensor, limits: RayLimits, rays: Rays, cosines: torch.Tensor
) -> None:
    """Rays through pixel centres, row-major from pixel ``first`` of a picture ``width`` pixels wide, as many as
    ``rays`` has room for.

    ``camera`` [1, 21]. Writes ``rays`` and ``cosines`` [n] f32, between each ray and the camera's axis.
    """
    _generate_camera_rays(first, width, limits.near_distance, camera, limits.box, rays, cosines)


@func
def _find_tile(cumulative: ti.template(), tiles: ti.i32, u: ti.f32) -> ti.i32:
    """The first tile whose running sum is above ``u`` times the whole."""
    wanted = u * cumulative[tiles - 1]
    low, high = 0, tiles - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > wanted:
            high = middle
        else:
            low = middle + 1
    return low


@func
def _captured_span(pictures: ti.template(), offset: ti.i32, width: ti.i32, height: ti.i32, px: ti.i32, py: ti.i32):
    """Planar z of the nearest and the farthest surface captured in a pixel and its eight neighbours, of which an
    antialiased pixel may show any; 0 and +inf where one of them is not known or lets light through."""
    nearest, farthest = 1e9, 0.0
    is_known = True
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            x, y = ti.math.clamp(px + dx, 0, width - 1), ti.math.clamp(py + dy, 0, height - 1)
            pixel = offset + y * width + x
            z = pictures.depths[pixel]
            if z > 0.0 and z < 1e9 and ti.cast(pictures.colors[pixel, 3], ti.f32) > 0.999:
                nearest, farthest = ti.min(nearest, z), ti.max(farthest, z)
            else:
                is_known = False
    if not is_known:
        nearest, farthest = 0.0, ti.math.inf
    return nearest, farthest


@kernel
def _sample_training_rays(
    n_views: ti.i32,
    tile_share: ti.f32,
    seed: ti.i32,
    step: ti.i32,
    limits: LimitNumbers,
    steps: StepNumbers,
    grows: ti.template(),
    window: ti.i64,
    window_views: ti.i64,
    pictures: PictureTensors,
    tiles: TileTensors,
    box: ti.types.ndarray(),
    rays: RayTensors,
    targets: ti.types.ndarray(),
):
    n_tiles = tiles.corners.shape[0]
    for i in range(rays.origins.shape[0]):
        view = ti.min(ti.cast(uniform(seed, step, i, RandomStream.VIEW) * n_views, ti.i32), n_views - 1)
        left, top = 0, 0
        across, down = ti.cast(pictures.images[view, 1], ti.i32), ti.cast(pictures.images[view, 2], ti.i32)
        if n_tiles > 0:
            if uniform(seed, step, i, RandomStream.BY_TILE) < tile_share:
                tile = _find_tile(tiles.cumulative, n_tiles, uniform(seed, step, i, RandomStream.VIEW))
                view, left, top = tiles.corners[tile, 0], tiles.corners[tile, 1], tiles.corners[tile, 2]
                across = ti.min(TILE_SIDE, ti.cast(pictures.images[view, 1], ti.i32) - left)
                down = ti.min(TILE_SIDE, ti.cast(pictures.images[view, 2], ti.i32) - top)
        first = ti.cast(pictures.images[view, 0], ti.i64) - window
        if first >= 0 and first < window_views:
            offset = ti.cast(first, ti.i32)
            width, height = ti.cast(pictures.images[view, 1], ti.i32), ti.cast(pictures.images[view, 2], ti.i32)
            px = left + ti.min(ti.cast(uniform(seed, step, i, RandomStream.COLUMN) * across, ti.i32), across - 1)
            py = top + ti.min(ti.cast(uniform(seed, step, i, RandomStream.ROW) * down, ti.i32), down - 1)
            if n_tiles > 0:
                in_row = (width + TILE_SIDE - 1) // TILE_SIDE
                tiles.drawn[i] = ti.cast(pictures.images[view, 4], ti.i32) + py // TILE_SIDE * in_row + px // TILE_SIDE
            origin, direction, cosine = pixel_ray(pictures.cameras, view, px + 0.5, py + 0.5)
            near, far = _clip_to_box(origin, direction, box)
            near = ti.max(near, limits.near_distance)
            pixel = offset + py * width + px
            alpha = ti.cast(pictures.colors[pixel, 3], ti.f32)
            distance = UNKNOWN_DEPTH
            if pictures.images[view, 3] != 0:
                z = pictures.depths[pixel]
                # At an antialiased edge depth belongs to one of several surfaces: trust it only where the pixel is
                # full.
                if z > 0.0 and z < 1e9 and alpha > 0.999:
                    distance = z * limits.scale / cosine
                    # Where a scene goes on around its subject, photographs carve little of the fog that a new field is:
                    # rays have to see it. And what measured their depth was not the camera itself.
                    if ti.static(not grows):
                        nearest, farthest = _captured_span(pictures, offset, width, height, px, py)
                        # Nothing behind an opaque surface can be seen, and little before it is news: no samples there.
                        far = ti.min(far, farthest * limits.scale / cosine + limits.depth_margin)
                        if uniform(seed, step, i, RandomStream.WHOLE_RAY) >= WHOLE_SHARE:
                            near = ti.max(near, nearest * limits.scale / cosine - limits.depth_margin)
            is_masked = pictures.images[view, 3] != 0 and pictures.depths[pixel] < MASKED_DEPTH
            if is_masked:
                far = near - 1.0
            for axis in ti.static(range(3)):
                rays.origins[i, axis] = origin[axis]
                rays.directions[i, axis] = direction[axis]
                targets[i, axis] = 0.0 if is_masked else ti.cast(pictures.colors[pixel, axis], ti.f32)
            targets[i, 3] = 0.0 if is_masked else alpha
            targets[i, 4] = distance
            # Jittered start: the march visits other points of the ray each time.
            jitter = uniform(seed, step, i, RandomStream.RAY_START)
            rays.t_range[i, 0] = near + jitter * step_at(near, steps, grows)
            rays.t_range[i, 1] = far


def sample_training_rays(
    seed: int,
    step: int,
    steps: StepRule,
    pictures: Pictures,
    tiles: PixelTiles | None,
    limits: RayLimits,
    rays: Rays,
    targets: torch.Tensor,
) -> None:
    """Draw as many pixels as ``rays`` has room for (a view at random, then a pixel of it at random; or as ``tiles``
    says) and make their rays and targets.

    Rays begin within a step of where they enter ``limits.box``, at least ``near_distance`` from the camera: what is
    nearer is in one camera's sight alone, where it would explain that camera's pictures and spoil all others. Where the
    surfaces around an opaque pixel were captured, and steps don't grow, rays end ``depth_margin`` (no less than a step)
    behind the farthest of them, and three quarters of them begin as much before the nearest. Where depth is below
    ``MASKED_DEPTH`` a ray has no length and nothing as its target, so that it has no gradient. Writes ``rays``, and
    ``targets`` [n, 5]: premultiplied colour, alpha, and the distance of the captured surface along the ray
    (UNKNOWN_DEPTH where not known).
    """
    weights = tiles or _no_tiles(targets.device)
    pixels = pictures.colors.shape[0]
    half = pixels if pixels <= _WINDOW_PIXELS else _WINDOW_PIXELS // 2
    for window in range(0, pixels, half):
        _sample_training_rays(
            pictures.count, weights.share, seed, step, limits, steps, steps.grows, window, half,
            _look_at(pictures, window), weights, limits.box, rays, targets,
        )  # fmt: skip


@functools.cache
def _no_tiles(device: torch.device) -> PixelTiles:
    """Tensors of the right shapes, which the kernel doesn't look at. (Made once: a step has no time to spare.)"""
    nothing = torch.empty(0, 3, dtype=torch.int32, device=device)
    return PixelTiles(nothing, torch.zeros(1, device=device), 0.0, nothing.view(-1))


def _look_at(pictures: Pictures, window: int) -> Pictures:
    """The pixels from ``window`` on, as many as a kernel can number."""
    if pictures.colors.shape[0] <= _WINDOW_PIXELS:
        return pictures
    seen = slice(window, window + _WINDOW_PIXELS)
    return dataclasses.replace(pictures, colors=pictures.colors[seen], depths=pictures.depths[seen])
