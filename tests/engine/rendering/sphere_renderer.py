"""A renderer whose pictures are known exactly: the analytic sphere of the dataset tests."""

from __future__ import annotations

import numpy as np
import torch

from engine.link.color import encode_srgb
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace, Quality
from engine.rendering.renderer import RenderedImage
from tests.engine.data.scenes import render_sphere


class SphereRenderer:
    """Stands where a trained field's renderer would; counts what it renders. ``brightness`` scales colour."""

    bounds = Bounds(np.full(3, -1.0), np.full(3, 1.0))
    extent = bounds
    device = "cpu"

    def __init__(self, color_space: ColorSpace = "linear", brightness: float = 1.0) -> None:
        self.color_space = color_space
        self.brightness = brightness
        self.rendered = 0

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        self.rendered += 1
        color, depth = render_sphere(camera)
        color[..., :3] *= self.brightness
        if self.color_space == "srgb":
            color[..., :3] = encode_srgb(color[..., :3])
        return RenderedImage(torch.from_numpy(color), torch.from_numpy(depth), self.color_space)

    def frozen(self, *, with_field: bool = True) -> SphereRenderer:
        return self

    @property
    def frozen_bytes(self) -> int:
        return 0
