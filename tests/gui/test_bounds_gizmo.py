"""The arrows on the bounds' faces, dragged with a real mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
import x_input
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Bounds

RIGHT_BUTTON = 3
ON_THE_ARROW = 26.0  # pixels from the middle of the face


def _prepare(window: Window) -> Steps:
    yield from window.open_tab()
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    window.space.show_gizmo = True
    window.space.overlay.show_extras = False  # the empty isn't drawn: the plan and the arrows are
    for name in ("show_axis_x", "show_axis_y", "show_floor", "show_cursor", "show_object_origins"):
        setattr(window.space.overlay, name, False)
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 14.0
    settings = bpy.context.scene.hashlight.capture
    settings.training_views, settings.held_out_views = 12, 4
    settings.radius = 8.0  # fitted cameras would stay: what is visible stays inside
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.object.select_all(action="DESELECT")
        bpy.context.view_layer.objects.active = None
        bpy.ops.ed.undo_push(message="Start")
    yield 0.8


def _bounds(window: Window) -> Bounds:
    return window.addon("capture.bounds").read_bounds(bpy.context.scene, bpy.context.evaluated_depsgraph_get())


def _on_screen(window: Window, point: Vector) -> Vector:
    region = window.region()
    place = location_3d_to_region_2d(region, window.view, point)
    return Vector((region.x + place.x, window.window.height - region.y - place.y))


def _arrow(window: Window, axis: int, is_upper: bool) -> tuple[Vector, Vector]:
    """A pixel on an arrow, and the way it points on the screen, a pixel long."""
    center = Vector(window.addon("capture.bounds_gizmo").face_center(_bounds(window), axis, is_upper))
    ahead = center.copy()
    ahead[axis] += 0.3 if is_upper else -0.3
    middle = _on_screen(window, center)
    direction = (_on_screen(window, ahead) - middle).normalized()
    return middle + direction * ON_THE_ARROW, direction


def _grab(window: Window, axis: int, is_upper: bool, pixels: float) -> Steps:
    """Press the left button on an arrow and move the mouse along it."""
    start, direction = _arrow(window, axis, is_upper)
    window.point_at(*map(round, start - direction * 2))
    yield 0.3
    window.point_at(*map(round, start))
    yield 0.3
    x_input.send(x_input.BUTTON_PRESS, x_input.LEFT_BUTTON)
    yield 0.3
    for step in range(1, 6):
        window.point_at(*map(round, start + direction * pixels * step / 5))
        yield 0.15


def _release() -> Steps:
    x_input.send(x_input.BUTTON_RELEASE, x_input.LEFT_BUTTON)
    yield 0.4


def _place_on_axis(window: Window, bounds: Bounds, pixel: Vector) -> float:
    """The x for which the line through the middle of the box along X is nearest to a pixel."""
    candidates = np.linspace(bounds.minimum[0], bounds.maximum[0] + 4.0, 4000)
    points = [_on_screen(window, Vector((x, *bounds.center[1:]))) for x in candidates]
    return float(candidates[np.argmin([(point - pixel).length for point in points])])


def _camera_places() -> np.ndarray:
    cameras = sorted(obj.name for obj in bpy.data.objects if obj.type == "CAMERA")
    return np.array([bpy.data.objects[name].matrix_world.translation for name in cameras])


def test_dragging_an_arrow_moves_one_face_as_one_step_to_undo(window: Window) -> Steps:
    yield from _prepare(window)
    begun, cameras = _bounds(window), _camera_places()
    plain = window.viewport_pixels("gizmo")
    start, direction = _arrow(window, 0, True)
    yield from _grab(window, 0, True, 90.0)
    during = _bounds(window)
    assert during.maximum[0] > begun.maximum[0] + 0.3, "the box does not follow the mouse while it is dragged"
    dragged = window.viewport_pixels("gizmo dragged")
    assert np.abs(dragged - plain).max() > 0.3
    yield from _release()
    after = _bounds(window)
    np.testing.assert_allclose(after.minimum, begun.minimum, atol=1e-5)
    np.testing.assert_allclose(after.maximum[1:], begun.maximum[1:], atol=1e-5)
    there = [_place_on_axis(window, begun, start + direction * pixels) for pixels in (0.0, 90.0)]
    np.testing.assert_allclose(after.maximum[0] - begun.maximum[0], there[1] - there[0], rtol=0.03)
    moved = _camera_places()
    assert (np.linalg.norm(moved - cameras, axis=1) > 0.1).all(), "the planned cameras do not follow the box"
    poses = window.addon("capture.plan").rig_poses(bpy.context.scene, after, after.corners)
    wanted = {pose.name: pose.camera_to_world[:3, 3] for pose in poses}
    np.testing.assert_allclose(moved, [wanted[name] for name in sorted(wanted)], atol=1e-4)
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.4
    np.testing.assert_allclose(_bounds(window).maximum, begun.maximum, atol=1e-5)
    np.testing.assert_allclose(_camera_places(), cameras, atol=1e-4)
    with window.viewport():
        bpy.ops.ed.redo()
    yield 0.4
    np.testing.assert_allclose(_bounds(window).maximum, after.maximum, atol=1e-5)
    np.testing.assert_allclose(_camera_places(), moved, atol=1e-4)


def test_a_drag_is_taken_back_by_escape_and_by_a_right_click(window: Window) -> Steps:
    yield from _prepare(window)
    begun, cameras = _bounds(window), _camera_places()
    for kind, code in ((x_input.KEY_PRESS, x_input.ESCAPE), (x_input.BUTTON_PRESS, RIGHT_BUTTON)):
        yield from _grab(window, 2, True, 60.0)
        assert _bounds(window).maximum[2] > begun.maximum[2] + 0.2
        x_input.send(kind, code)
        yield 0.2
        x_input.send(kind + 1, code)  # let go
        yield from _release()
        np.testing.assert_allclose(_bounds(window).maximum, begun.maximum, atol=1e-5)
        np.testing.assert_allclose(_camera_places(), cameras, atol=1e-4)


def test_planned_cameras_follow_a_box_that_is_moved_as_an_object(window: Window) -> Steps:
    yield from _prepare(window)
    cameras = _camera_places()
    bpy.data.objects["Hashlight Bounds"].location.x += 3.0
    wanted = cameras + np.array([3.0, 0.0, 0.0])
    yield lambda: np.allclose(_camera_places(), wanted, atol=1e-4)


def test_the_arrows_are_there_with_our_tab_or_the_box_selected(window: Window) -> Steps:
    yield from _prepare(window)
    poll = window.addon("capture.bounds_gizmo").HASHLIGHT_GGT_bounds.poll
    shown = window.viewport_pixels("gizmo with tab")
    yield from window.open_tab("View")
    with window.viewport():
        assert not poll(bpy.context)
    hidden = window.viewport_pixels("gizmo with another tab")
    bpy.context.view_layer.objects.active = bpy.data.objects["Hashlight Bounds"]
    window.area.tag_redraw()
    yield 0.5
    selected = window.viewport_pixels("gizmo with the box active")
    x, y = _arrow(window, 0, True)[0]
    region = window.region()
    row, column = round(y) - (window.window.height - region.y - region.height), round(x) - region.x
    spot = np.s_[row - 8 : row + 9, column - 8 : column + 9]
    reddish = [int((pixels[spot][..., 0] - pixels[spot][..., 1] > 0.3).sum()) for pixels in (shown, hidden, selected)]
    assert reddish[0] > 15 and reddish[1] == 0 and reddish[2] > 15, reddish
