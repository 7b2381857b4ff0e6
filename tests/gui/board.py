"""A checkerboard before the scene camera: as a picture for planes, and where its corners are on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy
import frames
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Bounds, Camera
    from engine.link.messages import Frame

CENTER, RADIUS = np.array([0.0, 0.0, 0.0]), 1.0  # of what the planes stand through
DISTANCE = 6.0  # metres from the camera to the board
CELL = 0.4  # metres
RENDER_SECONDS = 400.0  # at most, for a viewport to be rendered in software beside another Blender
FINE = 4  # samples along each side of the picture's pixels


def look_through_camera(window: Window) -> Camera:
    """Look through a scene camera with every lens setting out of the ordinary; as the engine knows it."""
    scene = bpy.context.scene
    bpy.ops.object.camera_add(location=(1.0, -5.5, 1.5), rotation=(1.4, 0.0, 0.15))
    scene.camera = bpy.context.object
    scene.camera.data.shift_x, scene.camera.data.shift_y = 0.06, -0.04
    scene.camera.select_set(False)
    scene.render.resolution_x, scene.render.resolution_y = 480, 320
    scene.view_settings.view_transform = "Standard"
    window.view.view_perspective = "CAMERA"
    window.view.view_camera_zoom = 0.0
    for name in ("show_floor", "show_axis_x", "show_axis_y", "show_cursor", "show_extras", "show_object_origins"):
        setattr(window.space.overlay, name, False)
    bpy.context.view_layer.update()
    return window.addon("preview.live").preview_camera(scene)


def bounds() -> Bounds:
    """What planes are placed by."""
    return frames.session_around(CENTER, RADIUS).bounds


def picture(camera: Camera, color: tuple[float, float, float] = (1.0, 0.0, 1.0)) -> Frame:
    """The board as ``camera`` sees it, opaque, every other cell of this scene-linear colour and the rest black."""
    fine = camera.resized(camera.width * FINE, camera.height * FINE)
    points = DISTANCE * frames.rays(fine) + camera.position - _middle(camera)
    across, up = (points @ camera.camera_to_world[:3, axis] for axis in (0, 1))
    is_lit = (np.floor(across / CELL) + np.floor(up / CELL)) % 2
    light = is_lit.reshape(camera.height, FINE, camera.width, FINE).mean(axis=(1, 3))
    frame = frames.make_frame(camera, np.full(light.shape, DISTANCE), color)
    frame.color[..., :3] *= light[..., None].astype(np.float16)
    return frame


def check_in_place(window: Window, name: str, camera: Camera) -> np.ndarray:
    """Fail unless the screen shows the board where ``camera`` saw it; the viewport's pixels, kept as ``name``."""
    pixels = window.viewport_pixels(name)
    wanted = _corners(window, camera)
    light = np.where(pixels > 0.04045, ((pixels + 0.055) / 1.055) ** 2.4, pixels / 12.92)[..., 0]
    found = np.array([_find_corner(light, corner) for corner in wanted])
    error = np.abs(found - wanted).max()
    assert error < 0.5, f"{name}: corners are off by {error:.2f} pixels"
    return pixels


def check_when_rendered(
    window: Window, name: str, camera: Camera, is_right: Callable[[np.ndarray], bool] = lambda pixels: True
) -> Steps:
    """``check_in_place``, and that the viewport's pixels are right, of what a renderer shows there: it comes coarse at
    first, and EEVEE compiles its shaders meanwhile."""
    until = time.monotonic() + RENDER_SECONDS
    while True:
        yield 3.0
        try:
            assert is_right(check_in_place(window, name, camera)), f"{name}: other colours are seen"
            return
        except AssertionError:
            if time.monotonic() > until:
                raise


def _middle(camera: Camera) -> np.ndarray:
    return camera.position - DISTANCE * camera.camera_to_world[:3, 2]


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
