"""Renders by one of several renderers, which may be another one from one picture to the next."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self

import numpy as np
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from engine.link.messages import ColorSpace, Quality
from engine.rendering.renderer import RenderedImage, Renderer
from taichi_kernels.bundles import Rays


class SwitchingRenderer(Renderer):
    """Shows what ``choose`` says for each picture: all of these render the same cube in the same colour space. The
    bands of a picture are of one renderer."""

    def __init__(
        self,
        choose: Callable[[], Renderer],
        cube: UnitCube,
        color_space: ColorSpace,
        device: str,
        near_distance: float = 0.0,
    ) -> None:
        super().__init__(cube, color_space, device, near_distance)
        self._choose = choose
        self._shown: Renderer | None = None
        self._former: Camera | None = None

    def frozen(self, *, with_field: bool = True) -> Self:
        """As Renderer.frozen: of the one that would render now."""
        frozen = self._choose().frozen(with_field=with_field)
        other = copy.copy(self)
        other._choose, other._shown, other._former = (lambda: frozen), None, None
        return other

    @property
    def frozen_bytes(self) -> int:
        return self._choose().frozen_bytes

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        """As Renderer.render."""
        if self._shown is None or not self._goes_on(camera):
            self._shown = self._choose()
        self._former = camera
        return super().render(camera, quality)

    def captured(self, camera: Camera, picture: RenderedImage) -> torch.Tensor | None:
        """As PredictingViewer.captured."""
        return None if self._shown is None else self._shown.captured(camera, picture)

    def _goes_on(self, camera: Camera) -> bool:
        """Whether ``camera`` sees a lower band of the picture that was rendered last."""
        former = self._former
        return (
            former is not None
            and camera.cy < former.cy
            and (camera.width, camera.fx, camera.fy, camera.cx) == (former.width, former.fx, former.fy, former.cx)
            and np.array_equal(camera.camera_to_world, former.camera_to_world)
        )

    def _render_rays(self, rays: Rays, color: torch.Tensor, distances: torch.Tensor, min_transmittance: float) -> None:
        assert self._shown is not None
        self._shown._render_rays(rays, color, distances, min_transmittance)
