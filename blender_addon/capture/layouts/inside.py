"""Inside: a room, from viewpoints all over its free space."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Hashable

import bpy
import numpy as np

from engine.link.geometry import Bounds

from .. import room_views
from ..as_rendered import gather_as_rendered
from ..free_space import FreeSpace, Room
from .layout import FreeLayout

_FRESH = 0.5  # seconds from one planning to the next in which a room is taken for the same
_LEAST = 0.3  # of the bounds' size that a room has along each axis


class Inside(FreeLayout):
    identifier, number, label = "INSIDE", 6, "Inside"
    description = "Viewpoints spread over the free space of a room, looking all ways until every wall is covered"
    settings = ("training_views", "room_looks")
    details = ("room_field_of_view", "seed")
    field_of_view = "room_field_of_view"

    def smaller_box(
        self,
        scene: bpy.types.Scene,
        view_layer: bpy.types.ViewLayer,
        depsgraph: bpy.types.Depsgraph,
        bounds: Bounds,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        return room_views.room_box(gather_as_rendered(view_layer, depsgraph).triangles, bounds, _eye(scene))

    def matrices(
        self, scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray, slopes: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        settings = scene.hashlight.capture
        found = _survey(scene, bounds)
        if found is None or not _is_large(*found, bounds):
            raise ValueError(
                "nothing walls in the space within the bounds: fit them to a room, or choose another layout than Inside"
            )
        counts = settings.training_views, settings.held_out_views
        return room_views.find_views(*found, counts, settings.room_looks, slopes, settings.seed)


@dataclasses.dataclass(frozen=True)
class _Survey:
    """What was found for ``key`` at ``time``, monotonic seconds."""

    key: Hashable
    time: float
    found: tuple[FreeSpace, Room] | None


_last: list[_Survey] = []  # one at most


def forget_all() -> None:
    """Another file is open."""
    _last.clear()


def _survey(scene: bpy.types.Scene, bounds: Bounds) -> tuple[FreeSpace, Room] | None:
    """The room in ``bounds``. While a number is dragged in a window, cameras are planned many times a second: the room
    is then looked at once."""
    eye = _eye(scene)
    key = scene.name, scene.frame_current, bounds.minimum.tobytes(), bounds.maximum.tobytes(), str(eye)
    now = time.monotonic()
    if not bpy.app.background and _last and _last[0].key == key and now - _last[0].time < _FRESH:
        found = _last[0].found
    else:
        surroundings = gather_as_rendered(bpy.context.view_layer, bpy.context.evaluated_depsgraph_get())
        found = room_views.survey(surroundings.triangles, bounds, eye)
    _last[:] = [_Survey(key, time.monotonic(), found)]
    return found


def _is_large(space: FreeSpace, room: Room, bounds: Bounds) -> bool:
    """Whether cameras can stand in a good part of ``bounds``, not just within something hollow."""
    places = space.middles(np.argwhere(room.is_place))
    return bool((np.ptp(places, axis=0) + 2 * (room.clearance + 1) * space.cell > _LEAST * bounds.size).all())


def _eye(scene: bpy.types.Scene) -> np.ndarray | None:
    """Where the scene camera is: the room around it is meant."""
    return None if scene.camera is None else np.array(scene.camera.matrix_world.translation)
