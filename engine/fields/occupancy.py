"""Which cells of the unit cube may hold anything: what training and rendering march through.

A cell is open until a camera saw through all of it, no camera sees it, or the field has become thin there. With several
cascades (see taichi_kernels.marching) there is a grid for each.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from engine.fields.hash_grid_field import HashGridField, SampleBatch
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from taichi_kernels.occupancy import (
    CARVED,
    COARSE_FACTOR,
    SEEN,
    carve_view,
    observe_densities,
    pack_bits,
    sample_cells,
    take_observed,
    update_densities,
)
from taichi_kernels.stepping import StepRule

# Müller et al. 2022, appendix E.2: a cell is occupied above this optical thickness, or above the mean if that is less.
_THICKNESS_THRESHOLD = 0.01
# A cell nobody evaluated yet counts as this dense: occupied, but soon forgotten if the field is thin there.
_NEW_THICKNESS = 0.02
# A picture is reduced until a cell's footprint reaches about this many pixels: what carving needs, at little cost.
_FOOTPRINT_PIXELS = 12
# Cells nearer to a camera than this (lengths of their cascade) are left to others: their footprints fill its picture.
_NEAREST_CARVED = 0.25
# Antialiased pictures show a surface about this many pixels soft: that much in front of a captured one stays open.
_SOFT_PIXELS = 2.0


class OccupancyGrid:
    """``bits`` and ``coarse_bits`` for marching, refreshed from the field and carved by views."""

    def __init__(
        self,
        resolution: int,
        decay: float,
        step_length: float,
        cube: UnitCube,
        device: str,
        seed: int,
        cascades: int = 1,
        near_distance: float = 0.0,
    ) -> None:
        """``step_length`` (the shortest step) and ``near_distance`` are in lengths of ``cube``, whose growth must be
        2**(cascades - 1)."""
        if resolution % 16 or not 16 <= resolution <= 512:
            raise ValueError(f"occupancy_resolution: {resolution} is not a multiple of 16 up to 512")
        if cube.growth != 2 ** (cascades - 1):
            raise ValueError(
                f"cascades: {cascades} of them cover {2 ** (cascades - 1)} times the bounds, not {cube.growth}"
            )
        self.resolution, self.cascades = resolution, cascades
        self._decay, self._step_length, self._near_distance = decay, step_length, near_distance
        # Each cascade's own unit cube, the innermost first.
        self._cubes = [UnitCube(cube.bounds, 2**level) for level in range(cascades)]
        self._device, self._seed = device, seed
        cells = cascades * resolution**3
        self.flags = torch.zeros(cells, dtype=torch.int32, device=device)
        self.densities = torch.zeros(cells, device=device)
        # What training found since the last refresh.
        self._observed = torch.zeros(cells if cascades > 1 else 0, device=device)
        self.bits = torch.zeros(cells // 32, dtype=torch.int32, device=device)
        self.coarse_bits = torch.zeros(cells // COARSE_FACTOR**3 // 32, dtype=torch.int32, device=device)
        self._cells = torch.zeros(0, dtype=torch.int32, device=device)
        self._in_box = torch.cat([self._cells_in_box(level) for level in range(cascades)])
        self._candidates = self._cells

    @property
    def coarse_resolution(self) -> int:
        return self.resolution // COARSE_FACTOR

    @property
    def candidate_count(self) -> int:
        """Cells that views leave open."""
        return self._candidates.shape[0]

    def forget_views(self) -> None:
        """Undo all carving, as if no view had been seen; what is known of the field's densities stays."""
        self.flags.zero_()

    def carve(self, camera: Camera, alpha: torch.Tensor, depth: torch.Tensor | None) -> None:
        """Close the cells this view saw through, open those it is the first to see.

        ``alpha`` [H, W] f32 and ``depth`` [H, W] f32 (planar z in world units, +inf where nothing is; None when it was
        not captured) on the grid's device.
        """
        is_blind = depth is None and bool((alpha > 0).all())
        if depth is None:
            depth = torch.full_like(alpha, torch.inf)
        depth = depth * (1.0 - _SOFT_PIXELS / max(camera.fx, camera.fy))
        for level, (cube, flags) in enumerate(zip(self._cubes, self.flags.chunk(self.cascades), strict=True)):
            near_distance = self._near_distance * 2 ** (self.cascades - 1 - level)
            if is_blind:
                # A photograph rules nothing out: it only shows which cells it has in its picture.
                row = cube.inverse_camera_row(camera, self._device)
                carve_view(self.resolution, row, torch.zeros_like(alpha), 0.0, flags, near_distance)
                continue
            for footprint in self._footprints(cube, camera):
                factor = max(1, math.floor(footprint / _FOOTPRINT_PIXELS))
                reach = math.ceil(footprint / factor) + 1
                nearest = _nearest_surface(depth * cube.scale, alpha, factor, reach)
                row = cube.inverse_camera_row(_reduce(camera, factor), self._device)
                carve_view(self.resolution, row, nearest, float(reach), flags, near_distance)
        open_cells = self._in_box & ((self.flags & SEEN) != 0) & ((self.flags & CARVED) == 0)
        # A cell never refreshed counts as dense; one that was open before keeps what is known of it.
        newly_open = open_cells & (self.densities == 0)
        self.densities.masked_fill_(newly_open, _NEW_THICKNESS)
        self.densities.masked_fill_(~open_cells, 0.0)
        self._candidates = open_cells.nonzero().view(-1).int()
        self._pack()

    def refresh(self, field: HashGridField, batch: SampleBatch, step: int) -> None:
        """Evaluate the field in some open cells (as many as ``batch`` holds, at most) and set the bits anew."""
        n = min(batch.capacity, self.candidate_count)
        if n == 0:
            return
        if self._cells.shape[0] < n:
            self._cells = torch.zeros(batch.capacity, dtype=torch.int32, device=self._device)
        batch, cells = batch.first(n), self._cells[:n]
        sample_cells(n, self.resolution, self._seed, step, self._candidates, cells, batch.points, self.cascades)
        raw_densities = field.evaluate_density(batch)
        if self.cascades == 1:
            update_densities(cells, raw_densities, self.densities, self._decay, self._step_length)
        else:
            # What rays see they report themselves. Here only cells are found that were closed too early, and opened for
            # as long as rays take to reach them or to find that they are hidden.
            update_densities(
                cells, raw_densities, self.densities, self._decay, self._step_length, 2 * _THICKNESS_THRESHOLD
            )
            take_observed(self._observed, self.densities, self._decay)
        self._pack()

    def observe(
        self, ray_samples: torch.Tensor, batch: SampleBatch, raw_densities: torch.Tensor, steps: StepRule
    ) -> None:
        """Take note of what the field is at a training step's samples, for the next refresh.

        Several cascades have more cells than ``refresh`` can visit in time; rays visit those that matter.
        """
        if self.cascades > 1:
            observe_densities(
                ray_samples, batch.points, batch.distances, raw_densities, self._observed,
                self.resolution, steps, self.cascades,
            )  # fmt: skip

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Take over the densities and flags of a snapshot. Raises ValueError when they are of another size."""
        for name, tensor in (("occupancy.densities", self.densities), ("occupancy.flags", self.flags)):
            if name not in state or state[name].shape != tensor.shape:
                raise ValueError(f"{name}: missing or of another size")
            tensor.copy_(state[name])
        self._candidates = (self.densities > 0).nonzero().view(-1).int()
        self._pack()

    def _pack(self) -> None:
        mean = float(self.densities.sum()) / max(self.candidate_count, 1)
        # The floor keeps a closed cell (exactly 0) closed when the mean itself is 0.
        threshold = max(min(_THICKNESS_THRESHOLD, mean), 1e-6)
        pack_bits(self.densities, threshold, self.bits, self.coarse_bits, self.cascades)

    def _cells_in_box(self, level: int) -> torch.Tensor:
        """Whether each cell of a cascade is its own (not the next finer one's) and touches the bounds: [cells] bool."""
        index = np.arange(self.resolution)
        if level == 0:
            box = self._cubes[-1].box() * self.resolution
            axes = [(index + 1 > box[0, axis] - 1e-4) & (index < box[1, axis] + 1e-4) for axis in range(3)]
        else:
            axes = [(index >= self.resolution // 4) & (index < 3 * self.resolution // 4)] * 3
        inside = axes[2][:, None, None] & axes[1][None, :, None] & axes[0][None, None, :]
        return torch.from_numpy((inside == (level == 0)).reshape(-1)).to(self._device)

    def _footprints(self, cube: UnitCube, camera: Camera) -> list[float]:
        """How many pixels a cell reaches around its centre at the front, in the middle and at the back of a cascade.

        Cells nearer than that aren't carved, and those farther away all the closer to a silhouette.
        """
        center = float(np.linalg.norm(camera.position - cube.bounds.center)) * cube.scale
        radius = cube.bounds.radius * self._cubes[0].scale
        depths = {max(center + side * radius, _NEAREST_CARVED) for side in (-1.0, 0.0, 0.7)}
        return [math.sqrt(3) / 2 / self.resolution * max(camera.fx, camera.fy) / depth for depth in sorted(depths)]


def _nearest_surface(depth: torch.Tensor, alpha: torch.Tensor, factor: int, reach: int) -> torch.Tensor:
    """The nearest ``depth`` [H, W] within ``reach`` pixels of the picture reduced by ``factor``: +inf where nothing is,
    0 where there is coverage without any depth near it: thinner than a pixel, or no depth captured. No cell can be
    ruled out there."""
    nearest = -_pool_maximum(-depth, factor, reach)
    covered = _pool_maximum(alpha, factor, reach) > 0
    return torch.where(covered & torch.isinf(nearest), 0.0, nearest).contiguous()


def _pool_maximum(image: torch.Tensor, factor: int, reach: int) -> torch.Tensor:
    """Reduce ``image`` [H, W] by ``factor`` (partial blocks count), then take the maximum within ``reach`` pixels."""
    pooled = torch.nn.functional.max_pool2d(image[None, None], factor, factor, ceil_mode=True)[0, 0]
    return _slide_maximum(_slide_maximum(pooled, reach, 0), reach, 1)


def _slide_maximum(image: torch.Tensor, reach: int, dimension: int) -> torch.Tensor:
    """The maximum within ``reach`` pixels along one dimension: windows of two, four, eight pixels and so on, each of
    two of the former, so that the cost grows with the logarithm of the reach."""
    size, window = image.shape[dimension], 2 * reach + 1
    borders = (0, 0, reach, reach) if dimension == 0 else (reach, reach, 0, 0)
    result = torch.nn.functional.pad(image, borders, value=-torch.inf)
    width = 1
    while 2 * width <= window:
        count = result.shape[dimension] - width
        result = torch.maximum(result.narrow(dimension, 0, count), result.narrow(dimension, width, count))
        width *= 2
    return torch.maximum(result.narrow(dimension, 0, size), result.narrow(dimension, window - width, size))


def _reduce(camera: Camera, factor: int) -> Camera:
    """The camera of a picture reduced by ``factor``, a partial block at the end making a whole pixel."""
    return dataclasses.replace(
        camera,
        width=-(-camera.width // factor),
        height=-(-camera.height // factor),
        fx=camera.fx / factor,
        fy=camera.fy / factor,
        cx=camera.cx / factor,
        cy=camera.cy / factor,
    )
