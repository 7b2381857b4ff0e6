"""The neural view: cut by the scene where the depths say, in its colours, and never at a pose it was not made for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import board
import bpy
import frames
import numpy as np
import shining
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera
    from engine.link.messages import Frame

CENTER, RADIUS = np.array([0.0, 0.0, 0.0]), 1.0
MAGENTA = (1.0, 0.0, 1.0)


def _begin(window: Window) -> Camera:
    """Turn the neural view on as its button does where there is a run; the viewport's camera."""
    window.view.view_location = (0.0, 0.0, 0.0)
    window.view.view_distance = 6.0
    with window.viewport():
        window.addon("preview.neural_view").begin(window.area, bpy.context.scene)
        return window.addon("preview.view_camera").camera_of_region(window.region(), window.view)


def _view_camera(window: Window) -> Camera:
    return window.addon("preview.view_camera").camera_of_region(window.region(), window.view)


def _show_ball(window: Window, camera: Camera) -> np.ndarray:
    depth = frames.ball_depth(camera, CENTER, RADIUS)
    _show(window, frames.make_frame(camera, depth, MAGENTA))
    return depth


def _show(window: Window, frame: Frame) -> None:
    """What a frame does that comes from the engine."""
    session = frames.session_around(CENTER, RADIUS)
    window.addon("preview.neural_view").show(session, window.addon("preview.preparation").prepare(frame))


def _is_drawn(window: Window) -> bool:
    """Whether the viewport shows what was given to it last, in the scene's view transform."""
    view = window.addon("preview.neural_view")._current
    is_current = window.addon("preview.display_table").is_current(bpy.context.scene)
    return is_current and view.coming is None and view.picture is not None and view.drawn is view.picture


def _is_magenta(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0] > 0.9) & (pixels[..., 1] < 0.1) & (pixels[..., 2] > 0.9)


def _visible_part(window: Window) -> tuple[slice, slice]:
    """Rows and columns of the viewport that neither header, tool bar nor sidebar cover."""
    return slice(60, None), slice(60, window.region().width - window.region("UI").width - 20)


def _cut_in(window: Window, shading: str, reach: int = 1) -> Steps:
    """Fail unless a cube and the field come to cut each other to the pixel: a renderer's depths come when it has begun
    to draw. The floor's lines, which cut the field as well, are away."""
    bpy.context.scene.view_settings.view_transform = "Standard"
    for name in ("show_floor", "show_axis_x", "show_axis_y", "show_cursor"):
        setattr(window.space.overlay, name, False)
    window.space.shading.type = shading
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(0.7, -0.7, 0.3))
    _begin(window)
    yield 0.5
    camera = _view_camera(window)
    ball = _show_ball(window, camera)
    yield lambda: _is_drawn(window)
    half = np.array([0.6, 0.6, 0.6])
    box = frames.box_depth(camera, np.array([0.7, -0.7, 0.3]) - half, np.array([0.7, -0.7, 0.3]) + half)
    part = _visible_part(window)
    wanted, hidden = (ball < box)[part], (np.isfinite(ball) & (box < ball))[part]
    assert wanted.sum() > 5000 and hidden.sum() > 2000, "the ball must be cut"
    until = time.monotonic() + board.RENDER_SECONDS
    while True:
        yield 1.0
        wrong = wanted != _is_magenta(window.viewport_pixels(f"cut {shading.lower()}"))[part]
        # Where the outline crosses a pixel either answer is right: only what is off by more than that pixel counts.
        inside = wrong[reach:-reach, reach:-reach] & _is_even(wanted, reach)
        if inside.sum() <= 3 or time.monotonic() > until:
            break
    assert inside.sum() <= 3, f"{inside.sum()} pixels beyond the outline are wrong, {wrong.sum()} in all"


def _is_even(mask: np.ndarray, reach: int) -> np.ndarray:
    """Where a pixel and all up to ``reach`` pixels around it agree; as many pixels less on each side."""
    height, width = (size - 2 * reach for size in mask.shape)
    steps = range(2 * reach + 1)
    shifted = [mask[y : height + y, x : width + x] for y in steps for x in steps]
    return np.all(shifted, axis=0) | ~np.any(shifted, axis=0)


def test_a_cube_and_the_subject_cut_each_other_in_solid_shading(window: Window) -> Steps:
    yield from _cut_in(window, "SOLID")


def test_a_cube_and_the_subject_cut_each_other_in_rendered_shading(window: Window) -> Steps:
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.cycles.preview_samples = 1
    yield from _cut_in(window, "RENDERED")


def test_a_cube_and_the_subject_cut_each_other_in_material_preview(window: Window) -> Steps:
    # EEVEE leaves the depth of its last sample, which is taken up to a pixel beside the middle.
    yield from _cut_in(window, "MATERIAL", reach=2)


def test_of_a_quad_view_the_part_that_turns_shows_the_field(window: Window) -> Steps:
    bpy.context.scene.view_settings.view_transform = "Standard"
    with window.viewport():
        bpy.ops.screen.region_quadview()
    yield 0.5
    parts = [region for region in window.area.regions if region.type == "WINDOW"]
    turned = list(window.space.region_quadviews).index(window.view)
    _begin(window)
    yield 0.5
    view_camera, neural_view = window.addon("preview.view_camera"), window.addon("preview.neural_view")
    camera = view_camera.camera_of_region(parts[turned], window.view)
    moved_at = neural_view._current.moved_at
    _show_ball(window, camera)
    yield lambda: _is_drawn(window)
    yield 1.0
    assert neural_view._current.moved_at == moved_at, "the other parts are no movement"
    is_magenta = _is_magenta(window.screenshot("quad view"))
    counts = []
    for part in parts:
        top = window.window.height - part.y - part.height
        counts.append(int(is_magenta[top : top + part.height, part.x : part.x + part.width].sum()))
    assert counts[turned] > 2000 and sum(counts) == counts[turned], counts
    with window.viewport():
        bpy.ops.screen.region_quadview()
    yield 0.3


def test_a_viewport_that_is_maximized_keeps_the_neural_view(window: Window) -> Steps:
    bpy.context.scene.view_settings.view_transform = "Standard"
    neural_view = window.addon("preview.neural_view")
    _begin(window)
    yield 0.5
    _show_ball(window, _view_camera(window))
    yield lambda: _is_drawn(window)
    for name in ("maximized", "restored"):
        with window.viewport():
            bpy.ops.screen.screen_full_area()
        yield 1.0
        assert neural_view.is_on(window.area), name
        assert _is_magenta(window.viewport_pixels(f"neural view {name}")).sum() > 5000, name


def test_a_picture_stays_at_the_pose_it_was_rendered_from(window: Window) -> Steps:
    bpy.context.scene.view_settings.view_transform = "Standard"
    _begin(window)
    yield 0.5
    _show_ball(window, _view_camera(window))
    yield lambda: _is_drawn(window)
    yield 0.5
    still = _is_magenta(window.viewport_pixels("pose still"))
    window.view.view_location = window.view.view_rotation @ Vector((1.0, 0.5, 0.0))
    window.area.tag_redraw()
    yield 0.5
    moved = _is_magenta(window.viewport_pixels("pose moved"))
    camera = _view_camera(window)
    wanted = np.isfinite(frames.ball_depth(camera, CENTER, RADIUS))
    part = _visible_part(window)
    assert still[part].sum() > 5000
    assert (moved & still)[part].sum() < 0.6 * still[part].sum(), "the old picture still covers the view"
    overlap = (moved & wanted)[part].sum() / (moved | wanted)[part].sum()
    assert overlap > 0.9, f"the picture overlaps the place of its subject by {overlap:.2f}"


def test_colours_match_the_scene_beside_it(window: Window) -> Steps:
    scene = bpy.context.scene
    shining.show_nothing_else(window.space)
    _begin(window)
    yield 1.0
    camera = _view_camera(window)
    matrix = camera.camera_to_world @ np.diag([50.0, 50.0, 1.0, 1.0])
    matrix[:3, 3] -= 6.0 * matrix[:3, 2]
    plane = shining.add_plane(matrix, shining.COLORS[0])
    part = _visible_part(window)
    columns = slice(part[1].start, part[1].stop)
    middle = (columns.start + columns.stop) // 2
    depth = np.full((camera.height, camera.width), np.inf)
    depth[:, middle:] = 1.0
    scene.view_settings.view_transform = "Standard"
    _show(window, frames.make_frame(camera, depth, MAGENTA))
    yield lambda: _is_drawn(window)
    yield 1.5
    is_field = _is_magenta(window.viewport_pixels("colour sides")[camera.height // 2])
    assert is_field[middle : columns.stop].all() and not is_field[columns.start : middle - 1].any()
    worst: dict[str, float] = {}
    for look in shining.LOOKS:
        shining.set_look(look)
        for color in shining.COLORS:
            shining.set_color(plane, color)
            _show(window, frames.make_frame(camera, depth, color))
            yield lambda: _is_drawn(window)
            # The field's side changes at once, the scene's as soon as Cycles has rendered it: until then they differ.
            for _ in range(35):
                yield 0.3
                pixels = window.viewport_pixels(f"colour {look} {color[0]}")
                rows = slice(camera.height // 2 - 20, camera.height // 2 + 20)
                scene_side = pixels[rows, middle - 60 : middle - 20].mean(axis=(0, 1))
                field_side = pixels[rows, middle + 20 : middle + 60].mean(axis=(0, 1))
                difference = float(np.abs(scene_side - field_side).max() * 255)
                if difference <= shining.TOLERANCE:
                    break
            worst[f"{look} {color}"] = difference
    assert max(worst.values()) <= shining.TOLERANCE, worst
