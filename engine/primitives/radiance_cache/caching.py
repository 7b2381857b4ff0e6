"""Paths that end early in a radiance cache, which learns from some of them meanwhile (Müller et al. 2021)."""

from __future__ import annotations

import dataclasses
import math

import torch

from engine.fields.surface_radiance import SurfacePoints, SurfaceRadiance
from engine.optimizers.row_adam import RowAdam
from taichi_kernels.bundles import SurfaceHits
from taichi_kernels.surfaces.path_tracing.bundles import PathScene, ValueColumn
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings, PathTracer

_FLAT = 1e-3  # the least throughput by which a vertex's light can be told from the path's


@dataclasses.dataclass(frozen=True)
class CacheSettings:
    """``spread``: a path ends where its footprint is this much larger than at the first surface (equation 3).
    ``training_share``: one of so many paths goes on, by as much again, and is learnt from; one of ``whole_share`` of
    these goes on until its light is lost or its bounces are used up, so that what is learnt doesn't rest on what was
    learnt alone. ``steps``: of the optimiser in each pass, at ``rate``; ``kept``: the share of former weights in what
    is shown."""

    spread: float = 0.01
    training_share: int = 32
    whole_share: int = 16
    steps: int = 4
    rate: float = 1e-2
    kept: float = 0.95


@dataclasses.dataclass
class _Visited:
    """Vertices of training paths: ``paths`` [n] int64, which of these they are of, ``throughputs`` [n, 3], and
    ``number``, that of the visit."""

    paths: torch.Tensor
    at: SurfacePoints
    throughputs: torch.Tensor
    number: int


class RadianceCache:
    """What surfaces of one scene reflect, learnt from the paths that are traced through it."""

    def __init__(self, scene: PathScene, settings: CacheSettings | None = None, seed: int = 0) -> None:
        self.settings = settings or CacheSettings()
        self.field = SurfaceRadiance(scene.device.type, seed=seed)
        self._optimizer = RowAdam(self.field.parameters())
        points = scene.vertices.view(-1, 3)
        self._low = points.amin(dim=0)
        self._size = float((points.amax(dim=0) - self._low).amax().clamp(min=1e-6))
        self.is_ready = False

    def points_at(self, tracer: PathTracer, rows: torch.Tensor) -> SurfacePoints:
        """What ``tracer``'s paths of ``rows`` are at."""
        values = tracer.vertices.surface_values[rows]
        return SurfacePoints(
            ((tracer.vertices.points[rows] - self._low) / self._size).clamp(0.0, 1.0).contiguous(),
            -tracer.rays.directions[rows],
            tracer.vertices.shading_normals[rows],
            values[:, :3].contiguous(),
            values[:, ValueColumn.ROUGHNESS].contiguous(),
            values[:, ValueColumn.METALLIC].contiguous(),
            values[:, ValueColumn.TRANSMISSION].contiguous(),
        )

    def learn(self, at: SurfacePoints, wanted: torch.Tensor, generator: torch.Generator) -> None:
        """Some steps of the optimiser, over all of ``at`` together."""
        if not len(at):
            return
        order = torch.randperm(len(at), generator=generator).to(wanted.device)
        for rows in order.chunk(self.settings.steps):
            self.field.learn(at.select(rows), wanted[rows])
            self._optimizer.step(self.settings.rate)
            self.field.average(self.settings.kept)
        self.is_ready = True


class CachedTracing:
    """Traces ``tracer``'s paths with a ``cache``."""

    def __init__(self, tracer: PathTracer, cache: RadianceCache) -> None:
        self._tracer, self._cache = tracer, cache
        count, device = len(tracer.rays), tracer.scene.device
        self._numbers = torch.arange(count, device=device)
        self._spread = torch.zeros(count, device=device)
        self._limit = torch.zeros(count, device=device)
        self._is_training = torch.zeros(count, dtype=torch.bool, device=device)
        self._is_suffix = torch.zeros(count, dtype=torch.bool, device=device)
        self._is_whole = torch.zeros(count, dtype=torch.bool, device=device)
        self._training = self._numbers[:0]  # which paths are learnt from
        self._earlier = torch.zeros(count, 3, device=device)  # radiance from before the last visit
        self._brought: list[torch.Tensor] = []  # what training paths brought until each visit, from the one before on
        self._bounces = 0
        self._asked: list[tuple[torch.Tensor, SurfacePoints, torch.Tensor]] = []
        self._visited: list[_Visited] = []

    def trace(self, settings: PathSettings, seed: int, step: int) -> None:
        """As PathTracer.trace, and learn from it. Paths go their whole way until the cache has learnt anything."""
        generator = torch.Generator().manual_seed(hash((seed, step)) & 0x7FFFFFFF)
        share = self._cache.settings.training_share
        whole_share = self._cache.settings.whole_share
        first, first_whole = (int(torch.randint(each, (1,), generator=generator)) for each in (share, whole_share))
        self._is_training = self._numbers % share == first
        self._is_whole = self._is_training & (self._numbers // share % whole_share == first_whole)
        self._training, self._bounces = self._is_training.nonzero()[:, 0], settings.bounces
        self._spread.zero_()
        self._is_suffix.zero_()
        self._asked, self._visited, self._brought = [], [], []
        radiance = self._tracer.paths.radiance
        self._earlier.copy_(radiance)
        radiance.zero_()
        self._tracer.trace(settings, seed, step, self._visit)
        if self._asked:
            rows = torch.cat([rows for rows, _, _ in self._asked])
            at = SurfacePoints.join([at for _, at, _ in self._asked])
            throughputs = torch.cat([throughput for _, _, throughput in self._asked])
            radiance.index_add_(0, rows, throughputs * self._cache.field.shown(at))
        self._brought.append(radiance[self._training])
        radiance += self._earlier
        if self._visited:
            self._cache.learn(*self._targets(), generator)

    def _targets(self) -> tuple[SurfacePoints, torch.Tensor]:
        """What each vertex of the training paths reflected: of the path's light, what came after it. That is summed up
        from the paths' ends: as the difference of large sums, little of it would be left. What isn't finite is left
        out, as one such number would make all weights so."""
        at = SurfacePoints.join([each.at for each in self._visited])
        throughputs = torch.cat([each.throughputs for each in self._visited])
        after = torch.stack(self._brought).flip(0).cumsum(0).flip(0)
        targets = torch.cat([after[each.number + 1][each.paths] for each in self._visited]) / throughputs
        is_told = (throughputs.amin(dim=1) > _FLAT) & targets.isfinite().all(dim=1)
        return at.select(is_told.nonzero()[:, 0]), targets[is_told]

    def _visit(self, vertex: int, hits: SurfaceHits) -> None:
        tracer, settings = self._tracer, self._cache.settings
        rays, paths, met = tracer.rays, tracer.paths, tracer.vertices
        self._brought.append(paths.radiance[self._training])
        self._earlier += paths.radiance
        paths.radiance.zero_()
        is_there = (rays.t_range[:, 1] > 0.0) & (met.surface_values[:, ValueColumn.IS_LAMP] == 0.0)
        cosine = (met.sides * rays.directions).sum(dim=1).abs().clamp(min=1e-4)
        if vertex == 0:
            self._limit = settings.spread * hits.distances**2 / (4.0 * math.pi * cosine)
            ends = torch.zeros_like(is_there)
        else:
            # A direction that was the only one spreads nothing.
            root = hits.distances / (paths.scatter_pdfs * cosine).sqrt()
            self._spread += torch.where(is_there & paths.scatter_pdfs.isfinite(), root, 0.0)
            is_last = self._is_training & (paths.bounces >= self._bounces)
            ends = is_there & ((self._spread**2 > self._limit) | is_last) & self._cache.is_ready
            goes_on = ends & self._is_training & (~self._is_suffix | self._is_whole) & ~is_last
            self._is_suffix |= goes_on
            self._spread.masked_fill_(goes_on, 0.0)
            ends &= ~goes_on
        if len(rows := ends.nonzero()[:, 0]):
            self._asked.append((rows, self._cache.points_at(tracer, rows), paths.throughputs[rows]))
            rays.t_range[:, 1].masked_fill_(ends, 0.0)
        learns = (is_there & ~ends)[self._training]
        if len(rows := self._training[learns]):
            at = self._cache.points_at(tracer, rows)
            self._visited.append(_Visited(learns.nonzero()[:, 0], at, paths.throughputs[rows], vertex))
