"""All training pixels on the device, in the form the ray kernels read; grows as views arrive."""

from __future__ import annotations

import dataclasses

import torch

from engine.data.views import View
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from engine.primitives.memory import MemoryShortage, require_for_views
from engine.primitives.radiance_field.error_map import ErrorMap
from engine.primitives.radiance_field.pixel_spans import PixelSpans
from taichi_kernels.bundles import Pictures
from taichi_kernels.rays import CAMERA_FLOATS, MASKED_DEPTH, UNKNOWN_DEPTH

_INITIAL_VIEWS = 64
_INITIAL_PIXELS = 1 << 20
_PIXEL_BYTES = 4 * 2 + 4


@dataclasses.dataclass(frozen=True, eq=False)
class StoredPicture:
    """A view's pixels on the device: ``colors`` [H, W, 4] f16 premultiplied, ``depths`` [H, W] f32 planar z in world
    units, or None."""

    camera: Camera
    colors: torch.Tensor
    depths: torch.Tensor | None

    @classmethod
    def upload(cls, view: View, device: str) -> StoredPicture:
        """The picture of ``view``."""
        colors = _premultiply(torch.from_numpy(view.color).to(device))
        return cls(view.camera, colors, None if view.depth is None else torch.from_numpy(view.depth).to(device))

    @property
    def coverage(self) -> tuple[Camera, torch.Tensor, torch.Tensor | None]:
        """What it says about where things are: camera, alpha [H, W] f32, and depth [H, W] f32 (planar z, world units, 0
        where it isn't known) or None. A masked pixel may show anything: alpha is 1 there."""
        alpha, depth = self.colors[..., 3].float(), self.depths
        if depth is None:
            return self.camera, alpha, None
        alpha = torch.where(depth < MASKED_DEPTH, 1.0, alpha)
        # Where the picture shows nothing, nothing is there, whether or not its distance could be told.
        return self.camera, alpha, torch.where((depth <= 0.0) & (alpha == 0.0), torch.inf, depth.clamp(min=0.0))

    def equals(self, other: StoredPicture) -> bool:
        """Whether every bit is the same, of the camera too."""
        if self.colors.shape != other.colors.shape or self.camera.to_json() != other.camera.to_json():
            return False
        if self.depths is None or other.depths is None:
            return self.depths is other.depths and _same_bits(self.colors, other.colors)
        return _same_bits(self.colors, other.colors) and _same_bits(self.depths, other.depths)


class PixelStore:
    """``cameras`` [views, 21] f32, ``images`` [views, 5] int64 (first pixel, width, height, has depth, first tile of
    ``errors``), ``colors`` [pixels, 4] f16 premultiplied, ``depths`` [pixels] f32. Only the first ``len(store)`` rows
    are in use. ``errors``: where to look most, or None to look everywhere alike."""

    def __init__(self, cube: UnitCube, device: str, errors: ErrorMap | None = None) -> None:
        self._cube, self._device = cube, device
        self.errors = errors
        self._rows: dict[str, int] = {}
        self._cameras: dict[str, Camera] = {}
        self._spans = PixelSpans()
        self.cameras = torch.zeros(_INITIAL_VIEWS, CAMERA_FLOATS, device=device)
        self.images = torch.zeros(_INITIAL_VIEWS, 5, dtype=torch.int64, device=device)
        self.colors = torch.zeros(_INITIAL_PIXELS, 4, dtype=torch.float16, device=device)
        self.depths = torch.full((_INITIAL_PIXELS,), UNKNOWN_DEPTH, device=device)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    @property
    def pictures(self) -> Pictures:
        """What rays are drawn from."""
        return Pictures(len(self), self.cameras, self.images, self.colors, self.depths)

    def pictures_of(self, name: str) -> Pictures:
        """The view of this name alone, as ``pictures``. Tiles of ``errors`` mean nothing there."""
        row = slice(self._rows[name], self._rows[name] + 1)
        return Pictures(1, self.cameras[row], self.images[row], self.colors, self.depths)

    @property
    def names(self) -> list[str]:
        """Names of the views held, in the order they came."""
        return list(self._rows)

    def picture(self, name: str) -> StoredPicture:
        """That of the view called ``name``, as it is stored: not a copy."""
        first, width, height, has_depth, _ = self.images[self._rows[name]].tolist()
        pixels = slice(first, first + width * height)
        depths = self.depths[pixels].view(height, width) if has_depth else None
        return StoredPicture(self._cameras[name], self.colors[pixels].view(height, width, 4), depths)

    def add(self, name: str, picture: StoredPicture) -> None:
        """Take a picture in, in the place of the one of this name if there is one. Raises MemoryShortage, and then all
        is as it was."""
        height, width = picture.colors.shape[:2]
        row, first_tile = self._rows.get(name, len(self._rows)), 0
        spans, is_resized = self._spans.copy(), True
        if name in self._rows:
            first, former_width, former_height, _, first_tile = self.images[row].tolist()
            is_resized = (former_width, former_height) != (width, height)
            if is_resized:
                spans.give_back(first, former_width * former_height)
        if is_resized:
            first = spans.take(width * height)
        self._reserve(row + 1, spans.end, name)
        if is_resized and self.errors is not None:
            self.images[:, 4] = self.errors.forget(row, self.images[:, 4])
            first_tile = self.errors.add(row, width, height)
        self._spans = spans
        last = first + width * height
        self.colors[first:last] = picture.colors.view(-1, 4)
        if picture.depths is not None:
            self.depths[first:last] = picture.depths.view(-1)
        self.cameras[row] = self._cube.camera_row(picture.camera, self._device)[0]
        facts = [first, width, height, picture.depths is not None, first_tile]
        self.images[row] = torch.tensor(facts, dtype=torch.int64)
        self._rows[name] = row
        self._cameras[name] = picture.camera

    def _reserve(self, views: int, pixels: int, name: str) -> None:
        if views > self.cameras.shape[0]:
            self.cameras, self.images = _grow(self.cameras, 2 * views), _grow(self.images, 2 * views)
        if pixels <= self.colors.shape[0]:
            return
        ahead = 2.0
        while True:
            wanted = max(pixels, int(ahead * self.colors.shape[0]))
            try:
                require_for_views(wanted * _PIXEL_BYTES, name, self._device)
                break
            except MemoryShortage:
                if wanted == pixels:
                    raise
                ahead = 1.25 if ahead > 1.25 else 1.0  # room for fewer views to come
        self.colors, self.depths = _grow(self.colors, wanted), _grow(self.depths, wanted)


def _premultiply(color: torch.Tensor) -> torch.Tensor:
    """``engine.data.color.premultiply`` on the device: [H, W, 4] float16 as it is, uint8 from straight alpha."""
    if color.dtype == torch.float16:
        return color
    scaled = color.float() / 255.0
    scaled[..., :3] *= scaled[..., 3:]
    return scaled.half()


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    kind = torch.int16 if one.dtype == torch.float16 else torch.int32
    return torch.equal(one.view(kind), other.view(kind))


def _grow(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    grown = torch.zeros(rows, *tensor.shape[1:], dtype=tensor.dtype, device=tensor.device)
    grown[: tensor.shape[0]] = tensor
    return grown
