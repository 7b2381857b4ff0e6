"""Which cells of the unit cube may hold anything: what training and rendering march through.

A cell is open until a camera saw through all of it, no camera sees it, or the field has become thin there. With several
cascades (see taichi_kernels.marching) there is a grid for each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import torch

from engine.fields.base import SampleBatch, Workspace
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from engine.sampling.base import DensityFunction
from taichi_kernels.bundles import OccupancyBits, Rays
from taichi_kernels.occupancy import (
    CARVED,
    FLAG_COUNT,
    SEEN,
    SURFACE,
    carve_view,
    count_views,
    observe_densities,
    sample_cells,
    take_observed,
    update_densities,
)
from taichi_kernels.occupancy_bits import pack_bits
from taichi_kernels.rays import generate_camera_rays
from taichi_kernels.stepping import StepRule

# Müller et al. 2022, appendix E.2: a cell is occupied above this optical depth, or above the mean if that is less.
_OCCUPIED_OPTICAL_DEPTH = 0.01
# A cell that was never evaluated counts as this dense: occupied, but soon forgotten if the field is thin there.
_NEW_OPTICAL_DEPTH = 0.02
# One that is expected to be empty: 0 would be that of a closed one.
_EXPECTED_EMPTY = 1e-7
# A field that hasn't learnt from the scene is soft where it isn't sure: cells are kept that training would drop.
_SOFT_OPTICAL_DEPTH = 3e-4
# A picture is reduced until a cell's footprint reaches about this many pixels: what carving needs, at little cost.
_FOOTPRINT_PIXELS = 12
# Cells nearer to a camera than this (lengths of their cascade) are left to others: their footprints fill its picture.
_NEAREST_CARVED = 0.25
_FLAG_BITS = 4  # of a cell, packed
# Antialiased pictures show a surface about this many pixels soft: that much in front of a captured one stays open.
_SOFT_PIXELS = 2.0


class OccupancyGrid:
    """``occupied`` for marching, refreshed from the field and carved by views."""

    def __init__(
        self,
        resolution: int,
        decay: float,
        step_length: float,
        cube: UnitCube,
        device: str,
        seed: int,
        near_distance: float = 0.0,
    ) -> None:
        """``step_length`` (the shortest step) and ``near_distance`` are in lengths of ``cube``, whose growth must be a
        power of 2: there is a cascade for each of its doublings, and one."""
        if resolution % 16 or not 16 <= resolution <= 512:
            raise ValueError(f"occupancy_resolution: {resolution} is not a multiple of 16 up to 512")
        cascades = cube.growth.bit_length()
        if cube.growth != 2 ** (cascades - 1):
            raise ValueError(f"growth: {cube.growth} is not a power of 2")
        self.resolution, self.cascades = resolution, cascades
        self._decay, self._step_length, self._near_distance = decay, step_length, near_distance
        # Each cascade's own unit cube, the innermost first.
        self._cubes = [UnitCube(cube.bounds, 2**level) for level in range(cascades)]
        self.device, self._seed = device, seed
        cells = cascades * resolution**3
        self.flags = torch.zeros(cells, dtype=torch.int32, device=device)
        # How many of the views at hand set each flag of a cell, so that one can be taken away again.
        self._counts = torch.zeros(cells, FLAG_COUNT, dtype=torch.int32, device=device)
        self._marks: dict[str, torch.Tensor] = {}  # by view what it says, two cells to a byte
        self._is_loaded = False
        self.densities = torch.zeros(cells, device=device)
        # What training found since the last refresh.
        self._observed = torch.zeros(cells if cascades > 1 else 0, device=device)
        self.occupied = OccupancyBits.allocate(resolution, cascades, device)
        self._cells = torch.zeros(0, dtype=torch.int32, device=device)
        self._in_box = torch.cat([self._cells_in_box(level) for level in range(cascades)])
        self.candidates = self._cells  # the numbers of those that views leave open

    @property
    def candidate_count(self) -> int:
        """How many cells views leave open."""
        return self.candidates.shape[0]

    @property
    def view_bytes(self) -> int:
        """What is kept of each view."""
        return self.flags.shape[0] * _FLAG_BITS // 8

    def look(self, camera: Camera, alpha: torch.Tensor, depth: torch.Tensor | None) -> torch.Tensor:
        """What a view says of each cell: flags [cells] int32, for ``take``. The grid stays as it is.

        ``alpha`` [H, W] f32 and ``depth`` [H, W] f32 (planar z in world units, +inf where nothing is; None when it was
        not captured, 0 where it isn't known) on the grid's device.
        """
        marks = torch.zeros_like(self.flags)
        carves_nothing = bool((alpha > 0).all()) and (depth is None or not bool((depth > 0).any()))
        if depth is not None:
            self._mark_surfaces(camera, alpha, depth, marks)
        else:
            depth = torch.full_like(alpha, torch.inf)
        depth = depth * (1.0 - _SOFT_PIXELS / max(camera.fx, camera.fy))
        for level, (cube, own_marks) in enumerate(zip(self._cubes, marks.chunk(self.cascades), strict=True)):
            near_distance = self._near_distance * 2 ** (self.cascades - 1 - level)
            for footprint in [0.0] if carves_nothing else self._footprints(cube, camera):
                factor = max(1, math.floor(footprint / _FOOTPRINT_PIXELS))
                if carves_nothing or factor > max(camera.width, camera.height):
                    # A photograph rules nothing out, nor does a picture that a cell is too large for: it only shows
                    # which cells it has in it.
                    row = cube.inverse_camera_row(camera, self.device)
                    carve_view(self.resolution, row, torch.zeros_like(alpha), 0.0, own_marks, near_distance)
                    continue
                reach = math.ceil(footprint / factor) + 1
                nearest = _nearest_surface(depth * cube.scale, alpha, factor, reach)
                row = cube.inverse_camera_row(_reduce(camera, factor), self.device)
                carve_view(self.resolution, row, nearest, float(reach), own_marks, near_distance)
        return marks

    def take(self, view: str, marks: torch.Tensor) -> None:
        """Take the view of this name in by what ``look`` found: close the cells that it saw through, open those that it
        is the first to see. It comes in the place of the one that bore the name before."""
        former = self._marks.get(view)
        if former is not None and self._is_loaded:
            # What the views of a snapshot carved can't be told apart: only the views that are here count from now on.
            self._is_loaded = False
            bits = 2 ** torch.arange(FLAG_COUNT, dtype=torch.int32, device=self.device)
            self.flags.copy_(((self._counts > 0) * bits).sum(1))
        if former is not None:
            count_views(_unpack_marks(former), -1, self._counts, self.flags)
        count_views(marks, 1, self._counts, self.flags)
        self._marks[view] = _pack_marks(marks)
        self._find_open_cells()

    def _find_open_cells(self) -> None:
        open_cells = self._in_box & ((self.flags & SEEN) != 0) & ((self.flags & CARVED) == 0)
        # A cell never refreshed counts as dense; one that was open before keeps what is known of it.
        newly_open = open_cells & (self.densities == 0)
        self.densities.masked_fill_(newly_open, _NEW_OPTICAL_DEPTH)
        self.densities.masked_fill_(~open_cells, 0.0)
        self.candidates = open_cells.nonzero().view(-1).int()
        self._pack()

    def refresh(self, density: DensityFunction, batch: SampleBatch[Workspace], step: int) -> None:
        """Evaluate the field's ``density`` in some open cells (as many as ``batch`` holds at most); set the bits."""
        self._visit(self.candidates, density, batch, step, self._decay)
        if self.cascades > 1:
            take_observed(self._observed, self.densities, self._decay)
        self._pack()

    def explore(self, density: DensityFunction, batch: SampleBatch[Workspace], looks: int) -> None:
        """Find anew where the field is dense: the most of so many points in each open cell, the same ones each time;
        set the bits. What was found before counts no longer."""
        self.densities[self.candidates.long()] = _EXPECTED_EMPTY
        parts = self.candidates.split(batch.capacity) * looks
        for number, cells in enumerate(parts):
            self._visit(cells, density, batch, number, 1.0)
        self._pack(_SOFT_OPTICAL_DEPTH)

    def _visit(
        self, candidates: torch.Tensor, density: DensityFunction, batch: SampleBatch[Workspace], step: int, decay: float
    ) -> None:
        """Evaluate ``density`` at a point in each of these cells, or in as many of them as ``batch`` holds."""
        n = min(batch.capacity, candidates.shape[0])
        if n == 0:
            return
        if self._cells.shape[0] < n:
            self._cells = torch.zeros(batch.capacity, dtype=torch.int32, device=self.device)
        batch, cells = batch.first(n), self._cells[:n]
        sample_cells(self.resolution, self._seed, step, candidates, cells, batch.points, self.cascades)
        # With several cascades rays themselves report what they see. Here only cells are found that were closed too
        # early, and opened for as long as rays take to reach them or to find that they are hidden.
        most = math.inf if self.cascades == 1 else 2 * _OCCUPIED_OPTICAL_DEPTH
        update_densities(cells, density(batch), self.densities, decay, self._step_length, most)

    def expect(self, densities: torch.Tensor, resolution: int) -> None:
        """Begin with what another grid over the same cube, of ``resolution`` cells a side, found: of the open cells
        those are skipped around which its ``densities`` [resolution^3] are those of nothing, until ``refresh`` finds
        the field to be dense there. Without cascades."""
        found = torch.nn.functional.max_pool3d(densities.view(1, 1, *[resolution] * 3), 3, 1, 1)
        found = torch.nn.functional.interpolate(found, size=[self.resolution] * 3, mode="nearest").view(-1)
        is_empty = torch.zeros_like(self.densities, dtype=torch.bool)
        is_empty[self.candidates.long()] = found[self.candidates.long()] < _OCCUPIED_OPTICAL_DEPTH
        self.densities.masked_fill_(is_empty, _EXPECTED_EMPTY)
        self._pack()

    def observe(
        self, ray_samples: torch.Tensor, batch: SampleBatch[Workspace], raw_densities: torch.Tensor, steps: StepRule
    ) -> None:
        """Take note of what the field is at a training step's samples, for the next refresh.

        Several cascades have more cells than ``refresh`` can visit in time; rays visit those that matter.
        """
        if self.cascades > 1:
            observe_densities(ray_samples, batch, raw_densities, self._observed, self.occupied, steps)

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over the densities and flags of a snapshot. Raises ValueError when they are of another size."""
        for name, tensor in (("occupancy.densities", self.densities), ("occupancy.flags", self.flags)):
            if name not in state or (state[name].shape, state[name].dtype) != (tensor.shape, tensor.dtype):
                raise ValueError(f"{name}: missing or of another size or kind")
        if bool((state["occupancy.flags"] >> FLAG_COUNT != 0).any()):
            raise ValueError("occupancy.flags: there are flags that mean nothing")
        self.densities.copy_(state["occupancy.densities"])
        self.flags.copy_(state["occupancy.flags"])
        self._is_loaded = True
        self.candidates = (self.densities > 0).nonzero().view(-1).int()
        self._pack()

    def _pack(self, most: float = _OCCUPIED_OPTICAL_DEPTH) -> None:
        mean = float(self.densities.sum()) / max(self.candidate_count, 1)
        # The floor keeps a closed cell (exactly 0) closed when the mean itself is 0.
        threshold = max(min(most, mean), 1e-6)
        pack_bits(self.densities, self.flags, threshold, self.occupied)

    def _mark_surfaces(self, camera: Camera, alpha: torch.Tensor, depth: torch.Tensor, marks: torch.Tensor) -> None:
        """Flag in ``marks`` the cells of each cascade that hold a surface point captured by a view (see ``look``)."""
        pixels, cube = alpha.numel(), self._cubes[-1]
        limits, row = cube.ray_limits(self.device, self._near_distance), cube.camera_row(camera, self.device)
        rays, cosines = Rays.allocate(pixels, self.device), torch.empty(pixels, device=self.device)
        generate_camera_rays(0, camera.width, row, limits, rays, cosines)
        distances = (depth * cube.scale).view(-1) / cosines
        is_surface = (alpha.view(-1) > 0) & (depth.view(-1) > 0) & (distances < rays.t_range[:, 1])
        points = (rays.origins + distances[:, None] * rays.directions)[is_surface] - 0.5
        for level, own_marks in enumerate(marks.chunk(self.cascades)):
            cells = ((points * 2 ** (self.cascades - 1 - level) + 0.5) * self.resolution).floor().long()
            x, y, z = cells[((cells >= 0) & (cells < self.resolution)).all(dim=1)].unbind(1)
            index = (z * self.resolution + y) * self.resolution + x
            own_marks[index] |= SURFACE

    def _cells_in_box(self, level: int) -> torch.Tensor:
        """Whether each cell of a cascade is its own (not the next finer one's) and touches the bounds: [cells] bool."""
        index = np.arange(self.resolution)
        if level == 0:
            box = self._cubes[-1].box() * self.resolution
            axes = [(index + 1 > box[0, axis] - 1e-4) & (index < box[1, axis] + 1e-4) for axis in range(3)]
        else:
            axes = [(index >= self.resolution // 4) & (index < 3 * self.resolution // 4)] * 3
        inside = axes[2][:, None, None] & axes[1][None, :, None] & axes[0][None, None, :]
        return torch.from_numpy((inside == (level == 0)).reshape(-1)).to(self.device)

    def _footprints(self, cube: UnitCube, camera: Camera) -> list[float]:
        """How many pixels a cell reaches around its centre at the front, in the middle and at the back of a cascade.

        Cells nearer than that aren't carved, and those farther away all the closer to a silhouette.
        """
        center = float(np.linalg.norm(camera.position - cube.bounds.center)) * cube.scale
        radius = cube.bounds.radius * self._cubes[0].scale
        depths = {max(center + side * radius, _NEAREST_CARVED) for side in (-1.0, 0.0, 0.7)}
        return [math.sqrt(3) / 2 / self.resolution * max(camera.fx, camera.fy) / depth for depth in sorted(depths)]


def _pack_marks(marks: torch.Tensor) -> torch.Tensor:
    """Flags [cells] int32 as [cells / 2] uint8: looking again at a view that is replaced would take far longer than
    this, and its pixels may take far more memory."""
    even, odd = marks.view(-1, 2).unbind(1)
    return (even | odd << _FLAG_BITS).to(torch.uint8)


def _unpack_marks(packed: torch.Tensor) -> torch.Tensor:
    """The flags that ``_pack_marks`` was given."""
    return torch.stack((packed & (1 << _FLAG_BITS) - 1, packed >> _FLAG_BITS), dim=1).view(-1).int()


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
