"""The image plane in a window: seen in every shading, where the scene camera sees what its picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import frames
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera

CENTER, RADIUS = np.array([0.0, 0.0, 0.0]), 1.0
BOARD = 6.0  # metres from the camera to the checkerboard
CELL = 0.4  # metres
FINE = 8  # samples along each side of the picture's pixels
EEVEE_SECONDS = 90.0  # for shaders to be compiled and drawn in software


def _camera_view(window: Window) -> None:
    """Look through a scene camera with every lens setting out of the ordinary."""
    scene = bpy.context.scene
    bpy.ops.object.camera_add(location=(1.0, -5.5, 1.5), rotation=(1.4, 0.0, 0.15))
    scene.camera = bpy.context.object
    scene.camera.data.shift_x, scene.camera.data.shift_y = 0.06, -0.04
    scene.render.resolution_x, scene.render.resolution_y = 480, 320
    scene.view_settings.view_transform = "Standard"
    window.view.view_perspective = "CAMERA"
    window.view.view_camera_zoom = 0.0
    for name in ("show_floor", "show_axis_x", "show_axis_y", "show_cursor", "show_extras", "show_object_origins"):
        setattr(window.space.overlay, name, False)


def _show_board(window: Window) -> Camera:
    """Put a picture of a checkerboard before the scene camera onto the preview plane; the picture's camera."""
    live, scene = window.addon("preview.live"), bpy.context.scene
    bpy.context.view_layer.update()
    camera = live.preview_camera(scene)
    fine = camera.resized(camera.width * FINE, camera.height * FINE)
    points = BOARD * frames.rays(fine) + camera.position - _middle(camera)
    across, up = (points @ camera.camera_to_world[:3, axis] for axis in (0, 1))
    is_lit = (np.floor(across / CELL) + np.floor(up / CELL)) % 2
    light = is_lit.reshape(camera.height, FINE, camera.width, FINE).mean(axis=(1, 3))
    frame = frames.make_frame(camera, np.full(light.shape, BOARD), (1.0, 0.0, 1.0))
    frame.color[..., :3] *= light[..., None].astype(np.float16)
    session = frames.session_around(CENTER, RADIUS)
    plane = live.show_picture(scene, session, window.addon("preview.preparation").prepare(frame))
    for obj in (plane, scene.camera):
        obj.select_set(False)
    return camera


def _middle(camera: Camera) -> np.ndarray:
    return camera.position - BOARD * camera.camera_to_world[:3, 2]


def _corners(window: Window, camera: Camera) -> np.ndarray:
    """Where corners of the board are in the viewport, [N, 2] in pixels from the top left."""
    region, view = window.region(), window.view
    right, up = camera.camera_to_world[:3, 0], camera.camera_to_world[:3, 1]
    corners = []
    for i in (-2, -1, 0, 1, 2):
        for j in (-1, 0, 1):
            place = location_3d_to_region_2d(region, view, Vector(_middle(camera) + CELL * (i * right + j * up)))
            corners.append((place.x, region.height - place.y))
    return np.array(corners)


def _find_corner(light: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where edges cross within 10 pixels of ``near``, in a picture [H, W] of a checkerboard in linear light, 0..1."""
    column, row = (round(value) for value in near)
    window = light[row - 10 : row + 10, column - 10 : column + 10]
    x = np.mean([_edge(window[:6].mean(axis=0)), _edge(window[-6:].mean(axis=0))])
    y = np.mean([_edge(window[:, :6].mean(axis=1)), _edge(window[:, -6:].mean(axis=1))])
    return np.array([column - 10 + x, row - 10 + y])


def _edge(values: np.ndarray) -> float:
    """How far along a row of pixels the step from dark to light, or back, is."""
    share = values if values[0] < values[-1] else values[::-1]
    assert share[0] < 0.1 and share[-1] > 0.9, "there is no edge"
    dark = float((1.0 - share).sum())
    return dark if values[0] < values[-1] else len(values) - dark


def _check_board(window: Window, name: str, camera: Camera) -> None:
    pixels = window.viewport_pixels(name)
    wanted = _corners(window, camera)
    light = np.where(pixels > 0.04045, ((pixels + 0.055) / 1.055) ** 2.4, pixels / 12.92)[..., 0]
    found = np.array([_find_corner(light, corner) for corner in wanted])
    error = np.abs(found - wanted).max()
    assert error < 0.5, f"{name}: corners are off by {error:.2f} pixels"


def _is_drawn(window: Window) -> bool:
    """Whether the plane's picture is there to be drawn, in the scene's view transform."""
    drawing, table = window.addon("preview.plane_drawing"), window.addon("preview.display_table")
    return bool(drawing._shown) and table.is_current(bpy.context.scene)


def test_the_plane_shows_its_picture_in_place_in_solid_and_wireframe_shading(window: Window) -> Steps:
    _camera_view(window)
    camera = _show_board(window)
    yield lambda: _is_drawn(window)
    for shading in ("SOLID", "WIREFRAME"):
        window.space.shading.type = shading
        yield 1.0
        _check_board(window, f"board {shading.lower()}", camera)


def test_the_plane_shows_its_picture_in_place_in_material_preview_and_eevee(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0) else "BLENDER_EEVEE"
    scene.eevee.taa_samples = 8
    _camera_view(window)
    camera = _show_board(window)
    for shading, wait in (("MATERIAL", EEVEE_SECONDS), ("RENDERED", 10.0)):
        window.space.shading.type = shading
        yield wait
        _check_board(window, f"board eevee {shading.lower()}", camera)


def test_what_is_before_the_plane_hides_it_in_solid_shading(window: Window) -> Steps:
    _camera_view(window)
    camera = _show_board(window)
    bpy.context.scene.hashlight.preview.place = "CENTER"
    yield lambda: _is_drawn(window)
    towards = camera.position + 0.4 * (CENTER - camera.position)
    place = location_3d_to_region_2d(window.region(), window.view, Vector(towards))

    def seen() -> np.ndarray:
        return window.viewport_pixels("board behind cube")[window.region().height - int(place.y), int(place.x)]

    yield 0.5
    assert seen()[1] < 0.1, "the board should be seen here"
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=towards)
    yield 1.0
    assert seen()[1] > 0.2, "the cube should be seen here"
