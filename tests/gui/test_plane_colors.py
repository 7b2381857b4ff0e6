"""The image plane's colours: what a plane that shines in them shows in a Rendered viewport, in every shading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import board
import bpy
import frames
import numpy as np
import shining
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera

TRIES = 35  # screenshots until a viewport has rendered what it is to show


def test_colours_on_the_plane_are_those_of_the_scene_in_solid_and_rendered_shading(window: Window) -> Steps:
    camera = board.look_through_camera(window)
    shining.show_nothing_else(window.space)
    window.space.show_region_ui = False
    square = window.addon("preview.plane").frustum_matrix(camera, board.DISTANCE)
    planes = [shining.add_plane(square @ _stripe(i), color) for i, color in enumerate(shining.COLORS)]
    places = [plane.matrix_world.translation.copy() for plane in planes]
    scene_colors = []
    for look in shining.LOOKS:
        shining.set_look(look)
        colors = yield from _read_when_still(window, f"scene {look}", places)
        scene_colors.append(colors)
    light = np.clip(np.array(shining.COLORS), 0.0, 1.0)
    encoded = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    assert np.abs(scene_colors[0] - encoded).max() * 255 <= shining.TOLERANCE, "the scene's own colours are not there"
    for plane in planes:
        bpy.data.objects.remove(plane)
    for _ in range(TRIES):
        yield 0.3
        is_gone = _read(window, "plane colours none", places).max() < 0.01
        if is_gone:
            break
    assert is_gone, "the scene's own colours are still there"

    _show_stripes(window, camera)
    worst: dict[str, float] = {}
    for shading in ("RENDERED", "SOLID"):
        window.space.shading.type = shading
        yield 1.0
        for look, wanted in zip(shining.LOOKS, scene_colors, strict=True):
            shining.set_look(look)
            for _ in range(TRIES):
                yield 0.3
                seen = _read(window, f"plane {shading.lower()} {look}", places)
                difference = float(np.abs(seen - wanted).max() * 255)
                if difference <= shining.TOLERANCE:
                    break
            worst[f"{shading} {look}"] = difference
    (window.out / "plane colours.txt").write_text(f"{worst}\n", "utf-8")
    assert max(worst.values()) <= shining.TOLERANCE, worst


def _stripe(number: int) -> np.ndarray:
    """[4, 4]: the unit square to that part of it, from the left, which shows a colour."""
    count = len(shining.COLORS)
    matrix = np.diag([1.0 / count, 1.0, 1.0, 1.0])
    matrix[0, 3] = (number + 0.5) / count - 0.5
    return matrix


def _show_stripes(window: Window, camera: Camera) -> None:
    """Put all colours side by side onto the preview plane."""
    frame = frames.make_frame(camera, np.full((camera.height, camera.width), board.DISTANCE), (0.0, 0.0, 0.0))
    stripes = np.arange(camera.width) * len(shining.COLORS) // camera.width
    frame.color[..., :3] = np.array(shining.COLORS, np.float16)[stripes]
    session = frames.session_around(board.CENTER, board.RADIUS)
    prepared = window.addon("preview.preparation").prepare(frame)
    window.addon("preview.live").show_picture(bpy.context.scene, session, prepared).select_set(False)


def _read(window: Window, name: str, places: list[Vector]) -> np.ndarray:
    """The displayed colours [N, 3] of the viewport around places of the scene."""
    pixels, region = window.viewport_pixels(name), window.region()
    colors = []
    for place in places:
        point = location_3d_to_region_2d(region, window.view, place)
        x, y = round(point.x), region.height - round(point.y)
        colors.append(pixels[y - 8 : y + 8, x - 8 : x + 8].mean(axis=(0, 1)))
    return np.array(colors)


def _read_when_still(window: Window, name: str, places: list[Vector]) -> Steps:
    """``_read`` once all planes are rendered and two screenshots show the same."""
    before = np.zeros((len(places), 3))
    for _ in range(TRIES):
        yield 1.0
        now = _read(window, name, places)
        if np.array_equal(now, before) and now.any(axis=1).all():
            break
        before = now
    return now
