"""Shapes that all else is made of. Each is about 2 wide, around the origin or standing on the ground, Z up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from engine.priors.scenes.mesh import Mesh, from_grid

# Radius, height and, where there are three, turn in radians.
Profile = Sequence[tuple[float, ...]]
RadiusFunction = Callable[[torch.Tensor], torch.Tensor]


def superquadric(first: float, second: float, rows: int = 25, columns: int = 48) -> Mesh:
    """Barr 1981: with exponents of 1 a sphere, towards 0 a box, with 2 an octahedron. ``first``: of meridians."""
    v = torch.linspace(-math.pi / 2, math.pi / 2, rows)[:, None]
    u = torch.arange(columns)[None] * (2.0 * math.pi / columns)
    around = _signed_power(v.cos(), first)
    x, y = around * _signed_power(u.cos(), second), around * _signed_power(u.sin(), second)
    return from_grid(torch.stack([x, y, _signed_power(v.sin(), first).expand_as(x)], dim=-1))


def radial(radius: RadiusFunction, rows: int = 49, columns: int = 96) -> Mesh:
    """The surface whose points lie so far from the origin as ``radius`` says of their unit directions [n, 3]."""
    v = torch.linspace(-math.pi / 2, math.pi / 2, rows)[:, None]
    u = torch.arange(columns)[None] * (2.0 * math.pi / columns)
    across = v.cos()
    directions = torch.stack([across * u.cos(), across * u.sin(), v.sin().expand(rows, columns)], dim=-1)
    return from_grid(directions * radius(directions.view(-1, 3)).view(rows, columns, 1))


def box(x: float = 2.0, y: float = 2.0, z: float = 2.0, bevel: float = 0.0) -> Mesh:
    """A box with edges of these lengths, around the origin."""
    section = rectangle(x, y, bevel) if bevel else rectangle(x, y)
    inner = 1.0 - 2.0 * bevel / min(x, y)
    half = z / 2
    profile: Profile = ((0.0, -half), (1.0, -half), (1.0, half), (0.0, half))
    if bevel:
        profile = ((0.0, -half), (inner, -half), (1.0, bevel - half), (1.0, half - bevel), (inner, half), (0.0, half))
    return sweep(section, profile)


def sweep(section: torch.Tensor, profile: Profile) -> Mesh:
    """``section`` [n, 2], around the origin, counter-clockwise, drawn up along ``profile``: scaled by the radius at
    each height. A circle makes what a lathe does, any other one what is extruded. Where the profile begins and ends
    with a radius of 0 it is closed."""
    rows = torch.tensor([[*point, 0.0][:3] for point in profile])
    radius, height, turn = (rows[:, column, None] for column in range(3))
    x, y = section[:, 0] * radius, section[:, 1] * radius
    cosine, sine = turn.cos(), turn.sin()
    points = [x * cosine - y * sine, x * sine + y * cosine, height.expand_as(x)]
    return from_grid(torch.stack(points, dim=-1))


def tube(curve: torch.Tensor, radius: float | torch.Tensor, is_closed: bool = False, sides: int = 10) -> Mesh:
    """A tube along ``curve`` [n, 3], of one radius or of [n]; open ones end in flat lids."""
    count = len(curve)
    radii = torch.full((count,), radius) if isinstance(radius, float) else radius
    if is_closed:
        tangents = torch.roll(curve, -1, 0) - torch.roll(curve, 1, 0)
    else:
        tangents = torch.cat([curve[1:2] - curve[:1], curve[2:] - curve[:-2], curve[-1:] - curve[-2:-1]])
    frames = _carry_frames((tangents / tangents.norm(dim=-1, keepdim=True).clamp(min=1e-9)).numpy(), is_closed)
    angles = torch.arange(sides) * (2.0 * math.pi / sides)
    ring = angles.cos()[:, None] * frames[:, 0, None] + angles.sin()[:, None] * frames[:, 1, None]
    points = curve[:, None] + radii[:, None, None] * ring
    if not is_closed:
        first, last = (curve[end].expand(1, sides, 3) for end in (0, -1))
        points = torch.cat([first, points, last])
    return from_grid(points, closes_rows=is_closed)


def circle(count: int = 48) -> torch.Tensor:
    """A section of radius 1, [count, 2]: a regular polygon, of few corners or of many."""
    angles = torch.arange(count) * (2.0 * math.pi / count)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def star(points: int, depth: float) -> torch.Tensor:
    """A section of ``points`` points; between these it comes in to ``1 - depth``."""
    section = circle(2 * points)
    section[1::2] *= 1.0 - depth
    return section


def gear(teeth: int, depth: float) -> torch.Tensor:
    """A section with teeth, a quarter of each its flank."""
    section = circle(4 * teeth)
    is_low = torch.arange(4 * teeth) % 4 >= 2
    section[is_low] *= 1.0 - depth
    return section


def wavy(waves: int, depth: float) -> torch.Tensor:
    """A section like a flower's."""
    count = 96
    angles = torch.arange(count) * (2.0 * math.pi / count)
    return circle(count) * (1.0 - depth * (0.5 + 0.5 * (waves * angles).cos()))[:, None]


def rectangle(x: float, y: float, corner: float = 0.0) -> torch.Tensor:
    """A section of these edges, with corners cut off round to this radius."""
    if not corner:
        return torch.tensor([[x, y], [-x, y], [-x, -y], [x, -y]]) / 2
    arc = torch.linspace(0.0, math.pi / 2, 5)
    parts = []
    for quarter, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        angles = arc + quarter * math.pi / 2
        middle = torch.tensor([sx * (x / 2 - corner), sy * (y / 2 - corner)])
        parts.append(middle + corner * torch.stack([angles.cos(), angles.sin()], dim=1))
    return torch.cat(parts)


def smooth_profile(points: Profile, count: int = 40) -> list[tuple[float, float]]:
    """A curve through ``points`` (Catmull and Rom 1974), whose radii stay 0 or more."""
    through = np.array([point[:2] for point in points], np.float64)
    padded = np.concatenate([through[:1], through, through[-1:]])
    places = np.linspace(0.0, len(through) - 1.0, count)
    low = np.minimum(places.astype(np.int64), len(through) - 2)
    t = (places - low)[:, None]
    a, b, c, d = (padded[low + k] for k in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return [(max(float(radius), 0.0), float(height)) for radius, height in curve]


def superquadric_radius(first: float, second: float, scales: Sequence[float]) -> RadiusFunction:
    """For ``radial``."""

    def radius(directions: torch.Tensor) -> torch.Tensor:
        x, y, z = (directions / torch.tensor(scales)).abs().clamp(min=1e-6).unbind(-1)
        around = (x ** (2 / second) + y ** (2 / second)) ** (second / first)
        result: torch.Tensor = (around + z ** (2 / first)) ** (-first / 2)
        return result

    return radius


def polyhedron_radius(normals: torch.Tensor, distances: torch.Tensor) -> RadiusFunction:
    """For ``radial``: what is behind all planes with these ``normals`` [k, 3] and ``distances`` [k]."""
    return lambda directions: (distances / (directions @ normals.T).clamp(min=1e-3)).amin(dim=1)


def _signed_power(value: torch.Tensor, exponent: float) -> torch.Tensor:
    return value.sign() * value.abs().clamp(min=1e-7) ** exponent


def _carry_frames(tangents: npt.NDArray[np.float32], is_closed: bool) -> torch.Tensor:
    """Two axes across each tangent, [n, 2, 3], that turn as little as they can from one to the next; closed curves
    share the rest of a turn out."""
    ahead = tangents.astype(np.float64)
    axis = np.eye(3)[int(np.abs(ahead[0]).argmin())]
    axes = np.empty_like(ahead)
    for row, tangent in enumerate(ahead):
        axis = axis - tangent * (axis @ tangent)
        axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
        axes[row] = axis
    others = np.cross(ahead, axes)
    if is_closed:
        back = axes[-1] - ahead[0] * (axes[-1] @ ahead[0])
        angles = np.arctan2(back @ others[0], back @ axes[0]) * -np.arange(len(axes)) / len(axes)
        cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
        axes, others = cosine * axes + sine * others, cosine * others - sine * axes
    return torch.from_numpy(np.stack([axes, others], axis=1).astype(np.float32))
