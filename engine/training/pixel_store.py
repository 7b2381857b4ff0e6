"""All training pixels on the device, in the form the ray kernels read; grows as views arrive."""

from __future__ import annotations

import torch

from engine.data.views import View
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from taichi_kernels.rays import CAMERA_FLOATS, UNKNOWN_DEPTH

_INITIAL_VIEWS = 64
_INITIAL_PIXELS = 1 << 20


class PixelStore:
    """``cameras`` [views, 20] f32, ``images`` [views, 4] int32 (first pixel, width, height, has depth), ``colors``
    [pixels, 4] f16 premultiplied, ``depths`` [pixels] f32. Only the first ``len(store)`` rows are in use."""

    def __init__(self, cube: UnitCube, device: str) -> None:
        self._cube, self._device = cube, device
        self._rows: dict[str, int] = {}
        self._cameras: dict[str, Camera] = {}
        self._pixels = 0
        self.cameras = torch.zeros(_INITIAL_VIEWS, CAMERA_FLOATS, device=device)
        self.images = torch.zeros(_INITIAL_VIEWS, 4, dtype=torch.int32, device=device)
        self.colors = torch.zeros(_INITIAL_PIXELS, 4, dtype=torch.float16, device=device)
        self.depths = torch.full((_INITIAL_PIXELS,), UNKNOWN_DEPTH, device=device)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        """Names of the views held, in the order they came."""
        return list(self._rows)

    def add(self, view: View) -> None:
        """Take a view in. One of the same name and size is replaced."""
        height, width = view.color.shape[:2]
        row = self._rows.get(view.name)
        if row is not None and self.images[row, 1:3].tolist() == [width, height]:
            first = int(self.images[row, 0])
        else:
            row = len(self._rows) if row is None else row
            first = self._pixels
            self._pixels += width * height
        self._reserve(row + 1, self._pixels)
        last = first + width * height
        self.colors[first:last] = _premultiply(torch.from_numpy(view.color).to(self._device)).view(-1, 4)
        if view.depth is not None:
            self.depths[first:last] = torch.from_numpy(view.depth).to(self._device).view(-1)
        self.cameras[row] = self._cube.camera_row(view.camera, self._device)[0]
        self.images[row] = torch.tensor([first, width, height, view.depth is not None], dtype=torch.int32)
        self._rows[view.name] = row
        self._cameras[view.name] = view.camera

    def coverage(self, name: str) -> tuple[Camera, torch.Tensor, torch.Tensor | None]:
        """What the view called ``name`` says about where things are: camera, alpha [H, W] f32, and depth [H, W] f32
        (planar z, world units) or None."""
        first, width, height, has_depth = self.images[self._rows[name]].tolist()
        pixels = slice(first, first + width * height)
        alpha = self.colors[pixels, 3].float().view(height, width)
        return self._cameras[name], alpha, self.depths[pixels].view(height, width) if has_depth else None

    def _reserve(self, views: int, pixels: int) -> None:
        if views > self.cameras.shape[0]:
            self.cameras = _grow(self.cameras, views)
            self.images = _grow(self.images, views)
        if pixels > self.colors.shape[0]:
            self.colors = _grow(self.colors, pixels)
            self.depths = _grow(self.depths, pixels)


def _premultiply(color: torch.Tensor) -> torch.Tensor:
    """``engine.data.color.premultiply`` on the device: [H, W, 4] float16 as it is, uint8 from straight alpha."""
    if color.dtype == torch.float16:
        return color
    scaled = color.float() / 255.0
    scaled[..., :3] *= scaled[..., 3:]
    return scaled.half()


def _grow(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    grown = torch.zeros(max(rows, 2 * tensor.shape[0]), *tensor.shape[1:], dtype=tensor.dtype, device=tensor.device)
    grown[: tensor.shape[0]] = tensor
    return grown
