"""Twin of ``taichi_kernels.rays``: float64 except where a random draw decides (there, the kernel's float32)."""

from __future__ import annotations

import torch

from taichi_kernels.rays import UNKNOWN_DEPTH
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins.random_numbers import uniform
from taichi_kernels.twins.stepping import step_at

_NEWTON_STEPS = 20


def distort(u: torch.Tensor, v: torch.Tensor, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """OpenCV's radial-tangential model on normalised image coordinates; ``coefficients`` [..., 4] k1 k2 p1 p2."""
    k1, k2, p1, p2 = coefficients.unbind(-1)
    r2 = u * u + v * v
    radial = 1.0 + r2 * (k1 + r2 * k2)
    x = u * radial + 2.0 * p1 * u * v + p2 * (r2 + 2.0 * u * u)
    y = v * radial + p1 * (r2 + 2.0 * v * v) + 2.0 * p2 * u * v
    return x, y


def undistort(x: torch.Tensor, y: torch.Tensor, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Invert ``distort`` by Newton's method, with the derivatives from finite differences."""
    u, v, h = x, y, 1e-6
    for _ in range(_NEWTON_STEPS):
        fx, fy = distort(u, v, coefficients)
        ux, uy = distort(u + h, v, coefficients)
        vx, vy = distort(u, v + h, coefficients)
        a, b, c, d = (ux - fx) / h, (vx - fx) / h, (uy - fy) / h, (vy - fy) / h
        determinant = a * d - b * c
        ex, ey = fx - x, fy - y
        u, v = u - (d * ex - b * ey) / determinant, v - (a * ey - c * ex) / determinant
    return u, v


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
    """Rays through pixel centres, row-major."""
    pixel = torch.arange(first, first + n, device=camera.device)
    origin, direction, cosine = _pixel_rays(camera.expand(n, -1), pixel % width + 0.5, pixel // width + 0.5)
    near, far = _clip_to_box(origin, direction, box)
    rays_o[:n], rays_d[:n] = origin.float(), direction.float()
    t_range[:n] = torch.stack([near.clamp(min=near_distance), far], dim=1).float()
    cosines[:n] = cosine.float()


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
    """The same pixels as the kernel draws, their rays and targets."""
    index = torch.arange(n, device=cameras.device)
    view = (uniform(seed, step, index, 0) * n_views).long().clamp(max=n_views - 1)
    offset, width, height, has_depth = images[view].long().unbind(1)
    px = torch.minimum((uniform(seed, step, index, 1) * width).long(), width - 1)
    py = torch.minimum((uniform(seed, step, index, 2) * height).long(), height - 1)
    origin, direction, cosine = _pixel_rays(cameras[view], px + 0.5, py + 0.5)
    near, far = _clip_to_box(origin, direction, box)
    pixel = offset + py * width + px
    color, z = colors[pixel].double(), depths[pixel].double()
    is_known = (has_depth != 0) & (z > 0.0) & (z < 1e9) & (color[:, 3] > 0.999)
    distance = torch.where(is_known, z * scale / cosine, UNKNOWN_DEPTH)
    margin = (distance * steps.cone_angle).clamp(max=steps.largest).clamp(min=depth_margin)
    far = torch.where(is_known, torch.minimum(far, distance + margin), far)
    rays_o[:n], rays_d[:n] = origin.float(), direction.float()
    targets[:n] = torch.cat([color, distance[:, None]], dim=1).float()
    near = near.clamp(min=near_distance)
    start = near + uniform(seed, step, index, 3).double() * step_at(near, steps)
    t_range[:n] = torch.stack([start, far], dim=1).float()


def _pixel_rays(
    cameras: torch.Tensor, px: torch.Tensor, py: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Origins [n, 3], unit directions [n, 3] and cosines [n] for one row of ``cameras`` [n, 20] a pixel."""
    cameras = cameras.double()
    pose = cameras[:, :12].view(-1, 3, 4)
    fx, fy, cx, cy = cameras[:, 12:16].unbind(1)
    x, y = undistort((px - cx) / fx, (py - cy) / fy, cameras[:, 16:])
    local = torch.stack([x, -y, -torch.ones_like(x)], dim=1)
    cosine = 1.0 / local.norm(dim=1)
    direction = (pose[:, :, :3] @ local[:, :, None])[:, :, 0] * cosine[:, None]
    return pose[:, :, 3], direction, cosine


def _clip_to_box(origin: torch.Tensor, direction: torch.Tensor, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances at which rays enter and leave ``box`` [2, 3]; enter >= leave when they miss."""
    d = torch.where(direction.abs() > 1e-12, direction, 1e-12)
    borders = (box.double()[None] - origin[:, None]) / d[:, None]
    near = borders.amin(dim=1).amax(dim=1).clamp(min=0.0)
    far = borders.amax(dim=1).amin(dim=1).clamp(max=1e9)
    return near, far
