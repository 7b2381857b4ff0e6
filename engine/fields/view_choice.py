"""Points as the views of a field see them, and which views are asked about a point: a few that see it well."""

from __future__ import annotations

import dataclasses

import torch
from torch.nn.functional import normalize

from engine.fields.source_views import MASKED, UNKNOWN, SourceViews
from taichi_kernels.torch_functions.lenses import project

# So far behind a captured surface, in the network's lengths, a point is hidden to a third.
_HIDING_LENGTH = 0.02
# What is hidden isn't nothing: where all views are hidden from, the nearest surfaces are what is known.
_LEAST_VISIBILITY = 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class Sightings:
    """What m views say of n points each: ``views`` [n, m] int64; ``points`` [n, m, 3] in their camera spaces, in
    unit-cube lengths; ``places`` [n, m, 2] in pixels; ``visibility`` [n, m] f32 in 0..1, 0 where a point isn't in the
    picture; ``gaps`` [n, m], how far a point lies behind the depth that was captured there, in the network's lengths, 0
    where none is known (``is_known`` [n, m] bool), far below 0 where nothing is."""

    views: torch.Tensor
    points: torch.Tensor
    places: torch.Tensor
    visibility: torch.Tensor
    gaps: torch.Tensor
    is_known: torch.Tensor

    @classmethod
    def find(
        cls, sources: SourceViews, points: torch.Tensor, stretch: float, views: torch.Tensor | None = None
    ) -> Sightings:
        """Where ``points`` [n, 3] in the unit cube are seen in all of ``sources``, one at least, or those that
        ``views`` [n, m] names for each. ``stretch``: the network's lengths to one of the cube."""
        seen = project(points, sources.cameras if views is None else sources.cameras[views])
        if views is None:
            views = torch.arange(len(sources), device=points.device).expand(len(points), -1)
        places = torch.where(seen.is_before[..., None], seen.places, -1.0)
        depths = sources.depths_at(views, places)
        is_known = depths > UNKNOWN
        gaps = torch.where(is_known, (-seen.points[..., 2] - depths) * stretch, 0.0)
        hidden = torch.exp(-gaps.clamp(min=0.0) / _HIDING_LENGTH)
        visibility = _LEAST_VISIBILITY + (1.0 - _LEAST_VISIBILITY) * hidden
        is_seen = sources.inside(views, places) & (depths != MASKED)
        return cls(views, seen.points, places, torch.where(is_seen, visibility, 0.0), gaps, is_known)

    def choose(self, sources: SourceViews, most: int, directions: torch.Tensor | None) -> Sightings:
        """At most ``most`` views for each point: those that see it, first of all as they are not hidden from it, and
        then by how near they look along the unit ``directions`` [n, 3] in the cube that the points are seen along; or,
        without these, by how near their cameras are."""
        if len(sources) <= most:
            return self
        if directions is None:
            nearness = 1.0 / (1.0 + self.points.norm(dim=-1))
        else:
            nearness = 0.5 + 0.5 * self.cosines(self.turn(sources, directions))
        scores = torch.where(self.visibility > 0.0, 2.0 * self.visibility + nearness, nearness - 1.0)
        chosen = scores.topk(most, dim=1, sorted=False).indices
        return Sightings(*(_take(getattr(self, field.name), chosen) for field in dataclasses.fields(self)))

    def turn(self, sources: SourceViews, directions: torch.Tensor) -> torch.Tensor:
        """``directions`` [n, 3] in the unit cube, in the camera space of each view: [n, m, 3]."""
        rotations = sources.cameras[:, :12].view(-1, 3, 4)[..., :3]
        # Not a product of matrices, which a GPU may compute with ten binary digits.
        return (rotations[self.views] * directions[:, None, None, :]).sum(dim=-1)

    def cosines(self, turned: torch.Tensor) -> torch.Tensor:
        """Between how the views and how ``turned`` [n, m, 3] look at the points: [n, m]."""
        return (normalize(self.points, dim=-1) * turned).sum(dim=-1)


def _take(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """``values`` [n, m, ...] of the columns ``chosen`` [n, k]."""
    if values.ndim == 3:
        return values.gather(1, chosen[..., None].expand(-1, -1, values.shape[2]))
    return values.gather(1, chosen)
