"""Whose axes poses have: OpenGL's (y up, the camera looks down -z), as ours, or OpenCV's (y down, it looks along z).

A file may say so. Else it is told by the pictures: with the wrong axes they don't agree with each other. Poses alone
can't tell, as both have the same lines of sight: what looks at a subject by one looks around from it by the other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.color import premultiply
from engine.data.json_object import JsonObject
from engine.data.remarks import Remarks
from engine.data.view_pairs import choose_pairs
from engine.data.views import View
from engine.link.arrays import Dtype, Floats
from engine.link.color import encode_srgb
from engine.link.geometry import Camera, find_focus
from engine.link.projection import pixel_directions, project

FIELD = "camera_axes"
_OTHER_FIELDS = ("camera_convention", "pose_convention", "coordinate_convention", "convention", "coordinate_system")
_NAMES = {"opencv": True, "colmap": True, "rdf": True, "opengl": False, "blender": False, "nerf": False, "rub": False}
_TURN = np.diag([1.0, -1.0, -1.0, 1.0])  # from the axes of one to those of the other

_AHEAD = 0.7  # the cosine between where cameras look and what they look at: half of them within 45 degrees
_UPRIGHT = 0.3  # the cosine between their y and the world's z
_FRAMED = 0.5  # of the edge of a picture that shows a subject, at most, is covered

_VIEWS = 24  # that are compared with another one each
_SIDE = 48  # pixels of the pictures that are compared
_BLOCK = 8  # of the blocks that they are compared by
_SHIFTS = np.linspace(0.0, 2.5, 32)  # how far apart two views are, as a share of how far away is what they show
_TEXTURE = 0.02  # of white: the least standard deviation of a block
_FEWEST_VIEWS, _FEWEST = 6, 24  # and blocks, by which anything is told
_CLEAR, _ERRORS = 0.08, 3.0  # what tells is a difference of correlations of so much, and of so many standard errors


def stated_axes(values: JsonObject) -> bool | None:
    """Whether a file says that its poses have OpenCV's axes, None where it says nothing of it. Raises DatasetError."""
    for name in (FIELD, *_OTHER_FIELDS):
        text = values.peek(name)
        is_opencv = _NAMES.get("".join(filter(str.isalnum, text)).lower()) if isinstance(text, str) else None
        if is_opencv is not None:
            values.get(name)
            return is_opencv
        if name == FIELD and text is not None:
            raise values.refuse(FIELD, "expected opengl or opencv", text)
    return None


def turn_axes(pose: Floats) -> npt.NDArray[np.float64]:
    """``pose`` [4, 4], of OpenCV's axes, by OpenGL's."""
    turned: npt.NDArray[np.float64] = pose @ _TURN
    return turned


def guess_axes(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views`` by OpenGL's axes, where no file says whose their poses have. What is guessed is told."""
    poses = np.array([view.camera.camera_to_world for view in views])
    to_focus = find_focus([view.camera for view in views]) - poses[:, :3, 3]
    to_focus /= np.maximum(np.linalg.norm(to_focus, axis=1, keepdims=True), 1e-12)
    ahead = float(np.median((to_focus * -poses[:, :3, 2]).sum(axis=1)))
    upright = float(np.median(poses[:, 2, 1]))
    if ahead > _AHEAD and upright > _UPRIGHT:  # they look at one thing, the right way up
        return list(views)
    lead = _lead_of_turned(views)
    if lead is not None and lead < 0.0:
        return list(views)
    looks_away, is_upside_down = ahead < -_AHEAD, upright < -_UPRIGHT
    why = f"{len(views)} cameras {'look away from each other' if looks_away else 'hang upside down'} by OpenGL's axes"
    if lead is not None:
        why = f"by OpenGL's axes pictures agree less with each other (correlations of {lead:.2f} less)"
    elif not (looks_away or is_upside_down):
        if len(views) > 1 and upright <= _UPRIGHT and not (ahead > _AHEAD and _are_framed(views)):
            remarks.add(
                f"whose axes the poses have, {len(views)} pictures don't tell: OpenGL's are taken (y up, the camera "
                f'looks along -z); if that is right, say "{FIELD}": "opengl" in the file, else "opencv"'
            )
        return list(views)
    elif ahead > _AHEAD or not (is_upside_down or _are_framed(views)):
        remarks.add(f'{why}: if that is right, say "{FIELD}": "opengl" in the file, else "opencv" (y down, z ahead)')
        return list(views)
    remarks.add(
        f"the poses are taken for OpenCV's (y down, the camera looks along z), as {why}: if that is right, say "
        f'"{FIELD}": "opencv" in the file, else "opengl"'
    )
    return [dataclasses.replace(view, camera=_turned(view.camera)) for view in views]


def _are_framed(views: Sequence[View]) -> bool:
    """Whether pictures show a subject before nothing, which their edges are mostly of."""
    edges = [
        np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]) for alpha in (v.color[..., 3] for v in views)
    ]
    return float(np.median([(edge > 0).mean() for edge in edges])) < _FRAMED


def _lead_of_turned(views: Sequence[View]) -> float | None:
    """By how much more pictures agree with turned poses than with those as they stand: the difference of the mean
    correlations of what two views both show. None where that can't be told from chance."""
    pairs = choose_pairs(views, _VIEWS)
    found: tuple[list[Floats], list[Floats]] = ([], [])
    for one, other in pairs:
        pair = _Picture.of(one), _Picture.of(other)
        for is_turned in (False, True):
            found[is_turned].append(_correlations(*pair, is_turned))
    as_is, turned = (np.concatenate(each) for each in found)
    if len(pairs) < _FEWEST_VIEWS or min(len(as_is), len(turned)) < _FEWEST:
        return None
    lead = float(turned.mean() - as_is.mean())
    error = math.sqrt(as_is.var() / len(as_is) + turned.var() / len(turned))
    return lead if abs(lead) > max(_CLEAR, _ERRORS * error) else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Picture:
    """A view as a small grey picture [h, w], before grey where nothing is, with its camera."""

    camera: Camera
    grey: npt.NDArray[np.float32]

    @classmethod
    def of(cls, view: View) -> _Picture:
        camera = view.camera
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


def _correlations(one: _Picture, other: _Picture, is_turned: bool) -> Floats:
    """How well each block [n] of one picture that the other shows as well, whole, is correlated with what is there, at
    the distance at which it is best. Bare blocks are left out."""
    block = min(_BLOCK, *one.grey.shape)
    rows, columns = (side // block for side in one.grey.shape)

    def in_blocks(values: npt.NDArray[Dtype]) -> npt.NDArray[Dtype]:
        return values.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(rows * columns, block * block)

    wanted = in_blocks(one.grey[: rows * block, : columns * block].astype(np.float64))
    wanted -= wanted.mean(axis=1, keepdims=True)
    spread = wanted.std(axis=1)
    pose, seen = (_turned(each.camera) if is_turned else each.camera for each in (one, other))
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


def _turned(camera: Camera) -> Camera:
    return dataclasses.replace(camera, camera_to_world=turn_axes(camera.camera_to_world))
