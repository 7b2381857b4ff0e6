"""The light that surfaces reflect, as a function of place, direction and material: what a radiance cache learns (Müller
et al. 2021, "Real-time Neural Radiance Caching for Path Tracing"), with the hash grid of 2022 for the place.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Self

import torch
from torch.nn.functional import linear, relu

from engine.encodings.hash_grid import HashEncoding
from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import GridLayout
from taichi_kernels.spherical_harmonics import SH_VALUES, encode_directions

_BLOBS = 4  # that roughness is told by
# Harmonics of the direction and of the normal, roughness, and the colour with how metallic and how clear it is.
_OTHERS = 2 * SH_VALUES + _BLOBS + 5
_ROW = 4


@dataclasses.dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Of n points: ``points`` [n, 3] in the unit cube, unit ``views`` [n, 3] towards who looks, unit ``normals`` [n, 3]
    on that side, ``base_colors`` [n, 3], ``roughness``, ``metallic``, ``transmission`` [n], f32."""

    points: torch.Tensor
    views: torch.Tensor
    normals: torch.Tensor
    base_colors: torch.Tensor
    roughness: torch.Tensor
    metallic: torch.Tensor
    transmission: torch.Tensor

    def __len__(self) -> int:
        return len(self.points)

    def select(self, rows: torch.Tensor) -> SurfacePoints:
        """Those of ``rows`` int64."""
        return SurfacePoints(*(values[rows].contiguous() for values in vars(self).values()))

    @classmethod
    def join(cls, parts: list[SurfacePoints]) -> Self:
        """All of several, in order."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(torch.cat(column) for column in columns))


class SurfaceRadiance:
    """Radiance [n, 3] f32 of SurfacePoints. What learns and what is shown are two: the second is the first's mean over
    the last steps (``average``), without its flicker."""

    def __init__(self, device: str, log2_table_size: int = 15, width: int = 64, layers: int = 2, seed: int = 0) -> None:
        self.device = device
        generator = torch.Generator().manual_seed(seed)
        layout = GridLayout.build(8, log2_table_size, 8, 512)
        self._grid = HashEncoding(layout, "cache.table", device, torch.float32, generator)
        widths = [self._grid.out_dims + _OTHERS, *[width] * layers, _ROW]
        self._shapes = [(columns, rows) for rows, columns in itertools.pairwise(widths)]
        flat = torch.cat(
            [
                (torch.rand(columns * rows, generator=generator) * 2.0 - 1.0) * math.sqrt(6.0 / (rows + columns))
                for columns, rows in self._shapes
            ]
        )
        self._weights = ParameterGroup.begin("cache.weights", flat.view(-1, _ROW).to(device), torch.float32, 1e-2)
        self._shown = [group.values.clone() for group in self.parameters()]
        self._averaged = 0

    def parameters(self) -> list[ParameterGroup]:
        """Table and weights."""
        return [*self._grid.parameters(), self._weights]

    @torch.no_grad()
    def shown(self, at: SurfacePoints) -> torch.Tensor:
        """What is shown there: at least 0."""
        table, weights = self._shown
        grid = self._grid.frozen()
        grid.table = dataclasses.replace(grid.table, values=table, working=table)
        return self._evaluate(self._features(grid, at), at, weights).clamp(min=0.0)

    def learn(self, at: SurfacePoints, wanted: torch.Tensor) -> float:
        """Leave the gradients of the relative squared error to ``wanted`` [n, 3] with the parameters: each is divided
        by the square of how bright the cache has it (Lehtinen et al. 2018). Returns the error."""
        features = self._features(self._grid, at)
        count = self._grid.out_dims
        with torch.enable_grad():
            features.requires_grad_(True)
            weights = self._weights.values.detach().requires_grad_(True)
            found = self._evaluate(features, at, weights)
            brightness = found.detach().mean(dim=1, keepdim=True)
            loss = ((found - wanted) ** 2 / (brightness**2 + 0.01)).mean()
            of_features, of_weights = torch.autograd.grad(loss, [features, weights])
        self._weights.gradients += of_weights
        rows = torch.arange(len(at), dtype=torch.int32, device=self.device)
        active = ActiveSamples(rows, torch.full((1,), len(at), dtype=torch.int32, device=self.device))
        self._grid.backward(at.points, active, of_features[:, :count].contiguous())
        return loss.item()

    def average(self, share: float) -> None:
        """Take what was learnt into what is shown: ``share`` of that is kept, less in the beginning."""
        self._averaged += 1
        share = min(share, 1.0 - 1.0 / self._averaged)
        for shown, group in zip(self._shown, self.parameters(), strict=True):
            shown.lerp_(group.values, 1.0 - share)

    def _features(self, grid: HashEncoding, at: SurfacePoints) -> torch.Tensor:
        count, first = len(at), grid.out_dims
        encoded = torch.empty(count, first, device=self.device)
        grid.forward(at.points, encoded)
        features = torch.empty(count, first + _OTHERS, device=self.device)
        features[:, :first] = encoded * 1e2  # entries begin tiny beside the other columns
        rows = torch.arange(count, dtype=torch.int32, device=self.device)
        encode_directions(at.views, rows, features, first)
        encode_directions(at.normals, rows, features, first + SH_VALUES)
        column = first + 2 * SH_VALUES
        place = at.roughness[:, None] * _BLOBS - torch.arange(_BLOBS, device=self.device) - 0.5
        features[:, column : column + _BLOBS] = torch.exp(-2.0 * place**2)
        column += _BLOBS
        features[:, column : column + 3] = at.base_colors
        features[:, column + 3], features[:, column + 4] = at.metallic, at.transmission
        return features

    def _evaluate(self, features: torch.Tensor, at: SurfacePoints, weights: torch.Tensor) -> torch.Tensor:
        value, parts = features, weights.view(-1).split([rows * columns for rows, columns in self._shapes])
        for number, (part, shape) in enumerate(zip(parts, self._shapes, strict=True)):
            value = linear(value, part.view(shape))
            if number < len(self._shapes) - 1:
                value = relu(value)
        # That most of what is reflected has the base colour as a factor need not be learnt.
        return value[:, :3] * (at.base_colors + 0.05)
