"""How well a surface was learnt: what is inside, and how far the surfaces are apart, at points that are the same each
time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from engine.device import PROFILES
from engine.fields.autograd import split_rows
from engine.fields.distance_functions import DistanceFunction
from engine.fields.unit_cube import UnitCube
from engine.primitives.signed_distance.truth import SurfaceTruth, draw_in_box
from taichi_kernels.random_numbers import RandomStream

# Of points for each one on the surface.
_FEWER = 8
# Newton's steps from the mesh to the surface that was learnt; none is longer than this, in unit-cube lengths.
_NEWTON_STEPS, _LONGEST_STEP = 4, 0.02
_LEAST_SQUARE = 0.1


class ScoredPoints:
    """Points in the unit cube of ``cube``, and what ``truth`` says of them: it is looked up once."""

    def __init__(self, truth: SurfaceTruth, cube: UnitCube, count: int, device: str) -> None:
        self._truth, self._count, self._chunk = truth, count, PROFILES[device].chunk_samples
        self._diagonal = 2.0 * cube.bounds.radius * cube.scale
        self._box = torch.from_numpy(cube.box()).to(device)
        self._indices = torch.arange(count, device=device)
        self._is_inside = torch.empty(0, dtype=torch.bool, device=device)

    def score(self, surface: DistanceFunction) -> Iterator[dict[str, float] | None]:
        """The figures of ``surface``, as the last; None after each short piece of work before. The share is unknown
        where neither encloses anything."""
        common = either = 0
        for part in split_rows(self._count, self._chunk):
            points = draw_in_box(0, 0, self._indices[part], self._box, RandomStream.SCORED_POINT)
            if part.stop > len(self._is_inside):
                self._is_inside = torch.cat([self._is_inside, self._truth.is_inside(points)])
            truth, found = self._is_inside[part], surface.distances(points) < 0.0
            common += int((truth & found).sum())
            either += int((truth | found).sum())
            yield None
        total, on_surface = 0.0, max(self._count // _FEWER, 1)
        for part in split_rows(on_surface, self._chunk):
            total += float(_way_to(surface, self._truth.draw_on_surface(0, -1, self._indices[part])).sum())
            yield None
        figures = {"surface_distance": 100.0 * total / on_surface / self._diagonal}
        yield {"iou": common / either, **figures} if either else figures


def _way_to(surface: DistanceFunction, points: torch.Tensor) -> torch.Tensor:
    """How far [n] it is from ``points`` [n, 3] to ``surface``, along its gradient."""
    places = points
    for _ in range(_NEWTON_STEPS):
        values, gradients = surface.gradients(places)
        steps = values[:, None] * gradients / gradients.square().sum(dim=1, keepdim=True).clamp(min=_LEAST_SQUARE)
        lengths = steps.norm(dim=1, keepdim=True).clamp(min=1e-12)
        places = places - steps * (lengths.clamp(max=_LONGEST_STEP) / lengths)
    # Where the steps have not ended on it, what is left counts too.
    ways: torch.Tensor = (places - points).norm(dim=1) + surface.distances(places).abs()
    return ways
