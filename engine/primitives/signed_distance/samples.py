"""The points that a step of training learns from.

As in Müller et al. 2022, section 5.2: half of them on the surface, three eighths a little off it by logistic
distributions, and one eighth anywhere in the box. What isn't on the surface takes longer to be looked up than to be
learnt from, so such points come from a pool, in which each step replaces the oldest.
"""

from __future__ import annotations

import math

import torch

from engine.primitives.signed_distance.config import SignedDistanceConfig
from engine.primitives.signed_distance.truth import SurfaceTruth, draw_in_box
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform, uniform_u32

# Of the points in the pool.
_ANYWHERE = 0.25
# The scale of a logistic distribution whose standard deviation is 1, and how far from 0 and 1 its shares stay.
_LOGISTIC, _FARTHEST = math.sqrt(3.0) / math.pi, 1e-5
_SLACK = 1e-6


class SamplePool:
    """Points [n, 3] inside ``box`` [2, 3] f32 with their signed distances."""

    def __init__(self, config: SignedDistanceConfig, box: torch.Tensor) -> None:
        self._config, self._box = config, box
        self._points = torch.zeros(config.pool_points, 3, device=box.device)
        self._distances = torch.zeros(config.pool_points, device=box.device)
        self._filled = self._next = 0
        self._indices = torch.arange(config.samples_per_step + config.fresh_points, device=box.device)

    def clear(self) -> None:
        """Forget all points: the surface is another one."""
        self._filled = self._next = 0

    def draw(self, truth: SurfaceTruth, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A step's points [n, 3] and their signed distances [n]."""
        self._renew(truth, step)
        config = self._config
        pooled = config.samples_per_step // 2
        on_surface = config.samples_per_step - pooled
        rows = uniform_u32(config.seed, step, self._indices[:pooled], RandomStream.POOL_SAMPLE) % self._filled
        surface = truth.draw_on_surface(config.seed, step, self._indices[:on_surface])
        points = torch.cat([surface, self._points[rows]])
        return points, torch.cat([torch.zeros_like(surface[:, 0]), self._distances[rows]])

    def _renew(self, truth: SurfaceTruth, step: int) -> None:
        """Put a step's fresh points into the place of the oldest."""
        first = self._next
        last = min(first + self._config.fresh_points, self._config.pool_points)
        points, distances = self._look_up(truth, step, last - first)
        self._points[first:last], self._distances[first:last] = points, distances
        self._filled = max(self._filled, last)
        self._next = last % self._config.pool_points

    def _look_up(self, truth: SurfaceTruth, step: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        config = self._config
        # Other numbers than those of the points on the surface.
        indices = self._indices[config.samples_per_step :][:count]
        anywhere = math.ceil(count * _ANYWHERE)
        spread = draw_in_box(config.seed, step, indices[:anywhere], self._box, RandomStream.SPACE_POINT)
        others = indices[anywhere:]
        shares = torch.stack(
            [uniform(config.seed, step, others, RandomStream.NEAR_SURFACE + axis) for axis in range(3)], dim=1
        ).clamp(_FARTHEST, 1.0 - _FARTHEST)
        width = uniform(config.seed, step, others, RandomStream.NEAR_SURFACE + 3)[:, None]
        deviations = config.near_deviation * (config.wide_deviation / config.near_deviation) ** width
        offsets = deviations * _LOGISTIC * torch.logit(shares)
        surface = truth.draw_on_surface(config.seed, step, others)
        near = (surface + offsets).clamp(self._box[0], self._box[1])
        points = torch.cat([spread, near])
        limits = torch.full_like(points[:, 0], math.inf)
        limits[anywhere:] = (near - surface).norm(dim=1) * (1.0 + 1e-4) + _SLACK
        return points, truth.distances(points, limits)
