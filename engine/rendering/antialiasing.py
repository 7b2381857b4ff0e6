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
    """The mean of ``samples`` renderings whose rays go through different points of each pixel, evenly around its
    middle, so that nothing is moved.

    Colour and alpha are means, in the field's own colour space. Depth is the nearest of the samples': that of what
    covers the pixel in front, so that every pixel that is not empty has one.
    """
    first, *others = _pixel_points(samples)
    picture = viewer.render(_shifted(camera, first))
    if samples == 1:
        return picture
    color, depth = picture.color.clone(), picture.depth.clone()
    for point in others:
        sample = viewer.render(_shifted(camera, point))
        color += sample.color
        depth = torch.minimum(depth, sample.depth)
    return dataclasses.replace(picture, color=color / samples, depth=depth)


def _pixel_points(count: int) -> list[tuple[float, float]]:
    """So many points of a pixel, x and y from its middle; their mean is 0."""
    points = [(index * _STEP_X % 1.0, index * _STEP_Y % 1.0) for index in range(count)]
    mean_x, mean_y = (sum(values) / count for values in zip(*points, strict=True))
    return [(x - mean_x, y - mean_y) for x, y in points]


def _shifted(camera: Camera, point: tuple[float, float]) -> Camera:
    """``camera`` with the ray of each pixel through that point of it."""
    x, y = point
    return dataclasses.replace(camera, cx=camera.cx - x, cy=camera.cy - y)
