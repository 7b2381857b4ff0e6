"""The plan in the viewport: bounds and cameras drawn before anything is rendered, following the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from window import Steps, Window

DIGITS_LEFT, DIGITS_BOTTOM = 90, 60  # where there is nothing else in the viewport
BLUE, ORANGE = np.array([0.1, 0.5, 1.0]), np.array([1.0, 0.5, 0.1])


def _has_hue(pixels: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Where pixels [..., 3] are of about this colour, however thinned by anti-aliasing over grey."""
    return ((pixels[..., 0] - pixels[..., 2]) * np.sign(color[0] - color[2]) > 0.25) & (np.ptp(pixels, axis=-1) > 0.3)


def _prepare(window: Window) -> Steps:
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    bpy.ops.object.select_all(action="DESELECT")
    window.space.overlay.show_axis_x = window.space.overlay.show_axis_y = False
    window.space.overlay.show_floor = window.space.overlay.show_cursor = False
    window.view.view_location = (0.0, 0.0, 1.0)
    window.view.view_distance = 22.0
    settings = bpy.context.scene.hashlight.capture
    settings.training_views, settings.held_out_views = 12, 4
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
    bpy.context.view_layer.objects.active = None
    yield 0.6


def _count_drawn(window: Window, pixels: np.ndarray, color: np.ndarray) -> int:
    """How many of the plan's cameras have a line of ``color`` at their place."""
    drawing = window.addon("capture.plan_drawing")
    _, poses = drawing.plan_to_draw(bpy.context.scene, bpy.context.view_layer.depsgraph)
    region, count = window.region(), 0
    for pose in poses:
        place = location_3d_to_region_2d(region, window.view, pose.camera_to_world[:3, 3])
        x, y = round(place.x), region.height - round(place.y)
        if 70 < x < region.width - window.region("UI").width - 20 and 70 < y < region.height - 10:
            count += bool(_has_hue(pixels[y - 4 : y + 5, x - 4 : x + 5], color).any())
    return count


def test_the_plan_is_drawn_and_follows_the_settings(window: Window) -> Steps:
    yield from _prepare(window)
    before = window.viewport_pixels("plan hemisphere")
    assert not window.addon("capture.plan").has_planned_cameras(bpy.context.scene)
    blue, orange = _count_drawn(window, before, BLUE), _count_drawn(window, before, ORANGE)
    assert blue >= 9 and orange >= 3, f"{blue} training and {orange} held-out cameras are drawn"

    bpy.context.scene.hashlight.capture.rig = "RINGS"
    bpy.context.scene.hashlight.capture.ring_count = 16
    bpy.context.scene.hashlight.capture.ring_levels = 2
    window.area.tag_redraw()
    yield 0.6
    after = window.viewport_pixels("plan rings")
    rings = _count_drawn(window, after, BLUE)
    assert rings >= 20, f"{rings} of 32 cameras of the rings are drawn"

    bpy.context.scene.hashlight.capture.show_plan = False
    window.area.tag_redraw()
    yield 0.6
    hidden = window.viewport_pixels("plan hidden")
    assert _has_hue(hidden[70:, 70:700], BLUE).sum() < 20


def _draw_digits(window: Window, texts: Sequence[str]) -> Callable[[], None]:
    """Draw texts as large as the plan's numbers into the viewport's lower left, one above the other; ends it."""
    import blf

    def draw() -> None:
        blf.size(0, 11.0 * bpy.context.preferences.system.ui_scale)
        blf.color(0, 1.0, 1.0, 1.0, 1.0)
        for row, text in enumerate(texts):
            blf.position(0, DIGITS_LEFT + 4.0, DIGITS_BOTTOM + 20.0 * row + 4.0, 0.0)
            blf.draw(0, text)

    handler = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")
    return lambda: bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")


def _crop(ink: np.ndarray) -> np.ndarray:
    """The part of a picture [H, W] of some writing, 0..1, that is written on."""
    rows, columns = (np.flatnonzero((ink > 0.25).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else ink[:0, :0]


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """How much two cropped writings share, 0..1."""
    size = np.maximum(one.shape, other.shape)
    one, other = (np.pad(ink, [(0, size[axis] - ink.shape[axis]) for axis in (0, 1)]) for ink in (one, other))
    return float(np.minimum(one, other).sum() / max(np.maximum(one, other).sum(), 1e-6))


def test_every_camera_has_its_number_beside_it_in_the_colour_of_its_split(window: Window) -> Steps:
    yield from _prepare(window)
    bpy.data.objects["Cube"].hide_set(True)  # numbers are read by how they differ from what is behind them
    yield 0.6
    drawing, region = window.addon("capture.plan_drawing"), window.region()
    texts = [str(number) for number in range(12)]
    numbers = window.viewport_pixels("plan numbers")
    labels, drawing._drawn.labels = drawing._drawn.labels, []  # the cameras alone, and the digits to read by
    end_digits = _draw_digits(window, texts)
    try:
        window.area.tag_redraw()
        yield 0.6
        without = window.viewport_pixels("plan without numbers")
    finally:
        end_digits()
        drawing._drawn.labels = labels
    ink = np.abs(numbers - without).max(axis=2)
    ink /= ink.max()
    digits = []
    for row in range(len(texts)):
        bottom = region.height - DIGITS_BOTTOM - 20 * row
        digits.append(_crop(ink[bottom - 18 : bottom, DIGITS_LEFT : DIGITS_LEFT + 24]))

    _, poses = drawing.plan_to_draw(bpy.context.scene, bpy.context.view_layer.depsgraph)
    places = [location_3d_to_region_2d(region, window.view, pose.camera_to_world[:3, 3]) for pose in poses]
    read: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    counts = {"train": 0, "test": 0}
    for pose, place in zip(poses, places, strict=True):
        wanted = str(counts[pose.split])
        counts[pose.split] += 1
        if any(0.0 < abs(place.x - other.x) < 34.0 and abs(place.y - other.y) < 22.0 for other in places):
            continue  # one number on the other
        x, y = round(place.x), region.height - round(place.y)
        if not (70 < x < region.width - window.region("UI").width - 40 and 70 < y < region.height - 10):
            continue
        part = slice(y - 16, y), slice(x + 3, x + 25)
        likeness = [_likeness(_crop(ink[part]), digit) for digit in digits]
        read[pose.split].append((wanted, texts[int(np.argmax(likeness))]))
        color, other = (BLUE, ORANGE) if pose.split == "train" else (ORANGE, BLUE)
        is_written = ink[part] > 0.25
        assert (_has_hue(numbers[part], color) & is_written).any(), f"{pose.split} {wanted} has no number"
        assert not (_has_hue(numbers[part], other) & is_written).any(), f"{pose.split} {wanted} has another's colour"
    assert len(read["train"]) >= 7 and len(read["test"]) >= 2, read
    assert all(wanted == seen for pairs in read.values() for wanted, seen in pairs), read


def test_planned_cameras_follow_the_settings(window: Window) -> Steps:
    yield from _prepare(window)
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    yield 0.5
    cameras = [obj.name for obj in bpy.data.objects if obj.type == "CAMERA"]
    assert len(cameras) == 16
    bpy.context.scene.hashlight.capture.training_views = 20
    yield 0.5
    assert len([obj for obj in bpy.data.objects if obj.type == "CAMERA"]) == 24
    window.screenshot("plan cameras")


def test_cameras_inside_a_mesh_or_blind_are_told(window: Window) -> Steps:
    yield from _prepare(window)
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    settings = bpy.context.scene.hashlight.capture
    yield 1.5
    assert settings.plan_warnings == ""
    place = bpy.data.objects["train_003"].location.copy()
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=place)
    bpy.ops.object.select_all(action="DESELECT")
    yield lambda: "Inside a mesh: train_003" in settings.plan_warnings
    assert "outside the bounds" in settings.plan_warnings
    yield from window.open_tab()
    window.screenshot("plan warnings")
    for obj in [obj for obj in bpy.data.objects if obj.type == "MESH"]:
        bpy.data.objects.remove(obj)
    yield lambda: settings.plan_warnings.startswith("Seeing nothing: ")
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    yield lambda: settings.plan_warnings == ""
    settings.radius = 0.5
    yield lambda: settings.plan_warnings.startswith("Inside a mesh: ")


def test_the_cameras_of_an_animation_are_drawn_once_its_frames_were_stepped_through(window: Window) -> Steps:
    yield from _prepare(window)
    scene = bpy.context.scene
    bpy.ops.object.camera_add(rotation=(np.pi / 2, 0.0, 0.0))
    scene.camera = bpy.context.object
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = None
    for frame, x in ((1, -1.5), (40, 1.5)):
        scene.camera.location = x, -6.0, 0.0
        scene.camera.keyframe_insert("location", frame=frame)
    window.space.overlay.show_extras = False
    settings, scene.frame_end = scene.hashlight.capture, 40
    settings.rig, settings.frame_step, settings.held_out_views = "ANIMATION", 5, 2
    scene.frame_set(3)
    yield 0.8
    before = window.viewport_pixels("plan animation unknown")
    drawing = window.addon("capture.plan_drawing")
    assert drawing.plan_to_draw(scene, bpy.context.view_layer.depsgraph)[1] == []
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    yield lambda: len(drawing.plan_to_draw(scene, bpy.context.view_layer.depsgraph)[1]) == 8
    assert scene.frame_current == 3
    yield 0.8
    after = window.viewport_pixels("plan animation")
    for color, least in ((BLUE, 4), (ORANGE, 2)):
        assert _count_drawn(window, after, color) >= least > _count_drawn(window, before, color)
    yield 1.0
    assert settings.plan_warnings == ""
    scene.frame_set(20)
    yield 1.0
    assert len(drawing.plan_to_draw(scene, bpy.context.view_layer.depsgraph)[1]) == 8, "scrubbing is no change"
    scene.frame_end = 30
    window.area.tag_redraw()
    yield 0.8
    assert drawing.plan_to_draw(scene, bpy.context.view_layer.depsgraph)[1] == []


def test_cameras_are_framed_to_what_moved_bounds_hold(window: Window) -> Steps:
    yield from _prepare(window)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.4, location=(4.0, 0.0, 0.0))
    bpy.ops.object.select_all(action="DESELECT")
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield 1.5
    collection = bpy.data.collections["Hashlight Cameras"]
    box = bpy.data.objects["Hashlight Bounds"]
    box.location, box.scale = (4.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    yield lambda: bool(collection["hashlight_guessed"])
    yield lambda: not collection["hashlight_guessed"]
    middle, far = np.array((4.0, 0.0, 0.0)), 0.4 * 1.05 / np.sin(np.radians(20.0))
    distances = [float(np.linalg.norm(np.array(camera.location) - middle)) for camera in collection.objects]
    np.testing.assert_allclose(distances, far, rtol=0.06)
