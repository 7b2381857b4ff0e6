"""Where points are seen: the cameras of ``taichi_kernels.rays`` the other way round, differentiable.

A camera is a row of 21 numbers: [3, 4] of a pose row by row, then fx fy cx cy, then k1 k2 p1 p2 and 0, or k1 k2 k3 k4
of a fisheye and 1. Pixel centres are at +0.5.
"""

from __future__ import annotations

import dataclasses

import torch

from taichi_kernels.rays import WIDEST_ANGLE

_NEAREST = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Projections of n points into m views: ``points`` [n, m, 3] in camera space, ``places`` [n, m, 2] in pixels, and
    whether a point is before the camera and where its lens follows, ``is_before`` [n, m] bool. Elsewhere places mean
    nothing."""

    points: torch.Tensor
    places: torch.Tensor
    is_before: torch.Tensor


def distort(u: torch.Tensor, v: torch.Tensor, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """OpenCV's radial-tangential model on normalised image coordinates; ``coefficients`` [..., 4] k1 k2 p1 p2."""
    k1, k2, p1, p2 = coefficients.unbind(-1)
    r2 = u * u + v * v
    radial = 1.0 + r2 * (k1 + r2 * k2)
    x = u * radial + 2.0 * p1 * u * v + p2 * (r2 + 2.0 * u * u)
    y = v * radial + p1 * (r2 + 2.0 * v * v) + 2.0 * p2 * u * v
    return x, y


def distort_fisheye(u: torch.Tensor, v: torch.Tensor, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Slopes to a fisheye's picture; ``coefficients`` [..., 4] k1 k2 k3 k4."""
    k1, k2, k3, k4 = coefficients.unbind(-1)
    radius = (u * u + v * v).sqrt().clamp(min=1e-12)
    theta = radius.atan()
    t2 = theta * theta
    scale = theta * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))) / radius
    return u * scale, v * scale


def project(points: torch.Tensor, cameras: torch.Tensor) -> Projection:
    """Where ``points`` [n, 3] are seen in the views of ``cameras`` [m, 21], or [n, m, 21], each point in its own, whose
    poses take the points' space to that of the camera (as UnitCube.inverse_camera_row has it)."""
    pose = cameras[..., :12].unflatten(-1, (3, 4))
    # Not a product of matrices, which a GPU may compute with ten binary digits.
    x, y, z = (points[:, None, None, axis] * pose[..., axis] for axis in range(3))
    local = x + y + z + pose[..., 3]
    depth = -local[..., 2]
    ahead = depth.clamp(min=_NEAREST)
    u, v = local[..., 0] / ahead, -local[..., 1] / ahead
    terms, is_fisheye = cameras[..., 16:20], cameras[..., 20] != 0.0
    pinhole, fisheye = distort(u, v, terms), distort_fisheye(u, v, terms)
    seen_x, seen_y = (torch.where(is_fisheye, *pair) for pair in zip(fisheye, pinhole, strict=True))
    fx, fy, cx, cy = cameras[..., 12:16].unbind(-1)
    places = torch.stack([fx * seen_x + cx, fy * seen_y + cy], dim=-1)
    return Projection(local, places, (depth > _NEAREST) & _is_followed(u * u + v * v, terms, is_fisheye))


def _is_followed(r2: torch.Tensor, terms: torch.Tensor, is_fisheye: torch.Tensor) -> torch.Tensor:
    """Whether a lens shows what is at slopes with the squared length ``r2`` [n, m] farther out than what is less far
    off the axis: where its polynomial has turned back it would show points a second time."""
    k1, k2, k3, k4 = terms.unbind(-1)
    theta = r2.sqrt().atan()
    t2 = theta * theta
    slope = 1.0 + t2 * (3.0 * k1 + t2 * (5.0 * k2 + t2 * (7.0 * k3 + t2 * 9.0 * k4)))
    return torch.where(is_fisheye, (slope > 0.0) & (theta < WIDEST_ANGLE), 1.0 + r2 * (3.0 * k1 + 5.0 * r2 * k2) > 0.0)
