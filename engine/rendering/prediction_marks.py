"""Pictures in which hatching marks what is predicted: surfaces that the captured views don't show."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

import torch

from engine.link.color import decode_srgb
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Quality
from engine.rendering.viewer import PredictingViewer, Viewer

if TYPE_CHECKING:
    from engine.rendering.renderer import RenderedImage

# Display-referred sRGB.
_COLOR = (1.0, 0.45, 0.05)
# What views see so well isn't marked at all; what they see no better than the second is marked wholly.
_SEEN, _UNSEEN = 0.5, 0.2
# How much of a surface's colour is that of the mark: on a stripe, and between stripes.
_STRIPE, _BETWEEN = 0.7, 0.15
# Stripes across a picture.
_STRIPES = 40


class MarkedViewer:
    """Viewer that shows what another one does, with marks; those of a picture's bands go on from one to the next."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.device, self.color_space = viewer.device, viewer.color_space

    @property
    def bounds(self) -> Bounds:
        """See Viewer."""
        return self._viewer.bounds

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        """See Viewer."""
        picture = self._viewer.render(camera, quality)
        captured = captured_in(self._viewer, camera, picture)
        return picture if captured is None else mark(camera, picture, captured)

    def frozen(self, *, with_field: bool = True) -> Self:
        """See Viewer."""
        return type(self)(self._viewer.frozen(with_field=with_field))

    @property
    def frozen_bytes(self) -> int:
        """See Viewer."""
        return self._viewer.frozen_bytes


def captured_in(viewer: Viewer, camera: Camera, picture: RenderedImage) -> torch.Tensor | None:
    """See PredictingViewer.captured; None of a viewer that never predicts."""
    return viewer.captured(camera, picture) if isinstance(viewer, PredictingViewer) else None


def mark(camera: Camera, picture: RenderedImage, captured: torch.Tensor) -> RenderedImage:
    """``picture``, or a band of one, of ``camera`` with stripes where ``captured`` [H, W] f32 in 0..1 is low.
    Alpha and depth stay."""
    device = picture.color.device
    # From the principal point on, which is the same one for all bands.
    columns = torch.arange(camera.width, device=device) - round(camera.cx)
    rows = torch.arange(camera.height, device=device) - round(camera.cy)
    period = max(4, round(camera.width / _STRIPES))
    is_stripe = (columns + rows[:, None]) % period < period // 2
    predicted = ((_SEEN - captured) / (_SEEN - _UNSEEN)).clamp(0.0, 1.0)
    share = (predicted * torch.where(is_stripe, _STRIPE, _BETWEEN))[..., None]
    tint = torch.tensor(_COLOR, device=device)
    light, alpha = picture.color[..., :3], picture.color[..., 3:]
    marked = light + share * ((decode_srgb(tint) if picture.color_space == "linear" else tint) * alpha - light)
    return dataclasses.replace(picture, color=torch.cat([marked, alpha], dim=-1))
