"""What the encoder of images sees of a view that a field is conditioned on."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from engine.fields.source_views import NOTHING, UNKNOWN, SourcePicture
from taichi_kernels.bundles import RayLimits, Rays
from taichi_kernels.rays import generate_camera_rays
from taichi_kernels.torch_functions.losses import display

# Colour (3), alpha, whether depth is known, depth, normal (3), direction (3).
CHANNELS = 12
# Mean and deviation of ImageNet's colours: pictures come as those that published weights were learnt on.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_POSE = slice(0, 12)


def encoder_channels(picture: SourcePicture, linear: bool, stretch: float) -> torch.Tensor:
    """[1, CHANNELS, h, w] f32. Colour is as displayed, over black. Depth is told from the middle of the unit cube on,
    in lengths ``stretch`` times as many as those of the cube; normals (towards the camera) and the directions of the
    pixels' rays are unit vectors in camera space. What isn't known is 0."""
    colors, depths = picture.colors.float(), picture.depths
    directions, cosines = _pixel_directions(picture)
    is_known = (depths > UNKNOWN) & (depths < NOTHING)
    mean, deviation = (torch.tensor(values, device=colors.device) for values in (_MEAN, _DEVIATION))
    pose = picture.camera[0, _POSE].view(3, 4)
    middle = -(0.5 * pose[2, :3].sum() + pose[2, 3])
    depth = torch.where(is_known, torch.tanh((depths - middle) * stretch), 0.0)
    normals = _find_normals(directions * (depths / cosines)[..., None], is_known)
    columns = [
        (display(colors[..., :3], linear) - mean) / deviation,
        torch.stack([colors[..., 3], is_known.float(), depth], dim=-1),
        normals,
        directions,
    ]
    return torch.cat(columns, dim=-1).permute(2, 0, 1)[None]


def _pixel_directions(picture: SourcePicture) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors [h, w, 3] in camera space through the pixels' middles, and their cosines [h, w] with the axis."""
    (height, width), device = picture.size, picture.colors.device
    camera = picture.camera.clone()
    camera[0, _POSE] = torch.eye(3, 4, device=device).view(-1)
    rays, cosines = Rays.allocate(height * width, str(device)), torch.empty(height * width, device=device)
    limits = RayLimits(torch.tensor([[0.0] * 3, [1.0] * 3], device=device), 1.0)
    generate_camera_rays(0, width, camera, limits, rays, cosines)
    return rays.directions.view(height, width, 3), cosines.view(height, width)


def _find_normals(points: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Those [h, w, 3] of a surface through ``points`` [h, w, 3], by the differences of the pixels on either side; 0
    where one of these isn't known."""
    normals = torch.zeros_like(points)
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    known = is_known[1:-1, 1:-1] & is_known[1:-1, 2:] & is_known[1:-1, :-2] & is_known[2:, 1:-1] & is_known[:-2, 1:-1]
    towards = normalize(torch.linalg.cross(down, across), dim=-1)
    normals[1:-1, 1:-1] = torch.where(known[..., None], towards, 0.0)
    return normals
