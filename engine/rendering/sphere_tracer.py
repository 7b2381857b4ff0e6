"""Renders the surface that signed distances describe, by sphere tracing (Hart 1996), as lit clay.

A ray goes on by as much as nothing can be nearer. Through empty space a coarse grid of the distances says that for
next to nothing; near the surface the distances themselves are asked, for all rays that are still on their way at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from engine.fields.distance_functions import (
    DistanceFunction,
    LearntDistance,
    OffsetDistance,
    PositionField,
    SmoothUnion,
)
from engine.fields.unit_cube import UnitCube
from engine.rendering.renderer import Renderer
from taichi_kernels.bundles import Rays
from taichi_kernels.surfaces.distance_grid import skip_empty_space

# A ray has arrived where the surface is nearer than this, in unit-cube lengths. After so many rounds that grows from
# one to the next, as rays still under way graze an edge or go along a surface that is not quite smooth.
_NEAR, _PATIENCE, _GROWTH, _ROUNDS = 2e-4, 12, 1.07, 48
_FARTHEST_HIT = _NEAR * _GROWTH ** (_ROUNDS - _PATIENCE)
# The corners of a small tetrahedron, in which a final picture looks for the gradient, in unit-cube lengths; a moving
# one, whose rays end with more than this transmittance left, looks at the middle.
_R = 6e-4
_AROUND = ((_R, _R, _R), (_R, -_R, -_R), (-_R, _R, -_R), (-_R, -_R, _R))
_MOVING = 1e-3
# A learnt distance may be too long: rays go on by this share.
_STEP = 0.95
# Clay, in scene-linear light: its colour, a light from above and from the side of it, and the sky and ground around.
_CLAY = (0.62, 0.52, 0.44)
_KEY_DIRECTION, _KEY = (-0.45, -0.55, 0.70), (0.72, 0.68, 0.62)
_SKY, _GROUND = (0.22, 0.25, 0.30), (0.10, 0.08, 0.065)
_HEAD, _RIM = 0.16, 0.5


class FreezableField(PositionField, Protocol):
    """What a tracer can show."""

    def frozen(self) -> Self:
        """As it is now."""

    @property
    def frozen_bytes(self) -> int:
        """How much memory that takes."""


def _never_older() -> int:
    return 0


class SphereTracer(Renderer):
    """Shows the surface that ``field`` has learnt in ``cube``. ``offset``: by how much it is moved outwards, in world
    units. ``generation`` counts how often the field has changed so much that the grid is to be made again."""

    def __init__(self, field: FreezableField, cube: UnitCube, generation: Callable[[], int] = _never_older) -> None:
        super().__init__(cube, "linear", field.device)
        self.offset = 0.0
        self._field, self._generation = field, generation
        self._others: list[tuple[SphereTracer, float]] = []
        self._grid: torch.Tensor | None = None
        self._grid_generation = 0

    def moved(self, offset: float) -> Self:
        """The same surface, moved outwards by ``offset`` in world units, inwards where that is negative."""
        other = self._altered()
        other.offset = offset
        return other

    def joined(self, other: SphereTracer, radius: float) -> Self:
        """This surface and that of ``other``, which flow into each other over about ``radius`` in world units. What of
        the other one lies outside this one's bounds isn't shown. An offset of this one moves both."""
        joined = self._altered()
        joined._others = [*self._others, (other, radius)]
        return joined

    def frozen(self, *, with_field: bool = True) -> Self:
        """As Renderer.frozen."""
        other = self._altered()
        if with_field:
            other._field = self._field.frozen()
            other._others = [(joined.frozen(), radius) for joined, radius in self._others]
            other._generation = _never_older
        return other

    @property
    def frozen_bytes(self) -> int:
        """As Renderer.frozen_bytes."""
        return self._field.frozen_bytes + sum(other.frozen_bytes for other, _ in self._others)

    def distances_at(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Signed distances [n] in world units at ``points`` [n, 3] in world space, inside the bounds."""
        in_cube = ((points - self.bounds.center) * self._cube.scale + 0.5).astype(np.float32)
        found = self.surface.distances(torch.from_numpy(in_cube).to(self.device))
        distances: npt.NDArray[np.float32] = (found / self._cube.scale).float().cpu().numpy()
        return distances

    @property
    def surface(self) -> DistanceFunction:
        """What is shown, in this one's unit cube."""
        return self._surface_within(None)

    def _surface_within(self, cube: UnitCube | None) -> DistanceFunction:
        scale = (cube or self._cube).scale
        surface: DistanceFunction = LearntDistance(self._field, self._cube, cube)
        for other, radius in self._others:
            surface = SmoothUnion(surface, other._surface_within(cube or self._cube), radius * scale)
        return OffsetDistance(surface, self.offset * scale) if self.offset else surface

    def _altered(self) -> Self:
        other = copy.copy(self)
        other._grid = None
        return other

    def _render_rays(self, rays: Rays, color: torch.Tensor, distances: torch.Tensor, min_transmittance: float) -> None:
        surface, begins = self.surface, rays.t_range[:, 0].clone()
        skip_empty_space(self._grid_of(surface), rays)
        hits, reached = _trace(surface, rays, begins)
        if not len(hits):
            return
        directions = rays.directions[hits]
        points = rays.origins[hits] + reached[:, None] * directions
        # A hash grid's gradient jumps from cell to cell: final pictures have the mean of some around.
        around = points.new_tensor(_AROUND if min_transmittance < _MOVING else ((0.0, 0.0, 0.0),))
        sums = [surface.gradients(points + offset) for offset in around]
        left = torch.stack([values for values, _ in sums]).mean(dim=0)
        gradients = torch.stack([gradients for _, gradients in sums]).sum(dim=0)
        distances[hits] = torch.maximum(reached + left.clamp(-_FARTHEST_HIT, _FARTHEST_HIT), begins[hits])
        normals = torch.nn.functional.normalize(gradients, dim=1)
        color[hits] = torch.cat([shade(normals, directions), torch.ones_like(left)[:, None]], dim=1)

    def _grid_of(self, surface: DistanceFunction) -> torch.Tensor:
        generation = self._generation()
        if self._grid is None or self._grid_generation != generation:
            side = torch.linspace(0.0, 1.0, self._profile.distance_grid, device=self.device)
            points = torch.stack(torch.meshgrid(side, side, side, indexing="ij"), dim=-1).view(-1, 3)
            self._grid = surface.distances(points).view(len(side), len(side), len(side)).contiguous()
            self._grid_generation = generation
        return self._grid


def _trace(surface: DistanceFunction, rays: Rays, begins: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which of ``rays`` meet the surface [m] int64, and at which distance [m] f32. ``begins`` [n]: none is met before;
    one that begins inside meets it there."""
    near, far = rays.t_range.unbind(1)
    ids = (near < far).nonzero()[:, 0]
    t, ends = near[ids], far[ids]
    origins, directions = rays.origins[ids], rays.directions[ids]
    found_ids, found_distances = [ids[:0]], [t[:0]]
    for turn in range(_ROUNDS):
        if not len(ids):
            break
        distance = surface.distances(origins + t[:, None] * directions)
        is_hit = distance < _NEAR * _GROWTH ** max(turn - _PATIENCE, 0)
        t = t + torch.where(is_hit, distance, _STEP * distance)
        is_hit &= t < ends
        found_ids.append(ids[is_hit])
        found_distances.append(torch.maximum(t[is_hit], begins[ids[is_hit]]))
        goes_on = (~is_hit & (t < ends)).nonzero()[:, 0]
        ids, t, ends = ids[goes_on], t[goes_on], ends[goes_on]
        origins, directions = origins[goes_on], directions[goes_on]
    return torch.cat(found_ids), torch.cat(found_distances)


def shade(normals: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Scene-linear light [n, 3] of clay with unit ``normals`` [n, 3], seen along unit ``directions`` [n, 3]: a light
    from above, sky and ground, a little from the camera itself, and more where the surface turns away, so that every
    shape can be told from every side."""
    clay, key, sky, ground = (normals.new_tensor(values) for values in (_CLAY, _KEY, _SKY, _GROUND))
    towards = torch.nn.functional.normalize(normals.new_tensor(_KEY_DIRECTION), dim=0)
    facing = (-(normals * directions).sum(dim=1, keepdim=True)).clamp(0.0, 1.0)
    lit = (normals @ towards)[:, None].clamp(min=0.0)
    around = torch.lerp(ground, sky, 0.5 + 0.5 * normals[:, 2:])
    return clay * (lit * key + around + _HEAD * facing) + _RIM * (1.0 - facing) ** 4 * sky
