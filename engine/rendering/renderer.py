"""Renders colour, alpha and depth of any camera from a field."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from engine.device import PROFILES
from engine.fields.unit_cube import UnitCube
from engine.link.color import decode_srgb, encode_srgb
from engine.link.geometry import Bounds, Camera, extent_of
from engine.link.messages import ColorSpace, Quality
from engine.rendering.display import DisplayEncoding, clip_light
from taichi_kernels.bundles import Rays
from taichi_kernels.rays import generate_camera_rays

# Early ray termination: a ray ends below this transmittance. In a moving view the last hundredth hardly shows.
_MIN_TRANSMITTANCE: dict[Quality, float] = {"moving": 0.01, "final": 1e-4}
# Alpha below which a pixel has no depth.
MIN_DEPTH_ALPHA = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class RenderedImage:
    """A rendered picture on the device. ``color`` [H, W, 4] float32, premultiplied, in the field's own colour space;
    ``depth`` [H, W] float32 planar z in world units, +inf where alpha is 0."""

    color: torch.Tensor
    depth: torch.Tensor
    color_space: ColorSpace

    def to_scene_linear(self) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
        """Colour [H, W, 4] float16 premultiplied scene-linear, and depth [H, W] float32."""
        color = self.color
        if self.color_space == "srgb":
            alpha = color[..., 3:]
            straight = color[..., :3] / alpha.clamp(min=1e-6)
            color = torch.cat([decode_srgb(straight) * alpha, alpha], dim=-1)
        return _to_host(color.clamp(0, 65504).half()), _to_host(self.depth)

    def to_srgb(self, background: float) -> torch.Tensor:
        """[H, W, 3] float32 in 0..1, display-referred, over a grey of ``background`` (0 black, 1 white).

        A field that learnt sRGB composites in sRGB, which is the convention of the benchmarks; a scene-linear one
        composites in linear light and is encoded last.
        """
        color = self.color[..., :3] + (1.0 - self.color[..., 3:]) * background
        return encode_srgb(color) if self.color_space == "linear" else color.clamp(0, 1)

    def to_bytes(self, background: float | None, encode: DisplayEncoding = encode_srgb) -> npt.NDArray[np.uint8]:
        """uint8 [H, W, 3] over ``background``, or [H, W, 4] with straight alpha when that is None.

        ``encode`` makes display values of a scene-linear field's light. One that learnt sRGB has such values already.
        """
        if self.color_space == "srgb":
            encode = clip_light
        if background is not None:
            result = encode(self.color[..., :3] + (1.0 - self.color[..., 3:]) * background)
        else:
            alpha = self.color[..., 3:].clamp(0, 1)
            straight = encode(self.color[..., :3] / alpha.clamp(min=1e-6))
            result = torch.cat([torch.where(alpha > 0, straight, 0.0), alpha], dim=-1)
        return _to_host((result * 255.0 + 0.5).to(torch.uint8))


def _to_host(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """On a GPU a copy in page-locked memory; torch keeps and reuses such blocks."""
    if not PROFILES[tensor.device.type].locks_pages:
        return tensor.numpy()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor)
    return host.numpy()


class Renderer(abc.ABC):
    """Renders a field that may still be training: each call shows it as it is."""

    def __init__(
        self, cube: UnitCube, color_space: ColorSpace, device: str, near_distance: float = 0.0, cascades: int = 1
    ) -> None:
        """``near_distance``: from where on rays are looked at, in unit-cube lengths."""
        self.color_space, self.device = color_space, device
        self._profile = PROFILES[device]
        self._cube, self._near_distance, self._cascades = cube, near_distance, cascades

    @abc.abstractmethod
    def frozen(self, *, with_field: bool = True) -> Self:
        """Renders the field as it is now, however long training goes on meanwhile. Without a copy ``with_field``, only
        views that are added have no part in it."""

    @property
    @abc.abstractmethod
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""

    @property
    def bounds(self) -> Bounds:
        """The box in world space that holds the subject; without cascades there is nothing outside it."""
        return self._cube.bounds

    @property
    def extent(self) -> Bounds:
        """The box in world space outside of which the field is empty: the bounds, or the outermost cascade."""
        return extent_of(self._cube.bounds, self._cascades)

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        """Render ``camera`` at its own size. While a view moves rays stop earlier: that is not for measurements."""
        device, pixels = self.device, camera.width * camera.height
        row, limits = self._cube.camera_row(camera, device), self._cube.ray_limits(device, self._near_distance)
        color = torch.zeros(pixels, 4, device=device)
        depth = torch.zeros(pixels, device=device)
        chunk = self._profile.chunk_rays
        for first in range(0, pixels, chunk):
            last = min(first + chunk, pixels)
            rays, cosines = Rays.allocate(last - first, device), torch.empty(last - first, device=device)
            generate_camera_rays(first, camera.width, row, limits, rays, cosines)
            shown, distances = color[first:last], depth[first:last]
            self._render_rays(rays, shown, distances, _MIN_TRANSMITTANCE[quality])
            planar = distances * cosines / self._cube.scale
            distances.copy_(torch.where(shown[:, 3] > MIN_DEPTH_ALPHA, planar, torch.inf))
        shape = (camera.height, camera.width)
        return RenderedImage(color.view(*shape, 4), depth.view(shape), self.color_space)

    def captured(self, camera: Camera, picture: RenderedImage) -> torch.Tensor | None:
        """As PredictingViewer.captured: what is learnt from a scene's own views predicts nothing."""
        return None

    @abc.abstractmethod
    def _render_rays(self, rays: Rays, color: torch.Tensor, distances: torch.Tensor, min_transmittance: float) -> None:
        """Fill ``color`` [n, 4] and ``distances`` [n] of ``rays``, all 0 so far: how far away half of the light is
        absorbed; where less is, where that is in the mean."""
