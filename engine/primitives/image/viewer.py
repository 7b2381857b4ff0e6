"""Shows an image on its plane in the world, to any camera."""

from __future__ import annotations

import copy
import math
from typing import Self

import numpy as np
import torch

from engine.device import PROFILES
from engine.fields.coordinate_field import CoordinateField
from engine.link.geometry import Bounds, Camera
from engine.link.image_plane import Rectangle, camera_of, image_bounds, pixel_size
from engine.link.messages import ImageSpec, Quality
from engine.link.projection import pixel_directions
from engine.primitives.image.places import Places
from engine.rendering.renderer import RenderedImage
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

# At most so many looks at the image across a pixel, and as many down, where it shows more of it than one pixel.
_MOST_LOOKS: dict[Quality, int] = {"moving": 2, "final": 8}
_SLACK = 0.01  # of a pixel: as many to the picture as to the image is one look
_GRAZING = 1e-9


class ImageViewer:
    """A FlatViewer of what may still be learning. A pixel of a picture that shows more than one of the image's is the
    mean of several looks, spread over it. Lens distortion is not followed, but for a fisheye's."""

    def __init__(self, field: CoordinateField, spec: ImageSpec, device: str) -> None:
        self.device, self.color_space = device, spec.color_space
        self._field, self._spec = field, spec
        self._places = Places(spec.width, spec.height)

    @property
    def bounds(self) -> Bounds:
        """As Viewer.bounds: thin, about the plane."""
        return image_bounds(self._spec.width, self._spec.height)

    @property
    def size(self) -> tuple[int, int]:
        """As FlatViewer.size."""
        return self._spec.width, self._spec.height

    def facing(self, rectangle: Rectangle, size: tuple[int, int]) -> Camera:
        """As FlatViewer.facing."""
        return camera_of(rectangle, self.size, size)

    def frozen(self, *, with_field: bool = True) -> Self:
        """As Viewer.frozen."""
        other = copy.copy(self)
        other._field = self._field.frozen() if with_field else self._field
        return other

    @property
    def frozen_bytes(self) -> int:
        """As Viewer.frozen_bytes."""
        return self._field.frozen_bytes

    def color_at(self, points: torch.Tensor) -> torch.Tensor:
        """What is learnt at ``points`` [n, 2] f32 of the field, on the device: [n, 3 or 4] f32, premultiplied."""
        return self._field.forward(points)

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        """As Viewer.render."""
        rows = max(1, PROFILES[self.device].chunk_rays // camera.width)
        bands = [(top, min(top + rows, camera.height)) for top in range(0, camera.height, rows)]
        parts = [self._render_rows(camera, top, bottom, quality) for top, bottom in bands]
        color, depth = (torch.cat(part) for part in zip(*parts, strict=True))
        return RenderedImage(color, depth, self.color_space)

    def _render_rows(
        self, camera: Camera, top: int, bottom: int, quality: Quality
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Colour [rows, W, 4] and depth [rows, W] of rows ``top`` to before ``bottom``."""
        looks = self._count_looks(camera, top, bottom, quality)
        pixels = torch.arange(top * camera.width, bottom * camera.width, device=self.device)
        x, y = (pixels % camera.width).double(), (pixels // camera.width).double()
        color = torch.zeros(len(pixels), 4, device=self.device)
        depth = torch.full((len(pixels),), math.inf, device=self.device)
        for look in range(looks * looks):
            inside: list[torch.Tensor | float] = [0.5, 0.5]
            if looks > 1:  # in one of as many squares of the pixel, somewhere
                drawn = [uniform(0, look, pixels, RandomStream.SUBPIXEL + axis).double() for axis in range(2)]
                inside = [(look % looks + drawn[0]) / looks, (look // looks + drawn[1]) / looks]
            places, distance = self._meet(camera, x + inside[0], y + inside[1])
            shown = torch.isfinite(distance).nonzero().view(-1)
            color.index_add_(0, shown, self._show(places[shown]))
            depth[shown] = torch.minimum(depth[shown], distance[shown].float())
        color /= looks * looks
        depth[color[:, 3] <= 0.0] = math.inf
        shape = bottom - top, camera.width
        return color.view(*shape, 4), depth.view(shape)

    def _show(self, places: torch.Tensor) -> torch.Tensor:
        """[n, 4] f32 premultiplied at ``places`` [n, 2] f64 of the image, or of one of its tiles."""
        if self._spec.wraps:
            places = places % self._sides(places)
        color = self.color_at(self._places.to_points(places).float()).clamp_(min=0.0)
        if self._spec.alpha:
            color[:, 3].clamp_(max=1.0)
            return color
        return torch.cat((color, torch.ones_like(color[:, :1])), dim=1)

    def _meet(self, camera: Camera, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places [n, 2] f64 of the image, its pixels counted from the left and from the top, that are seen at ``x`` and
        ``y`` [n] f64 of a picture, and planar depth [n] there, +inf where the image isn't seen. Tiles have places of
        their own."""
        pose = camera.camera_to_world.copy()
        pose[:3, :3] /= np.linalg.norm(pose[:3, :3], axis=0)
        rotation = torch.from_numpy(pose[:3, :3].T.copy()).to(x.device)
        directions = self._directions(camera, x, y) @ rotation
        away = directions[:, 2]
        depth = torch.where(away.abs() > _GRAZING, -float(pose[2, 3]) / away, math.inf)
        side, (width, height) = pixel_size(*self.size), self.size
        places = torch.stack(
            (
                (float(pose[0, 3]) + depth * directions[:, 0]) / side + width / 2,
                height / 2 - (float(pose[1, 3]) + depth * directions[:, 1]) / side,
            ),
            dim=1,
        )
        is_seen = (depth > 0.0) & torch.isfinite(places).all(dim=1)
        if not self._spec.wraps:
            is_seen &= ((places >= 0.0) & (places <= self._sides(places))).all(dim=1)
        return places, torch.where(is_seen, depth, math.inf)

    def _sides(self, places: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.size, dtype=places.dtype, device=places.device)

    def _directions(self, camera: Camera, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As pixel_directions, on the device."""
        if camera.is_fisheye:
            return torch.from_numpy(pixel_directions(camera, x.cpu().numpy(), y.cpu().numpy())).to(x.device)
        return torch.stack(((x - camera.cx) / camera.fx, (camera.cy - y) / camera.fy, torch.full_like(x, -1.0)), dim=1)

    def _count_looks(self, camera: Camera, top: int, bottom: int, quality: Quality) -> int:
        """Across a pixel: as many pixels of the image as one of these rows shows, where it shows most."""
        x, y = np.meshgrid(np.linspace(0.0, camera.width - 1.0, 5), [top, (top + bottom - 1) / 2, bottom - 1.0])
        corner = torch.from_numpy(np.stack((x, y), axis=2).reshape(-1, 2) + 0.5)
        at, right, below = (
            self._meet(camera, corner[:, 0] + dx, corner[:, 1] + dy)[0] for dx, dy in ((0, 0), (1, 0), (0, 1))
        )
        spans = torch.maximum((right - at).norm(dim=1), (below - at).norm(dim=1))
        # At the horizon itself there is no end to what a pixel shows.
        most = min(float(spans.nan_to_num(math.inf, math.inf).max()), _MOST_LOOKS[quality])
        return max(math.ceil(most - _SLACK), 1)
