"""Paths from their first ray to their end, a vertex of all of them at a time (wavefronts; Laine et al. 2013)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from taichi_kernels.bundles import Rays, SurfaceHits
from taichi_kernels.surfaces.intersection import find_any, find_closest
from taichi_kernels.surfaces.path_tracing.albedo_tables import albedo_tables
from taichi_kernels.surfaces.path_tracing.bundles import LightSamples, Paths, PathScene, PathStep, Strategy, Vertices
from taichi_kernels.surfaces.path_tracing.shading import add_light, ask_lights, meet_surfaces, scatter

# Lamps that a path may pass, one after the other: as many as Cycles lets it by default.
_MOST_LAMPS = 8
# What looks at the paths at a vertex, by its number and where rays have met it.
Visit = Callable[[int, SurfaceHits], None]


@dataclasses.dataclass(frozen=True)
class PathSettings:
    """``bounces``: after the first surface, lamps that are passed not counted; ``hides_environment``: whether the
    camera sees nothing where no surface is; ``strategy``: how paths find light."""

    bounces: int = 12
    hides_environment: bool = False
    strategy: Strategy = Strategy.BOTH


class PathTracer:
    """Traces so many paths at a time through one scene. ``paths.radiance`` is the sum of all that were traced;
    ``first_hits`` those of the last ones with the first surface."""

    def __init__(self, scene: PathScene, count: int) -> None:
        self.scene = scene
        device = scene.device
        self.paths = Paths.allocate(count, device)
        self.rays = Rays.allocate(count, device)
        self.first_hits, self._hits = SurfaceHits.allocate(count, device), SurfaceHits.allocate(count, device)
        self.vertices = Vertices.allocate(count, device)
        self._samples = LightSamples.allocate(count, device)
        self._is_hit = torch.zeros(count, dtype=torch.int32, device=device)
        self._tables = albedo_tables(device.type)

    def trace(self, settings: PathSettings, seed: int, step: int, visit: Visit | None = None) -> None:
        """Trace the paths that begin with ``rays``, which are used up; ``seed`` and ``step``: of random numbers.
        ``visit`` is called at each vertex, and may end paths there by taking their ray's range away."""
        self.paths.begin()
        for vertex in range(settings.bounces + 2 + _MOST_LAMPS):
            hits = self._hits if vertex else self.first_hits
            # The camera doesn't see lamps, and they are in no light's way.
            tree = self.scene.tree if vertex else self.scene.surface_tree
            find_closest(tree, self.rays, hits)
            numbers = PathStep(seed, step, vertex, settings.bounces, settings.strategy, settings.hides_environment)
            meet_surfaces(numbers, self.scene, self.rays, hits, self.paths, self.vertices)
            # Of the others only those are left that have passed a lamp.
            if vertex > settings.bounces and not bool((self.rays.t_range[:, 1] > 0.0).any()):
                break
            if visit is not None:
                visit(vertex, hits)
            ask_lights(numbers, self.scene, self.rays, self.vertices, self._samples)
            scatter(numbers, self._tables, self.rays, self.vertices, self.paths, self._samples)
            find_any(self.scene.surface_tree, self._samples.rays, self._is_hit)
            add_light(self._is_hit, self._samples, self.paths)
