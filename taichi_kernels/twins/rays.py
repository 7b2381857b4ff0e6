"""Twin of ``taichi_kernels.rays``: float64 except where a random draw decides (there, the kernel's float32)."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import Pictures, PixelTiles, RayLimits, Rays
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.rays import (
    MASKED_DEPTH,
    TILE_SIDE,
    UNKNOWN_DEPTH,
    WHOLE_SHARE,
    WIDEST_ANGLE,
)
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.lenses import distort, distort_fisheye
from taichi_kernels.torch_functions.random_numbers import uniform
from taichi_kernels.twins.stepping import step_at

_NEWTON_STEPS = 20
_BISECTIONS = 60


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


def undistort_fisheye(
    x: torch.Tensor, y: torch.Tensor, coefficients: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Invert ``distort_fisheye`` by bisection, which needs no derivative."""
    length = (x * x + y * y).sqrt()
    low, high = torch.zeros_like(length), torch.full_like(length, WIDEST_ANGLE)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        is_low = distort_fisheye(middle.tan(), torch.zeros_like(middle), coefficients)[0] < length
        low, high = torch.where(is_low, middle, low), torch.where(is_low, high, middle)
    stretch = torch.where(length > 1e-6, low.tan() / length.clamp(min=1e-12), 1.0)
    return x * stretch, y * stretch


def generate_camera_rays(
    first: int, width: int, camera: torch.Tensor, limits: RayLimits, rays: Rays, cosines: torch.Tensor
) -> None:
    """Rays through pixel centres, row-major."""
    n = len(rays)
    pixel = torch.arange(first, first + n, device=camera.device)
    origin, direction, cosine = _pixel_rays(camera.expand(n, -1), pixel % width + 0.5, pixel // width + 0.5)
    near, far = _clip_to_box(origin, direction, limits.box)
    rays.origins[:], rays.directions[:] = origin.float(), direction.float()
    rays.t_range[:] = torch.stack([near.clamp(min=limits.near_distance), far], dim=1).float()
    cosines[:] = cosine.float()


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
    """The same pixels as the kernel draws, their rays and targets."""
    n, scale, depth_margin = len(rays), limits.scale, limits.depth_margin
    images, colors, depths = pictures.images, pictures.colors, pictures.depths
    index = torch.arange(n, device=images.device)
    view, px, py = draw_pixels(n, seed, step, pictures, tiles)
    offset, width, height, has_depth, _ = images[view].long().unbind(1)
    origin, direction, cosine = _pixel_rays(pictures.cameras[view], px + 0.5, py + 0.5)
    near, far = _clip_to_box(origin, direction, limits.box)
    near = near.clamp(min=limits.near_distance)
    pixel = offset + py * width + px
    color, z = colors[pixel].double(), depths[pixel].double()
    is_known = (has_depth != 0) & (z > 0.0) & (z < 1e9) & (color[:, 3] > 0.999)
    distance = torch.where(is_known, z * scale / cosine, UNKNOWN_DEPTH)
    nearest, farthest = captured_span(colors, depths, offset, width, height, px, py)
    is_bound = is_known & (not steps.grows)
    far = torch.where(is_bound, torch.minimum(far, farthest * scale / cosine + depth_margin), far)
    is_cut = is_bound & (uniform(seed, step, index, RandomStream.WHOLE_RAY) >= WHOLE_SHARE)
    near = torch.where(is_cut, torch.maximum(near, nearest * scale / cosine - depth_margin), near)
    is_masked = (has_depth != 0) & (z < MASKED_DEPTH)
    far = torch.where(is_masked, near - 1.0, far)
    color = torch.where(is_masked[:, None], 0.0, color)
    rays.origins[:], rays.directions[:] = origin.float(), direction.float()
    targets[:n] = torch.cat([color, distance[:, None]], dim=1).float()
    start = near + uniform(seed, step, index, RandomStream.RAY_START).double() * step_at(near, steps)
    rays.t_range[:] = torch.stack([start, far], dim=1).float()


def draw_pixels(
    n: int, seed: int, step: int, pictures: Pictures, tiles: PixelTiles | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Views, columns and rows [n] of the pixels that the kernel draws; writes ``tiles.drawn``."""
    images, views = pictures.images, pictures.count
    index = torch.arange(n, device=images.device)
    view = (uniform(seed, step, index, RandomStream.VIEW) * views).long().clamp(max=views - 1)
    left, top = torch.zeros_like(view), torch.zeros_like(view)
    across, down = images[view, 1].long(), images[view, 2].long()
    if tiles is not None:
        by_tile = uniform(seed, step, index, RandomStream.BY_TILE) < tiles.share
        wanted = uniform(seed, step, index, RandomStream.VIEW) * tiles.cumulative[-1]
        tile = torch.searchsorted(tiles.cumulative, wanted, right=True).clamp(max=len(tiles.cumulative) - 1)
        corner = tiles.corners[tile].long()
        view, left, top = (torch.where(by_tile, a, b) for a, b in zip(corner.unbind(1), (view, left, top), strict=True))
        width, height = images[view, 1:3].long().unbind(1)
        across = torch.where(by_tile, (width - left).clamp(max=TILE_SIDE), width)
        down = torch.where(by_tile, (height - top).clamp(max=TILE_SIDE), height)
    px = left + torch.minimum((uniform(seed, step, index, RandomStream.COLUMN) * across).long(), across - 1)
    py = top + torch.minimum((uniform(seed, step, index, RandomStream.ROW) * down).long(), down - 1)
    if tiles is not None:
        in_row = -(-images[view, 1] // TILE_SIDE)
        tiles.drawn[:n] = (images[view, 4] + py // TILE_SIDE * in_row + px // TILE_SIDE).int()
    return view, px, py


def captured_span(
    colors: torch.Tensor,
    depths: torch.Tensor,
    offset: torch.Tensor,
    width: torch.Tensor,
    height: torch.Tensor,
    px: torch.Tensor,
    py: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest and farthest planar z [n] captured in each pixel and around it; 0 and +inf where one isn't known."""
    steps = torch.arange(-1, 2, device=px.device)
    dy, dx = torch.meshgrid(steps, steps, indexing="ij")
    x = torch.minimum((px[:, None] + dx.reshape(-1)).clamp(min=0), width[:, None] - 1)
    y = torch.minimum((py[:, None] + dy.reshape(-1)).clamp(min=0), height[:, None] - 1)
    pixels = offset[:, None] + y * width[:, None] + x
    z = depths[pixels].double()
    is_known = ((z > 0.0) & (z < 1e9) & (colors[pixels, 3].float() > 0.999)).all(dim=1)
    return torch.where(is_known, z.amin(dim=1), 0.0), torch.where(is_known, z.amax(dim=1), torch.inf)


def _pixel_rays(
    cameras: torch.Tensor, px: torch.Tensor, py: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Origins [n, 3], unit directions [n, 3] and cosines [n] for one row of ``cameras`` [n, 21] a pixel."""
    cameras = cameras.double()
    pose = cameras[:, :12].view(-1, 3, 4)
    fx, fy, cx, cy = cameras[:, 12:16].unbind(1)
    x, y = (px - cx) / fx, (py - cy) / fy
    is_fisheye = cameras[:, 20] != 0.0
    none = torch.zeros_like(cameras[:, 16:20])
    pinhole = undistort(x, y, torch.where(is_fisheye[:, None], none, cameras[:, 16:20]))
    fisheye = undistort_fisheye(x, y, cameras[:, 16:20])
    x, y = (torch.where(is_fisheye, *pair) for pair in zip(fisheye, pinhole, strict=True))
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
