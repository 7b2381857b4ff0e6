"""Looking through the camera of a captured view, without touching the scene's own camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix

from engine.link.geometry import Camera

from .. import app_handlers, roles, undo_steps
from ..capture.cameras import set_lens

NAME = "Hashlight View"
_VIEW = ("view_perspective", "view_location", "view_rotation", "view_distance")


@dataclass
class _Former:
    """Where a viewport looked from, by the names of its region's properties, and through which camera of its own."""

    view: dict[str, Any]
    uses_own_camera: bool
    camera: str


_former: dict[int, _Former] = {}  # by the address of the space


def place_viewer(scene: bpy.types.Scene, camera: Camera) -> bpy.types.Object:
    """The scene's camera object for looking through views, put where ``camera`` is.

    Its frame holds the whole picture of ``camera``, also where the scene renders in another shape. Made if there is
    none; captures never use it, and it is no camera of the scene's.
    """
    viewer = next(roles.objects_of(scene, "viewer"), None)
    is_new = viewer is None
    if viewer is None:
        viewer = bpy.data.objects.new(NAME, bpy.data.cameras.new(NAME))
        roles.mark(viewer, "viewer")
        scene.collection.objects.link(viewer)
    viewer.matrix_world = Matrix(camera.camera_to_world)
    set_lens(viewer.data, scene, camera)
    if is_new:
        undo_steps.push("Look Through")
    return viewer


def look_through(area: bpy.types.Area, viewer: bpy.types.Object) -> None:
    """Have a 3D viewport look through ``viewer``, until ``look_away``; the scene's camera stays what it is."""
    space = area.spaces.active
    if not is_looking_through(area):
        view = {name: getattr(space.region_3d, name) for name in _VIEW}
        view = {name: value if isinstance(value, str | float) else value.copy() for name, value in view.items()}
        camera = space.camera.name if space.camera is not None else ""
        _former[space.as_pointer()] = _Former(view, space.use_local_camera, camera)
    space.use_local_camera = True
    space.camera = viewer
    space.region_3d.view_perspective = "CAMERA"


def is_looking_through(area: bpy.types.Area | None) -> bool:
    """Whether a viewport looks through the camera of a captured view."""
    return area is not None and area.type == "VIEW_3D" and roles.is_looked_through(area.spaces.active, "viewer")


def look_away(area: bpy.types.Area) -> None:
    """Leave the view's camera: the viewport is where it was before, as far as that is known."""
    space = area.spaces.active
    former = _former.pop(space.as_pointer(), _Former({"view_perspective": "PERSP"}, False, ""))
    space.use_local_camera = former.uses_own_camera
    if (camera := bpy.data.objects.get(former.camera)) is not None:
        space.camera = camera
    for name, value in former.view.items():
        setattr(space.region_3d, name, value)


def _before_load(*_: object) -> None:
    """Viewports of the other file may get the same addresses."""
    _former.clear()


_HANDLERS = ((bpy.app.handlers.load_pre, _before_load),)


def register() -> None:
    """Follow the loading of files."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    _before_load()
