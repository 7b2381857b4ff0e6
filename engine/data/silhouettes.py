"""Whether the silhouettes of pictures fit each other by the poses that they are said to have.

A point of a subject's surface is covered in every picture of all of it, whatever hides it there. So on the ray of
each covered pixel there must be a place that no other picture shows nothing at (the visual hull: Laurentini 1994). By
wrong poses there is none for many pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.selection import choose_evenly
from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import Camera, find_focus
from engine.link.projection import pixel_directions, project

_SIDE = 48  # pixels of the silhouettes that are compared
_SLACK = 2  # pixels that a silhouette is widened by: steps along rays, thin things, small errors of poses
_RAYS, _STEPS, _JUDGES = 32, 32, 12  # of each view, along each ray, and other views that are asked
_SOLID, _NOTHING = 0.95, 0.02  # of full alpha: what is certainly covered, and what isn't
_REFUSED = 1  # views that may say otherwise: wrong ones, of which there may be some
_WIDER = 1.2  # than the subject as most pictures show it: where places on rays are looked for


@dataclasses.dataclass(frozen=True, eq=False)
class Silhouette:
    """A small picture of what a view covers: ``solid`` and ``possible`` [h, w] bool, the latter widened. ``is_framed``:
    nothing is at its edge."""

    camera: Camera
    solid: npt.NDArray[np.bool_]
    possible: npt.NDArray[np.bool_]
    is_framed: bool

    @classmethod
    def of(cls, view: View) -> Silhouette:
        """What ``view`` covers."""
        scale = _SIDE / max(view.camera.width, view.camera.height)
        width, height = (max(round(side * scale), 2) for side in (view.camera.width, view.camera.height))
        step = max(int(0.25 / scale), 1)  # a few pixels of each block of them are enough
        alpha = view.color[::step, ::step, 3].astype(np.float32)
        alpha /= 1.0 if view.color_space == "linear" else 255.0
        least, most = alpha, alpha
        if (valid := view.valid) is not None:  # what is masked may be covered
            least, most = (np.where(valid[::step, ::step], alpha, unknown) for unknown in (0.0, 1.0))
        solid, possible = (
            np.asarray(Image.fromarray(each.astype(np.float32)).resize((width, height), Image.Resampling.BOX)) > limit
            for each, limit in ((least, _SOLID), (most, _NOTHING))
        )
        is_framed = not (possible[[0, -1]].any() or possible[:, [0, -1]].any())
        for _ in range(_SLACK):
            padded = np.pad(possible, 1)
            possible = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1]
            possible |= padded[1:-1, :-2] | padded[1:-1, 2:]
        return cls(view.camera.resized(width, height), solid, possible, is_framed)

    def moved(self, camera_to_world: Floats) -> Silhouette:
        """This silhouette, taken to be seen from another pose."""
        return dataclasses.replace(self, camera=dataclasses.replace(self.camera, camera_to_world=camera_to_world))

    def rays(self) -> npt.NDArray[np.float64]:
        """Directions [n, 3] of length 1 in world space through certainly covered pixels."""
        y, x = np.nonzero(self.solid)
        chosen = np.unique(np.linspace(0, len(x) - 1, min(_RAYS, len(x))).astype(int))
        local = pixel_directions(self.camera, x[chosen] + 0.5, y[chosen] + 0.5)
        rays = local @ self.camera.camera_to_world[:3, :3].T
        found: npt.NDArray[np.float64] = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return found

    def refuses(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether nothing is at each of ``points`` [n, 3], as it isn't covered there, or beyond the edge of a picture
        that shows its subject whole."""
        local = (points - self.camera.position) @ np.linalg.inv(self.camera.camera_to_world[:3, :3]).T
        column, row = project(self.camera, local).T
        height, width = self.possible.shape
        is_ahead = local[:, 2] < 0.0
        is_seen = is_ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        refused = is_ahead & self.is_framed
        refused[is_seen] = ~self.possible[row[is_seen].astype(int), column[is_seen].astype(int)]
        return refused


@dataclasses.dataclass(frozen=True, eq=False)
class Hull:
    """What ``judges`` leave room for, within ``radius`` of ``focus`` [3]: of ``places`` [rays, steps, 3] on the rays of
    what they cover, those that are ``free`` [rays, steps]."""

    judges: Sequence[Silhouette]
    focus: npt.NDArray[np.float64]
    radius: float
    places: npt.NDArray[np.float64]
    free: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, silhouettes: Sequence[Silhouette]) -> Hull:
        """The hull that a few of ``silhouettes`` leave, evenly spread over them."""
        judges = choose_evenly(silhouettes, _JUDGES)
        focus = find_focus([each.camera for each in silhouettes])
        radius = _WIDER * float(np.median([_reach(each, focus) for each in silhouettes]))
        hull = cls(judges, focus, radius, np.zeros((0, _STEPS, 3)), np.zeros((0, _STEPS), bool))
        found = [hull._along(judge) for judge in judges]
        places, free = (np.concatenate(each) for each in zip(*found, strict=True))
        has_room = free.any(axis=1)
        return dataclasses.replace(hull, places=places[has_room], free=free[has_room])

    def fit(self, silhouette: Silhouette) -> float:
        """How well a view fits: the share of its covered pixels that there is room for, or of what the judges cover
        that it leaves room for, whichever is less. 0 to 1."""
        _, free = self._along(silhouette)
        refused = silhouette.refuses(self.places.reshape(-1, 3)).reshape(self.free.shape)
        shares = (free.any(axis=1), (self.free & ~refused).any(axis=1))
        return min(float(share.mean()) if len(share) else 1.0 for share in shares)

    def _along(self, silhouette: Silhouette) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Places [rays, steps, 3] on the rays of what a view covers, and which of them no judge has nothing at."""
        rays, position = silhouette.rays(), silhouette.camera.position
        nearest = rays @ (self.focus - position)
        apart = np.linalg.norm(self.focus - position - nearest[:, None] * rays, axis=1)
        half = np.sqrt(np.maximum(self.radius**2 - apart**2, 0.0))
        distances = nearest[:, None] + half[:, None] * np.linspace(-1.0, 1.0, _STEPS)
        places = position + distances[..., None] * rays[:, None]
        refused = np.zeros(len(rays) * _STEPS, int)
        for judge in self.judges:
            if judge is not silhouette:
                refused += judge.refuses(places.reshape(-1, 3))
        free: npt.NDArray[np.bool_] = (refused.reshape(distances.shape) <= _REFUSED) & (distances > 0.0)
        return places, free & (half > 0.0)[:, None]


def _reach(silhouette: Silhouette, focus: Floats) -> float:
    """How far from ``focus`` the rays of what a view covers pass by, at most."""
    away = focus - silhouette.camera.position
    return float(np.linalg.norm(np.cross(silhouette.rays(), away), axis=1).max(initial=0.0))
