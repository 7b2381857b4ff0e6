"""The views that a field is conditioned on: their pixels on the device, and what is looked up in them at any place."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch.nn.functional import embedding_bag, interpolate

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from engine.networks.image_encoder import FEATURE_STRIDE
from taichi_kernels.rays import CAMERA_FLOATS

# In the place of a captured depth: it is not known, nothing is there, or the pixel may show anything. Finite, as a
# snapshot has no infinities.
UNKNOWN, NOTHING, MASKED = 0.0, 1e6, -1.0
# Pixels whose depths differ by more than this many times their width there aren't of one surface.
_STEEPEST = 4.0
_LEAST_DEPTH = 1e-6
_NAMES = ("sources.cameras", "sources.sizes", "sources.colors", "sources.depths")


@dataclasses.dataclass(frozen=True, eq=False)
class SourcePicture:
    """``camera`` [1, 21] f32, from the unit cube into camera space; ``colors`` [h, w, 4] f16 premultiplied; ``depths``
    [h, w] f32 planar z in unit-cube lengths, or UNKNOWN, NOTHING or MASKED."""

    camera: torch.Tensor
    colors: torch.Tensor
    depths: torch.Tensor

    @classmethod
    def reduce(
        cls, camera: Camera, colors: torch.Tensor, depths: torch.Tensor | None, cube: UnitCube, side: int
    ) -> Self:
        """A view of at most ``side`` pixels a side, of ``colors`` [H, W, 4] f16 premultiplied and ``depths`` [H, W] f32
        as views have them. Colour is averaged; depth, of which a mean of two surfaces is neither, is that in the middle
        of a pixel."""
        height, width = colors.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        is_masked = torch.zeros_like(colors[..., 3], dtype=torch.bool) if depths is None else depths.isneginf()
        known = torch.where(colors[..., 3] > 0.0, UNKNOWN, NOTHING)
        if depths is not None:
            known = torch.where(depths > 0.0, (depths * cube.scale).clamp(max=NOTHING), known)
        known = torch.where(is_masked, MASKED, known)
        rows, columns = (
            ((torch.arange(count, device=colors.device) + 0.5) * (full / count)).long()
            for count, full in zip(size, (height, width), strict=True)
        )
        shown = torch.where(is_masked[..., None], 0.0, colors.float()).permute(2, 0, 1)[None]
        reduced = interpolate(shown, size, mode="area")[0].permute(1, 2, 0).half().contiguous()
        row = cube.inverse_camera_row(camera.resized(size[1], size[0]), colors.device)
        return cls(row, reduced, known[rows][:, columns].float().contiguous())

    def equals(self, other: Self) -> bool:
        """Whether every number is the same."""
        return all(
            torch.equal(getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self)
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.colors.shape[0], self.colors.shape[1]

    @property
    def feature_size(self) -> tuple[int, int]:
        """Rows and columns of its features."""
        height, width = self.size
        return -(-height // FEATURE_STRIDE), -(-width // FEATURE_STRIDE)


@dataclasses.dataclass(frozen=True, eq=False)
class SourceViews:
    """Any number of them. ``linear``: whether their colour is scene-linear, or else sRGB. Places are in pixels, [n, m,
    2] for n points in as many of the views as ``views`` [n, m] int64 names."""

    pictures: tuple[SourcePicture, ...]
    linear: bool

    def __len__(self) -> int:
        return len(self.pictures)

    def select(self, views: Sequence[int]) -> SourceViews:
        """Some of them alone."""
        return dataclasses.replace(self, pictures=tuple(self.pictures[view] for view in views))

    def put(self, view: int, picture: SourcePicture) -> SourceViews:
        """A copy with ``picture`` in the place of ``view``, or as one more."""
        return dataclasses.replace(self, pictures=(*self.pictures[:view], picture, *self.pictures[view + 1 :]))

    @functools.cached_property
    def cameras(self) -> torch.Tensor:
        """[views, 21] f32, from the unit cube into camera space."""
        return torch.cat([picture.camera for picture in self.pictures])

    @functools.cached_property
    def sizes(self) -> torch.Tensor:
        """Width and height, [views, 2] int64."""
        return self._count([picture.size[::-1] for picture in self.pictures])

    @functools.cached_property
    def feature_rows(self) -> list[slice]:
        """Which rows of a table of all their features are each one's."""
        ends = _sums([rows * columns for rows, columns in (picture.feature_size for picture in self.pictures)])
        return [slice(first, last) for first, last in itertools.pairwise(ends)]

    def inside(self, views: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Whether places are in the pictures, [n, m] bool."""
        is_inside: torch.Tensor = ((places >= 0.0) & (places < self.sizes[views])).all(dim=-1)
        return is_inside

    def depths_at(self, views: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """What SourcePicture.depths have at a place: [n, m]. Between pixels of one surface they are interpolated, so
        that a plane is one, however it is seen; elsewhere it is that of the pixel around, the nearest one for places
        outside."""
        sizes, firsts = self.sizes[views], self._first_pixels[views]
        column, row = torch.minimum(places.floor().long().clamp(min=0), sizes - 1).unbind(-1)
        own = self._depths[firsts + row * sizes[..., 0] + column]
        rows, weights = _find_neighbors(firsts, sizes, places - 0.5)
        around = self._depths[rows].flatten(-2)
        nearest, farthest = around.amin(dim=-1), around.amax(dim=-1)
        # The inverse of depth is what is linear over a plane's picture.
        between = 1.0 / (weights.flatten(-2) / around.clamp(min=_LEAST_DEPTH)).sum(dim=-1)
        is_surface = (nearest > UNKNOWN) & (farthest < NOTHING)
        is_surface &= farthest - nearest <= _STEEPEST * nearest / self.cameras[:, 12][views]
        return torch.where(is_surface, between, own)

    def colors_at(self, views: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Premultiplied colour and alpha, bilinear between the pixels' middles: [n, m, 4] f32."""
        return _interpolate(self._colors, self._first_pixels[views], self.sizes[views], places - 0.5)

    def features_at(self, table: torch.Tensor, views: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Features, bilinear between the pixels that they are of: [n, m, columns], differentiable. ``table`` [rows,
        columns] f32: those of all views, see ``feature_rows``."""
        return _interpolate(table, self._first_rows[views], self._feature_sizes[views], (places - 0.5) / FEATURE_STRIDE)

    def state(self) -> dict[str, torch.Tensor]:
        """As tensors, for ``read``."""
        device = self.pictures[0].colors.device if self.pictures else "cpu"
        cameras = self.cameras if self.pictures else torch.zeros(0, CAMERA_FLOATS)
        sizes = self.sizes if self.pictures else torch.zeros(0, 2, dtype=torch.int64)
        colors = [picture.colors.view(-1, 4) for picture in self.pictures] or [torch.zeros(0, 4, dtype=torch.float16)]
        depths = [picture.depths.view(-1) for picture in self.pictures] or [torch.zeros(0, device=device)]
        return dict(zip(_NAMES, (cameras, sizes, torch.cat(colors), torch.cat(depths)), strict=True))

    def read(self, state: Mapping[str, torch.Tensor], device: str) -> SourceViews:
        """Those of a ``state``, with colour of the same kind. Raises ValueError that names a missing or misshapen
        tensor."""
        tensors = [state.get(name) for name in _NAMES]
        for name, tensor, (columns, dtype) in zip(_NAMES, tensors, _LAYOUTS, strict=True):
            if tensor is None or tensor.dtype != dtype or tensor.shape[1:] != columns or not tensor.ndim:
                raise ValueError(f"{name}: missing or of another size or kind")
        cameras, sizes, colors, depths = (tensor for tensor in tensors if tensor is not None)
        counts = [(int(width), int(height)) for width, height in sizes.tolist()]
        if len(cameras) != len(counts) or any(min(count) < 1 for count in counts):
            raise ValueError(f"sources.sizes: {len(counts)} sizes for {len(cameras)} cameras, or an empty one")
        pixels = [width * height for width, height in counts]
        if not sum(pixels) == len(colors) == len(depths):
            raise ValueError(f"sources.colors: expected {sum(pixels)} pixels, found {len(colors)}")
        pictures = [
            SourcePicture(camera[None], color.view(height, width, 4), depth.view(height, width))
            for camera, (width, height), color, depth in zip(
                cameras.to(device),
                counts,
                colors.to(device).split(pixels),
                depths.to(device).split(pixels),
                strict=True,
            )
        ]
        return dataclasses.replace(self, pictures=tuple(pictures))

    @functools.cached_property
    def _colors(self) -> torch.Tensor:
        return torch.cat([picture.colors.view(-1, 4) for picture in self.pictures]).float()

    @functools.cached_property
    def _depths(self) -> torch.Tensor:
        return torch.cat([picture.depths.view(-1) for picture in self.pictures])

    @functools.cached_property
    def _first_pixels(self) -> torch.Tensor:
        return self._count(_sums([picture.depths.numel() for picture in self.pictures])[:-1])

    @functools.cached_property
    def _feature_sizes(self) -> torch.Tensor:
        return self._count([picture.feature_size[::-1] for picture in self.pictures])

    @functools.cached_property
    def _first_rows(self) -> torch.Tensor:
        return self._count([rows.start for rows in self.feature_rows])

    def _count(self, values: Sequence[int] | Sequence[tuple[int, ...]]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.pictures[0].colors.device)


# Columns and dtypes of a state's tensors.
_LAYOUTS = (
    (torch.Size([CAMERA_FLOATS]), torch.float32),
    (torch.Size([2]), torch.int64),
    (torch.Size([4]), torch.float16),
    (torch.Size([]), torch.float32),
)


def _sums(counts: Sequence[int]) -> list[int]:
    """0, and the sums of the first 1, 2, ... of ``counts``."""
    sums = [0]
    for count in counts:
        sums.append(sums[-1] + count)
    return sums


def _interpolate(
    table: torch.Tensor, firsts: torch.Tensor, sizes: torch.Tensor, coordinates: torch.Tensor
) -> torch.Tensor:
    """Bilinear values [n, m, columns] of grids whose points are rows of ``table``, from row ``firsts`` [n, m] on, row
    by row, and of ``sizes`` [n, m, 2] columns and rows; ``coordinates`` [n, m, 2] in their numbers, held within."""
    rows, weights = _find_neighbors(firsts, sizes, coordinates)
    # One kernel, which doesn't write the four neighbours of each place out first.
    mixed = embedding_bag(rows.view(-1, 4), table, per_sample_weights=weights.view(-1, 4), mode="sum")
    return mixed.view(*firsts.shape, table.shape[1])


def _find_neighbors(
    firsts: torch.Tensor, sizes: torch.Tensor, coordinates: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of a table (see _interpolate) that hold the four points around ``coordinates``, and their weights: [n,
    m, 2, 2]."""
    last = sizes - 1
    at = torch.minimum(coordinates.clamp(min=0.0), last.float())
    low = at.floor().long()
    high = torch.minimum(low + 1, last)
    share = at - low
    x, y = torch.stack([low[..., 0], high[..., 0]], dim=-1), torch.stack([low[..., 1], high[..., 1]], dim=-1)
    rows = firsts[..., None, None] + y[..., :, None] * sizes[..., :1, None] + x[..., None, :]
    of_x, of_y = (torch.stack([1.0 - each, each], dim=-1) for each in share.unbind(-1))
    return rows, of_y[..., :, None] * of_x[..., None, :]
