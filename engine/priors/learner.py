"""What a prior learns in a step: how scenes look from any side, by few views of each (Yu et al. 2021, section 4.3).

A step's scenes share its tensors: a table has the features of all their views, each point is looked at in its own
scene's, and the scenes lie in one unit cube, where none sees another.
"""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
import torch

from engine.device import PROFILES
from engine.fields.pixel_nerf import PixelNerfField
from engine.fields.source_views import SourceViews
from engine.fields.view_choice import Sightings
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import Learner
from engine.priors.config import PriorConfig
from engine.priors.pool import CUBE, RenderedScene, ScenePool
from engine.sampling.hierarchical import place_by_weight, stratify
from engine.sampling.quadrature import CompositedRays, composite
from taichi_kernels import runtime
from taichi_kernels.bundles import Rays
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.rays import sample_training_rays
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.losses import compare_colors, compare_depths, draw_background
from taichi_kernels.torch_functions.random_numbers import uniform

# As with radiance fields.
_HALF_GRADIENT_SCALE = 16.0
# Half of a step's scenes are looked at all along their rays, behind surfaces, too.
_WHOLE_SHARE = 0.5
_WHOLE_MARGIN = 10.0
_NO_JITTER = StepRule.constant(0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class _Batch:
    """``rays`` and their ``targets`` [n, 5] (see sample_training_rays), and which of ``sources`` each ray's points are
    looked at in, ``views`` [n, m] int64."""

    sources: SourceViews
    rays: Rays
    targets: torch.Tensor
    views: torch.Tensor


class PriorLearner(Learner):
    """``field``: what learns; of no scene in particular."""

    config: PriorConfig

    def __init__(self, config: PriorConfig, device: str) -> None:
        runtime.start(device)
        self.config, self.device = config, device
        self.field: PixelNerfField = config.field.build(device, config.seed)
        self.gradient_scale = _HALF_GRADIENT_SCALE if self.field.dtype == torch.float16 else 1.0
        self._pool = ScenePool(config, device)
        self._whole, self._near = (CUBE.ray_limits(device, 0.0, each) for each in (_WHOLE_MARGIN, config.depth_margin))
        self._loss: torch.Tensor | None = None
        evaluations = (config.strata + config.fine_samples) * config.field.most_views
        self._chunk = max(1, PROFILES[device].chunk_samples * 2 // evaluations)

    def parameters(self) -> list[ParameterGroup]:
        """Those of the field."""
        return self.field.parameters()

    def step(self, step: int, progress: float | None) -> bool:
        """See Learner. Waits for the device where scenes are made."""
        random = np.random.default_rng((self.config.seed, step))
        batch, channels = self._draw(self._pool.at(step), random, step)
        network = self.field.module
        features = network.read(channels)
        # Gathers the gradients of all rays before they go through the encoder.
        table = features.detach().requires_grad_()
        losses = []
        for first in range(0, len(batch.rays), self._chunk):
            rays = torch.arange(first, min(first + self._chunk, len(batch.rays)), device=self.device)
            loss = self._compare(batch, table, rays, step)
            (self.gradient_scale * loss.sum()).backward()
            losses.append(loss.detach())
        assert table.grad is not None
        torch.autograd.backward(features, table.grad)
        self._loss = torch.cat(losses).mean()
        return True

    def loss(self) -> float | None:
        """See Learner."""
        return None if self._loss is None else float(self._loss)

    def scratch(self) -> Self:
        """See Learner."""
        return type(self)(dataclasses.replace(self.config, pool=1, samples_per_pixel=1), self.device)

    def _draw(self, pool: list[RenderedScene], random: np.random.Generator, step: int) -> tuple[_Batch, torch.Tensor]:
        """Rays of some scenes, and what the encoder is to see of the views that these are to be told from."""
        config, device = self.config, self.device
        count, most = config.scenes_per_step, config.field.most_views
        chosen = random.choice(len(pool), count, replace=len(pool) < count)
        views = int(random.integers(1, most + 1))
        rays = Rays.allocate(count * config.rays_per_scene, device)
        targets = torch.zeros(len(rays), 5, device=device)
        pictures, channels = [], []
        for place, number in enumerate(chosen):
            scene = pool[number]
            form = scene.forms[int(random.random() >= config.share_without_depth)]
            known = random.permutation(config.views)[:views].tolist()
            pictures += [form.pictures[view] for view in known]
            channels.append(form.channels[known])
            limits = self._whole if random.random() < _WHOLE_SHARE else self._near
            part = slice(place * config.rays_per_scene, (place + 1) * config.rays_per_scene)
            seed = int(random.integers(1 << 31))
            sample_training_rays(seed, step, _NO_JITTER, scene.targets, None, limits, rays.select(part), targets[part])
        first = torch.arange(count, device=device).repeat_interleave(config.rays_per_scene) * views
        looked_at = first[:, None] + torch.arange(views, device=device)
        sources = SourceViews(tuple(pictures), linear=True)
        return _Batch(sources, rays, targets, looked_at), torch.cat(channels)

    def _compare(self, batch: _Batch, table: torch.Tensor, ids: torch.Tensor, step: int) -> torch.Tensor:
        """The loss of each of the rays ``ids`` [n]."""
        config = self.config
        rays, targets, views = batch.rays.select(ids), batch.targets[ids], batch.views[ids]
        strata = stratify(rays.t_range, self._jitter(ids, config.strata, RandomStream.COARSE_SAMPLE, step))
        with torch.no_grad():
            weights = self._render(batch.sources, table, rays, views, strata).weights
        jitter = self._jitter(ids, config.fine_samples, RandomStream.FINE_SAMPLE, step)
        quantiles = (torch.arange(config.fine_samples, device=self.device) + jitter) / config.fine_samples
        fine = place_by_weight(strata, weights, rays.t_range, quantiles)
        shown = self._render(batch.sources, table, rays, views, torch.cat([strata, fine], dim=1).sort(dim=1).values)
        background = draw_background(config.seed, step, ids, linear=True).float()
        colors = compare_colors(shown.colors, shown.transmittances, background, targets, linear=True)
        depths = compare_depths(shown.weights, shown.distances, config.depth_tolerance, targets)
        has_length = rays.t_range[:, 0] < rays.t_range[:, 1]
        return torch.where(has_length, colors + config.depth_weight * depths, 0.0)

    def _render(
        self, sources: SourceViews, table: torch.Tensor, rays: Rays, views: torch.Tensor, distances: torch.Tensor
    ) -> CompositedRays:
        """What the field shows along ``rays``, of which there are n, by samples at ``distances`` [n, k]."""
        points = (rays.origins[:, None] + distances[..., None] * rays.directions[:, None]).flatten(0, 1)
        count = distances.shape[1]
        seen = Sightings.find(sources, points, self.config.field.stretch, views.repeat_interleave(count, dim=0))
        directions = rays.directions.repeat_interleave(count, dim=0)
        densities, colors = self.field.module(sources, table, seen, directions)
        shape = distances.shape
        return composite(densities.view(shape), colors.view(*shape, 3), distances, rays.t_range[:, 1], linear=True)

    def _jitter(self, ids: torch.Tensor, count: int, stream: RandomStream, step: int) -> torch.Tensor:
        """Uniform numbers [n, count] f32 in [0, 1) for the rays ``ids`` [n]."""
        index = ids[:, None] * count + torch.arange(count, device=self.device)
        return uniform(self.config.seed, step, index, stream)
