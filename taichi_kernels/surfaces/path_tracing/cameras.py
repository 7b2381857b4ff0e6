"""Where paths begin: rays through points of pixels, drawn anew for each."""

import taichi as ti
import torch

from taichi_kernels.bundles import Rays, RayTensors
from taichi_kernels.launch import kernel
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.rays import pixel_ray

_FARTHEST = 1e18


@kernel
def _draw_camera_rays(
    seed: ti.i32,
    step: ti.i32,
    width: ti.i32,
    per_pixel: ti.i32,
    camera: ti.types.ndarray(),
    rays: RayTensors,
    cosines: ti.types.ndarray(),
):
    for i in range(rays.origins.shape[0]):
        pixel = i // per_pixel
        x = pixel % width + uniform(seed, step, i, RandomStream.PIXEL_POINT)
        y = pixel // width + uniform(seed, step, i, RandomStream.PIXEL_POINT + 1)
        origin, direction, cosine = pixel_ray(camera, 0, x, y)
        for axis in ti.static(range(3)):
            rays.origins[i, axis] = origin[axis]
            rays.directions[i, axis] = direction[axis]
        rays.t_range[i, 0], rays.t_range[i, 1] = 0.0, _FARTHEST
        cosines[i] = cosine


def draw_camera_rays(
    seed: int, step: int, width: int, per_pixel: int, camera: torch.Tensor, rays: Rays, cosines: torch.Tensor
) -> None:
    """``per_pixel`` rays through each pixel of a picture, in rows ``width`` pixels wide, as many as ``rays`` has room
    for; ``camera`` [1, 21] as ``taichi_kernels.rays`` has it, in the scene's space. Writes ``rays`` and ``cosines`` [n]
    f32, between each ray and the camera's axis."""
    _draw_camera_rays(seed, step, width, per_pixel, camera, rays, cosines)
