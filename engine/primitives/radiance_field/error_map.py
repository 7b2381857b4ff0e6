"""Where the training pictures are not matched yet: those parts are drawn more often than those that are."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import PixelTiles
from taichi_kernels.rays import TILE_SIDE

# Loss that a tile of which no pixel was drawn yet counts with: about what an untrained field has.
_NEW_ERROR = 0.05
# No tile is forgotten, however well it is matched.
_LEAST_ERROR = 1e-4
# Tiles are drawn by their error to this power: less than in proportion, or what can't be learnt (noise, highlights)
# would have most of the rays.
_POWER = 0.7
# Steps after which the running sums are made anew.
_SUM_EVERY = 16


class ErrorMap:
    """A running mean of the loss in each tile of each view, and the tiles drawn by it."""

    def __init__(self, share: float, max_rays: int, device: str) -> None:
        """``share``: of the rays, how many are drawn by error. ``max_rays``: of a step."""
        self._share = share
        self._corners = torch.zeros(0, 3, dtype=torch.int32, device=device)
        self._errors = torch.zeros(0, device=device)
        self._cumulative = torch.zeros(0, device=device)
        self._drawn = torch.zeros(max_rays, dtype=torch.int32, device=device)

    @property
    def tile_count(self) -> int:
        return self._corners.shape[0]

    def add(self, row: int, width: int, height: int) -> int:
        """Tiles for a view of that size; returns the number of its first one."""
        device = self._corners.device
        y, x = torch.meshgrid(torch.arange(0, height, TILE_SIDE), torch.arange(0, width, TILE_SIDE), indexing="ij")
        corners = torch.stack([torch.full_like(x, row), x, y], dim=-1).view(-1, 3).int().to(device)
        first = self.tile_count
        self._corners = torch.cat([self._corners, corners])
        self._errors = torch.cat([self._errors, torch.full((len(corners),), _NEW_ERROR, device=device)])
        return first

    def forget(self, row: int, first_tiles: torch.Tensor) -> torch.Tensor:
        """Drop the tiles of the view in ``row``; returns what becomes of ``first_tiles`` [views] int64, the numbers of
        all views' first ones."""
        is_kept = self._corners[:, 0] != row
        lost = torch.cat([torch.zeros(1, dtype=torch.int64, device=is_kept.device), (~is_kept).cumsum(0)])
        self._corners, self._errors = self._corners[is_kept], self._errors[is_kept]
        return first_tiles - lost[first_tiles]

    def tiles(self, step: int) -> PixelTiles:
        """What to draw a step's pixels by."""
        if step % _SUM_EVERY == 0 or self._cumulative.shape != self._errors.shape:
            self._cumulative = self._errors.pow(_POWER).double().cumsum(0).float()
        return PixelTiles(self._corners, self._cumulative, self._share, self._drawn)

    def note(self, losses: torch.Tensor) -> None:
        """Take in the ``losses`` [rays] of the pixels drawn last."""
        drawn = self._drawn[: losses.shape[0]].long()
        sums, counts = self._errors.clone(), torch.ones_like(self._errors)
        sums.index_add_(0, drawn, losses.clamp(min=_LEAST_ERROR))
        counts.index_add_(0, drawn, torch.ones_like(losses))
        self._errors = sums / counts
