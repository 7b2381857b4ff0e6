"""Pictures of several rays a pixel."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from engine.link.geometry import Camera

if TYPE_CHECKING:
    from engine.rendering.renderer import RenderedImage
    from engine.rendering.viewer import Viewer

# Roberts' R2 sequence: any first points of it lie evenly in the square.
_STEP_X, _STEP_Y = 0.7548776662466927, 0.5698402909980532


def render_antialiased(viewer: Viewer, camera: Camera, samples: int) -> RenderedImage:
    """The mean of ``samples`` renderings whose rays go through different points of each pixel, evenly over it.

    Colour and alpha are means, in the field's own colour space. Depth is the nearest of the samples': that of what
    covers the pixel in front, so that every pixel that is not empty has one.
    """
    picture = viewer.render(_shifted(camera, 0))
    if samples == 1:
        return picture
    color, depth = picture.color.clone(), picture.depth.clone()
    for index in range(1, samples):
        sample = viewer.render(_shifted(camera, index))
        color += sample.color
        depth = torch.minimum(depth, sample.depth)
    return dataclasses.replace(picture, color=color / samples, depth=depth)


def _shifted(camera: Camera, index: int) -> Camera:
    """``camera`` with the ray of each pixel through point ``index`` of it; the first goes through the middle."""
    x, y = (index * _STEP_X + 0.5) % 1.0 - 0.5, (index * _STEP_Y + 0.5) % 1.0 - 0.5
    return dataclasses.replace(camera, cx=camera.cx - x, cy=camera.cy - y)
