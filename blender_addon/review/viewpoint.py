"""Looking through the camera of a captured view, without touching the scene's own camera."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from engine.link.geometry import Camera

from .. import roles
from ..capture.cameras import pixel_aspect, render_size

NAME = "Hashlight View"
_SENSOR = 36.0  # millimetres


def place_viewer(scene: bpy.types.Scene, camera: Camera) -> bpy.types.Object:
    """The scene's camera object for looking through views, put where ``camera`` is.

    Its frame holds the whole picture of ``camera``, also where the scene renders in another shape. Made if there is
    none; captures never use it, and it is no camera of the scene's.
    """
    viewer = next(roles.objects_of(scene, "viewer"), None)
    if viewer is None:
        viewer = bpy.data.objects.new(NAME, bpy.data.cameras.new(NAME))
        roles.mark(viewer, "viewer")
        scene.collection.objects.link(viewer)
    viewer.matrix_world = Matrix(camera.camera_to_world)
    set_lens(viewer.data, scene, camera)
    return viewer


def set_lens(data: bpy.types.Camera, scene: bpy.types.Scene, camera: Camera) -> None:
    """Give a camera the opening angle and shift of ``camera``, whose picture the frame of ``scene``'s renders holds.

    Exact where the picture has the shape of the renders; one that is wider fits their width, else their height. Lens
    distortion, and pixels of another shape than the scene's, are ignored.
    """
    width, height = camera.width / camera.fx, camera.height / camera.fy  # of what is seen one metre away
    render_width, render_height = render_size(scene)
    aspect_x, aspect_y = pixel_aspect(scene)
    is_wider = width / height >= (render_width * aspect_x) / (render_height * aspect_y) * (1 - 1e-6)
    fitted = width if is_wider else height
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL" if is_wider else "VERTICAL"
    data.sensor_width = data.sensor_height = _SENSOR
    data.lens = _SENSOR / fitted
    data.shift_x = (camera.width / 2 - camera.cx) / camera.fx / fitted
    data.shift_y = (camera.cy - camera.height / 2) / camera.fy / fitted
    data.clip_start, data.clip_end = 1e-3, 1e5


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
