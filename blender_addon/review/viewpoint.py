"""Looking through the camera of a captured view, without touching the scene's own camera."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from engine.link.geometry import Camera

from .. import roles, undo_steps
from ..capture.cameras import set_lens

NAME = "Hashlight View"


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
    """Have a 3D viewport look through ``viewer``; the scene's camera stays what it is."""
    space = area.spaces.active
    space.use_local_camera = True
    space.camera = viewer
    space.region_3d.view_perspective = "CAMERA"


def is_looking_through(area: bpy.types.Area | None) -> bool:
    """Whether a viewport looks through the camera of a captured view."""
    if area is None or area.type != "VIEW_3D":
        return False
    space = area.spaces.active
    is_ours = space.camera is not None and roles.role_of(space.camera) == "viewer"
    return space.use_local_camera and is_ours and space.region_3d.view_perspective == "CAMERA"


def look_away(area: bpy.types.Area) -> None:
    """Leave the view's camera: the viewport is free, and the scene's camera is its own again."""
    space = area.spaces.active
    space.region_3d.view_perspective = "PERSP"
    space.use_local_camera = False
