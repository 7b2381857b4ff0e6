"""How well photographs agree with each other by the poses that they are said to have: by wrong ones they don't."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.color import premultiply
from engine.data.view_pairs import choose_pairs
from engine.data.views import View
from engine.link.arrays import Dtype, Floats
from engine.link.color import encode_srgb
from engine.link.geometry import Camera
from engine.link.projection import pixel_directions, project

_VIEWS = 24  # that are compared with another one each
_SIDE = 48  # pixels of the pictures that are compared
_BLOCK = 8  # of the blocks that they are compared by
_SHIFTS = np.linspace(0.0, 2.5, 32)  # how far apart two views are, as a share of how far away is what they show
_TEXTURE = 0.02  # of white: the least standard deviation of a block
_FEWEST_VIEWS, _FEWEST = 6, 24  # and blocks, by which anything is told
_CLEAR, _ERRORS = 0.08, 3.0  # what tells is a difference of correlations of so much, and of so many standard errors

Change = Callable[[Floats], npt.NDArray[np.float64]]


@dataclasses.dataclass(frozen=True, eq=False)
class Agreement:
    """Correlations of what two views both show: of each block [n]."""

    correlations: Floats

    @property
    def mean(self) -> float:
        """-1 to 1; 0 where there are no blocks."""
        return float(self.correlations.mean()) if len(self.correlations) else 0.0

    def lead_over(self, other: Agreement) -> float | None:
        """How much more pictures agree than by ``other``; None where that can't be told from chance."""
        one, two = self.correlations, other.correlations
        if min(len(one), len(two)) < _FEWEST:
            return None
        error = math.sqrt(one.var() / len(one) + two.var() / len(two))
        lead = self.mean - other.mean
        return lead if abs(lead) > max(_CLEAR, _ERRORS * error) else None


def agreement_by(views: Sequence[View], change: Change, others: Sequence[View] | None = None) -> Agreement:
    """How well ``views`` agree with each other, or with ``others``, by poses that each of them is changed to by
    ``change``. Of too few nothing is told."""
    cameras = [changed(view.camera, change) for view in views]
    seen, their = (views, cameras) if others is None else (others, [view.camera for view in others])
    found = [np.zeros(0)]
    for one, other in choose_pairs(cameras, _VIEWS, None if others is None else their) if _are_enough(seen) else ():
        found.append(_correlations(_Small.of(views[one], cameras[one]), _Small.of(seen[other], their[other])))
    return Agreement(np.concatenate(found))


def _are_enough(views: Sequence[View]) -> bool:
    return len(views) >= _FEWEST_VIEWS


def changed(camera: Camera, change: Change) -> Camera:
    """The camera at another pose."""
    return dataclasses.replace(camera, camera_to_world=change(camera.camera_to_world))


@dataclasses.dataclass(frozen=True, eq=False)
class _Small:
    """A view as a small grey picture [h, w], before grey where nothing is, with its camera."""

    camera: Camera
    grey: npt.NDArray[np.float32]

    @classmethod
    def of(cls, view: View, camera: Camera) -> _Small:
        """What a view shows, from where ``camera`` is."""
        scale = _SIDE / max(camera.width, camera.height)
        width, height = (max(round(side * scale), 2) for side in (camera.width, camera.height))
        step = max(int(0.25 / scale), 1)  # a few pixels of each block of them are enough
        color = premultiply(view.color[::step, ::step], view.color_space)
        shown = color[..., :3].mean(axis=2)
        if view.color_space == "linear":
            shown = encode_srgb(shown)
        grey = Image.fromarray(shown + 0.5 * (1.0 - color[..., 3]))
        return cls(camera.resized(width, height), np.asarray(grey.resize((width, height), Image.Resampling.BOX)))

    def at(self, places: Floats) -> Floats:
        """The picture at ``places`` [n, 2] in pixels, by its four nearest ones: [n]."""
        height, width = self.grey.shape
        x, y = np.clip(places[:, 0] - 0.5, 0.0, width - 1.001), np.clip(places[:, 1] - 0.5, 0.0, height - 1.001)
        column, row = x.astype(int), y.astype(int)
        right, down = x - column, y - row
        above = self.grey[row, column] * (1.0 - right) + self.grey[row, column + 1] * right
        below = self.grey[row + 1, column] * (1.0 - right) + self.grey[row + 1, column + 1] * right
        there: Floats = above * (1.0 - down) + below * down
        return there


def _correlations(one: _Small, other: _Small) -> Floats:
    """How well each block [n] of one picture that the other shows as well, whole, is correlated with what is there, at
    the distance at which it is best. Bare blocks are left out."""
    block = min(_BLOCK, *one.grey.shape)
    rows, columns = (side // block for side in one.grey.shape)

    def in_blocks(values: npt.NDArray[Dtype]) -> npt.NDArray[Dtype]:
        return values.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(rows * columns, block * block)

    wanted = in_blocks(one.grey[: rows * block, : columns * block].astype(np.float64))
    wanted -= wanted.mean(axis=1, keepdims=True)
    spread = wanted.std(axis=1)
    pose, seen = one.camera, other.camera
    y, x = np.mgrid[: rows * block, : columns * block] + 0.5
    to_other = np.linalg.inv(seen.camera_to_world[:3, :3])
    rays = pixel_directions(pose, x.ravel(), y.ravel()) @ (to_other @ pose.camera_to_world[:3, :3]).T
    moved = to_other @ (pose.position - seen.position)
    moved /= max(float(np.linalg.norm(moved)), 1e-12)
    best = np.full(rows * columns, -np.inf)
    for shift in _SHIFTS:
        local = rays + shift * moved
        places = project(seen, local)
        is_inside = (local[:, 2] < -1e-9) & (places >= 0.0).all(axis=1)
        is_inside &= (places < (seen.width, seen.height)).all(axis=1)
        found = in_blocks(other.at(places))
        found = found - found.mean(axis=1, keepdims=True)
        correlation = (wanted * found).mean(axis=1) / np.maximum(spread * found.std(axis=1), _TEXTURE**2)
        best = np.where(in_blocks(is_inside).all(axis=1), np.maximum(best, correlation), best)
    correlations: Floats = best[(spread > _TEXTURE) & np.isfinite(best)]
    return correlations
