"""Blender cameras as pinhole cameras and back, and pictures' sizes."""

from __future__ import annotations

import math

import bpy
import numpy as np

from engine.link.geometry import MAX_COORDINATE, MAX_IMAGE_SIDE, Camera

from .errors import CaptureError
from .sight import is_finite

NOWHERE = "invalidly placed"  # scaled to nothing, or without numbers for where it is
LENSLESS = "without a valid lens"  # or clipping
FARTHEST = 0.1 * MAX_COORDINATE  # metres from what a camera looks at
_SENSOR = 36.0  # millimetres


def camera_from_object(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, width: int, height: int, pixel_aspect: tuple[float, float]
) -> Camera:
    """The pinhole camera that renders what camera object ``obj`` renders at ``width`` x ``height`` pixels.

    As evaluated: constraints, drivers and animation count. ``pixel_aspect`` is the render settings' (x, y). Raises
    CaptureError naming the camera when it is none or no perspective one.
    """
    if obj.type != "CAMERA":
        raise CaptureError(f"{obj.name}: a {obj.type.lower()} object, not a camera")
    check_size(width, height)
    evaluated = obj.evaluated_get(depsgraph)
    if kind := why_unfit(evaluated):
        raise CaptureError(f"Camera {obj.name} can't be captured, as it is {kind}: only perspective ones can be")
    projection = np.array(
        obj.calc_matrix_camera(depsgraph, x=width, y=height, scale_x=pixel_aspect[0], scale_y=pixel_aspect[1])
    )
    pose = np.array(evaluated.matrix_world.normalized())  # a camera's scale doesn't show in its pictures
    return camera_from_projection(pose, projection, width, height)


def why_unfit(camera: bpy.types.Object) -> str:
    """What kind of camera this is, in a word or two; "" for a perspective one that is validly placed, which alone can
    be captured."""
    if camera.type != "CAMERA":  # Blender renders through lights and empties as well
        return "no camera"
    camera_type = camera.data.type
    words = {"PERSP": "", "ORTHO": "orthographic", "PANO": "panoramic"}
    if kind := words.get(camera_type, camera_type.lower()):
        return kind
    if not is_finite(camera.matrix_world) or camera.matrix_world.normalized().to_3x3().determinant() == 0.0:
        return NOWHERE
    data = camera.data
    lens = (data.lens, data.sensor_width, data.sensor_height, data.shift_x, data.shift_y, data.clip_start)
    is_valid = all(map(math.isfinite, lens)) and min(lens[:3]) > 0.0 and 0.0 < data.clip_start < data.clip_end
    return "" if is_valid else LENSLESS


def find_camera(full_name: str) -> bpy.types.Object | None:
    """The object of this full name, in which a linked one has its library: there may be two of one name."""
    found = bpy.data.objects.get(full_name)
    if found is not None and found.name_full == full_name:
        return found
    return next((obj for obj in bpy.data.objects if obj.name_full == full_name), None)


def camera_from_projection(pose: np.ndarray, projection: np.ndarray, width: int, height: int) -> Camera:
    """The pinhole that OpenGL's ``projection`` matrix [4, 4] makes of what ``pose`` (camera to world, [4, 4]) sees.
    Raises GeometryError."""
    # Rows 0 and 1 take a camera-space point to -1..1 across the picture once divided by -z; pixels run down, +Y up.
    return Camera(
        camera_to_world=pose,
        width=width,
        height=height,
        fx=projection[0, 0] * width / 2,
        fy=projection[1, 1] * height / 2,
        cx=(1.0 - projection[0, 2]) * width / 2,
        cy=(1.0 + projection[1, 2]) * height / 2,
    )


def scene_camera(scene: bpy.types.Scene) -> Camera:
    """The active camera of ``scene``, now, at the scene's render resolution. Raises CaptureError when there is none."""
    if scene.camera is None:
        raise CaptureError(f"Scene {scene.name} has no active camera")
    view_layer = scene.view_layers[0]
    view_layer.update()
    return camera_from_object(scene.camera, view_layer.depsgraph, *render_size(scene), pixel_aspect(scene))


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


def render_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height that ``scene`` renders at, the percentage taken into account as Blender does."""
    render = scene.render
    percentage = render.resolution_percentage
    return render.resolution_x * percentage // 100, render.resolution_y * percentage // 100


def capture_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height of captured pictures, as the capture settings say. Raises CaptureError."""
    settings = scene.hashlight.capture
    if settings.use_scene_resolution:
        width, height = render_size(scene)
    else:
        width, height = settings.resolution_x, settings.resolution_y
    check_size(width, height)
    return width, height


def check_size(width: int, height: int) -> None:
    """Raise CaptureError unless pictures of ``width`` x ``height`` can be captured."""
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
        raise CaptureError(f"Resolution {width} x {height}: both sides must be between 1 and {MAX_IMAGE_SIDE} pixels")


def pixel_aspect(scene: bpy.types.Scene) -> tuple[float, float]:
    """Width and height of one pixel of ``scene``'s renders, up to a factor."""
    return scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
