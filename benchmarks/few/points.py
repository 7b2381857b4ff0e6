"""Views drawn by nothing but the points that others captured: what depth alone shows, without anything learnt."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_closing, distance_transform_edt, grey_opening

from engine.data.color import premultiply
from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import Camera
from engine.link.projection import pixel_directions, project

_COVERED = 0.5  # alpha from which a pixel shows its surface
# Gaps between points of this share of a picture's side at most are closed.
_GAP = 1 / 16
_SLACK = 0.6  # pixels
# Spots of half of this share at most that are so many times as far away as all around them are seen through a surface.
_LEAK, _FARTHER = 1 / 32, 1.05


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """``positions`` [n, 3] in the world, premultiplied ``colors`` [n, 4], and ``sizes`` [n], how wide the pixel of each
    is where it lies, in world units."""

    positions: Floats
    colors: npt.NDArray[np.float32]
    sizes: Floats

    @classmethod
    def of(cls, views: Sequence[View]) -> Points:
        """All that ``views`` have captured, which have depth."""
        parts = [_points_of(view) for view in views]
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def draw(self, camera: Camera) -> npt.NDArray[np.float32]:
        """What ``camera`` sees of them, [H, W, 4]: each as large as its pixel was, the nearest in front; gaps that
        these leave have the nearest one's colour."""
        width, height = camera.width, camera.height
        local = (self.positions - camera.position) @ _rotation(camera)
        ahead = (depths := -local[:, 2]) > 0.0
        places, depths = project(camera, local[ahead]), depths[ahead]
        # To how many pixels on each side; of one that is hardly wider than a pixel none, or edges would be blurred.
        widths = self.sizes[ahead] * camera.fx / depths
        reach = np.ceil(0.5 * widths - _SLACK).clip(0.0, 0.5 * _GAP * max(width, height))
        nearest, shown = np.full(height * width, np.inf), np.full(height * width, -1)
        numbers = np.flatnonzero(ahead)
        columns, rows = np.floor(places).astype(np.int64).T
        most = int(reach.max(initial=0.0))
        for row in range(-most, most + 1):
            for column in range(-most, most + 1):
                x, y = columns + column, rows + row
                drawn = (reach >= max(abs(row), abs(column))) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
                _put(nearest, shown, (y * width + x)[drawn], depths[drawn], numbers[drawn])
        if not len(self.colors):
            return np.zeros((height, width, 4), np.float32)
        is_drawn = (shown >= 0).reshape(height, width) & ~_is_seen_through(nearest.reshape(height, width))
        return fill_gaps(self.colors[shown].reshape(height, width, 4), is_drawn)


def _is_seen_through(depths: Floats) -> npt.NDArray[np.bool_]:
    """Where ``depths`` [H, W], inf where nothing is drawn, are of what shows between the points of a nearer surface."""
    size = 2 * math.ceil(_LEAK * max(depths.shape)) + 1
    without: Floats = grey_opening(depths, size, mode="nearest")
    return depths > without * _FARTHER


def fill_gaps(picture: npt.NDArray[np.float32], is_drawn: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """``picture`` [H, W, 4] with the nearest drawn pixel's value in all gaps between drawn ones; around these there
    stays nothing."""
    if not is_drawn.any():
        return np.zeros_like(picture)
    radius = math.ceil(_GAP * max(is_drawn.shape))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    # Beyond the picture's edge as at it: gaps may lie there, too.
    padded = np.pad(is_drawn, radius, mode="edge")
    closed = binary_closing(padded, x * x + y * y <= radius * radius)[radius:-radius, radius:-radius]
    rows, columns = distance_transform_edt(~is_drawn, return_distances=False, return_indices=True)
    filled: npt.NDArray[np.float32] = np.where((closed | is_drawn)[..., None], picture[rows, columns], 0.0)
    return filled.astype(np.float32)


def _points_of(view: View) -> tuple[Floats, npt.NDArray[np.float32], Floats]:
    assert view.depth is not None
    camera, colors = view.camera, premultiply(view.color, view.color_space)
    is_surface = (view.depth > 0.0) & np.isfinite(view.depth) & (colors[..., 3] > _COVERED)
    rows, columns = np.nonzero(is_surface)
    depths = view.depth[is_surface].astype(np.float64)
    local = pixel_directions(camera, columns + 0.5, rows + 0.5) * depths[:, None]
    positions = camera.position + local @ _rotation(camera).T
    shown = colors[is_surface]
    return positions, shown / shown[:, 3:], depths / camera.fx


def _rotation(camera: Camera) -> Floats:
    """From camera space, with unit axes (a scaled camera object is still a camera)."""
    axes: Floats = camera.camera_to_world[:3, :3] / np.linalg.norm(camera.camera_to_world[:3, :3], axis=0)
    return axes


def _put(
    nearest: Floats,
    shown: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.int64],
    depths: Floats,
    numbers: npt.NDArray[np.int64],
) -> None:
    """Have each of ``pixels`` show the nearest of what is drawn there."""
    order = np.argsort(-depths, kind="stable")  # of several writes to one place the last counts
    pixels, depths, numbers = pixels[order], depths[order], numbers[order]
    first = np.full(len(nearest), np.inf)
    first[pixels] = depths
    number = np.zeros(len(nearest), np.int64)
    number[pixels] = numbers
    closer = first < nearest
    nearest[closer], shown[closer] = first[closer], number[closer]
