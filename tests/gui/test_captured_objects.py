"""The neural view over its own scene: what the field holds is not drawn as well, in that viewport and for that time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
import frames
import numpy as np
from window import Steps, Window

CENTER, RADIUS = np.zeros(3), 1.0
MAGENTA = (1.0, 0.0, 1.0)


def _capture_ball(window: Window) -> Steps:
    """A ball that a capture holds, and a cube that came later and reaches into it."""
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="captured-")
    scene.view_settings.view_transform = "Standard"
    bpy.ops.mesh.primitive_uv_sphere_add(radius=RADIUS)
    bpy.context.object.name = "Ball"
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        window.space.overlay.show_overlays = False
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 5.0
    view_layer = bpy.context.view_layer
    bounds = window.addon("capture.bounds").read_bounds(scene, view_layer.depsgraph)
    surroundings = window.addon("capture.as_rendered").gather_as_rendered(view_layer, view_layer.depsgraph)
    names = window.addon("capture.contents").objects_within(bounds, surroundings)
    folder = window.addon("folders").capture_folder(scene)
    window.addon("capture.dataset").CaptureDataset(folder, {}, bounds, [], objects=names)
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(0.7, -0.7, 0.3))
    bpy.context.object.name = "Later"
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Ball"].select_set(True)
    bpy.ops.ed.undo_push(message="Scene")
    yield 0.3


def _show_field(window: Window) -> Steps:
    """The neural view with a picture of the field: the ball, as coarse as a field is at first."""
    neural_view = window.addon("preview.neural_view")
    with window.viewport():
        neural_view.begin(window.area, bpy.context.scene)
        camera = window.addon("preview.view_camera").camera_of_region(window.region(), window.view)
    depth = frames.ball_depth(camera, CENTER, RADIUS)
    rows = np.arange(camera.height)[:, None]
    depth += 0.02 * np.sin(rows / 3.0)  # now before the ball's surface, now behind it
    frame = frames.make_frame(camera, depth, MAGENTA)
    neural_view.show(frames.session_around(CENTER, RADIUS), window.addon("preview.preparation").prepare(frame))
    table = window.addon("preview.display_table")

    def is_drawn() -> bool:
        view = neural_view._current
        return view.picture is not None and view.drawn is view.picture and table.is_current(bpy.context.scene)

    yield is_drawn
    yield 1.0


def _pixels(window: Window, name: str) -> np.ndarray:
    """The middle of the viewport, without header, tool bar and sidebar."""
    return window.viewport_pixels(name)[100:-20, 60 : window.region().width - window.region("UI").width - 20]


def _seen(window: Window) -> set[str]:
    return {obj.name for obj in bpy.data.objects if obj.visible_get(viewport=window.space)}


def _magenta_share(pixels: np.ndarray) -> float:
    return float(((pixels[..., 0] > 0.9) & (pixels[..., 1] < 0.1) & (pixels[..., 2] > 0.9)).mean())


def test_the_field_is_seen_without_the_objects_it_holds_and_cut_by_the_others(window: Window) -> Steps:
    yield from _capture_ball(window)
    scene, ball = bpy.context.scene, bpy.data.objects["Ball"]
    yield from _show_field(window)
    view_before = window.view.view_matrix.copy()
    assert _seen(window) == {obj.name for obj in bpy.data.objects} - {"Ball"}
    assert ball.select_get() and not ball.hide_get() and not ball.hide_viewport and not ball.hide_render
    clean = _pixels(window, "captured objects hidden")
    scene.hashlight.preview.hide_captured = False
    yield lambda: "Ball" in _seen(window)
    yield 1.0
    assert window.view.view_matrix == view_before and window.space.local_view is None
    striped = _pixels(window, "captured objects fight")
    ball.hide_set(True)
    window.area.tag_redraw()
    yield 1.0
    wanted = _pixels(window, "captured objects wanted")
    ball.hide_set(False)
    assert _magenta_share(striped) < 0.8 * _magenta_share(wanted), "there is no fight that could be avoided"
    difference = np.abs(clean - wanted).max(axis=2)  # edges are smoothed a little otherwise each time
    assert (difference > 0.1).mean() < 1e-4 and difference.mean() < 1e-3
    assert _magenta_share(wanted) > 0.02 and (np.abs(wanted - wanted[0, 0]).max(axis=2) > 0.1).mean() > 0.03
    scene.hashlight.preview.hide_captured = True
    yield lambda: "Ball" not in _seen(window)
    window.addon("preview.neural_view").end()
    yield 0.5
    assert "Ball" in _seen(window) and window.space.local_view is None and ball.name in bpy.context.view_layer.objects
    assert window.view.view_matrix == view_before


def test_what_comes_into_the_scene_meanwhile_is_seen(window: Window) -> Steps:
    yield from _capture_ball(window)
    yield from _show_field(window)
    made = bpy.data.objects.new("Made", bpy.data.objects["Later"].data)
    bpy.context.scene.collection.objects.link(made)
    with window.viewport():
        bpy.ops.mesh.primitive_cone_add(location=(-2.0, 0.0, 0.0))
    yield 0.5
    assert {"Made", "Cone"} <= _seen(window) and "Ball" not in _seen(window)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    assert "Ball" in {instance.object.name for instance in depsgraph.object_instances}, "it would not be captured again"


def test_after_an_undo_they_are_still_hidden_and_then_seen_again(window: Window) -> Steps:
    yield from _capture_ball(window)
    bpy.data.objects["Later"].location.x = 0.9
    bpy.ops.ed.undo_push(message="Moved")
    yield from _show_field(window)
    for step in (bpy.ops.ed.undo, bpy.ops.ed.redo):
        with window.viewport():
            step()
        yield 0.7
        assert "Ball" not in _seen(window) and "Later" in _seen(window), step
    bpy.data.objects["Later"].location.x = 0.5
    bpy.ops.ed.undo_push(message="Moved with the neural view on")
    window.addon("preview.neural_view").end()
    yield 0.5
    for _ in range(2):
        with window.viewport():
            bpy.ops.ed.undo()
        yield 0.5
        assert "Ball" in _seen(window) and window.space.local_view is None


def test_a_saved_file_has_them_in_sight_and_so_has_one_that_blender_keeps_on_quitting(window: Window) -> Steps:
    yield from _capture_ball(window)
    yield from _show_field(window)
    folder = Path(tempfile.mkdtemp(prefix="saved-"))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"))
    yield 0.5
    assert "Ball" not in _seen(window), "saving must not end it"
    handlers = window.addon("preview.neural_view")._HANDLERS
    for those, handler in handlers:  # Blender's own copies are written without telling anybody
        if those is bpy.app.handlers.save_pre:
            those.remove(handler)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "quit.blend"), copy=True)
    finally:
        for those, handler in handlers:
            if those is bpy.app.handlers.save_pre:
                those.append(handler)
    for name in ("saved", "quit"):
        bpy.ops.wm.open_mainfile(filepath=str(folder / f"{name}.blend"))
        yield 1.0
        assert window.space.local_view is None and "Ball" in _seen(window), name
        assert not any("hashlight_local_view" in screen for screen in bpy.data.screens), name


def test_another_file_another_editor_and_no_extension_leave_no_local_view(window: Window) -> Steps:
    yield from _capture_ball(window)
    folder = Path(tempfile.mkdtemp(prefix="saved-"))
    neural_view = window.addon("preview.neural_view")
    yield from _show_field(window)
    assert window.space.local_view is not None
    area = window.area
    area.type = "IMAGE_EDITOR"
    yield 0.5
    neural_view.end()
    yield 0.3
    assert area.type == "IMAGE_EDITOR"
    area.type = "VIEW_3D"
    yield 0.5
    assert window.space.local_view is None
    yield from _show_field(window)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "one.blend"))
    assert window.space.local_view is not None
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.hashlight")
    yield 0.5
    try:
        assert window.space.local_view is None and "Ball" in _seen(window)
    finally:
        bpy.ops.preferences.addon_enable(module="bl_ext.user_default.hashlight")
    yield from _show_field(window)
    bpy.ops.wm.open_mainfile(filepath=str(folder / "one.blend"))
    yield 1.0
    assert window.space.local_view is None and not window.addon("preview.neural_view").is_on()


def test_a_local_view_of_the_users_own_stays_as_it_is(window: Window) -> Steps:
    yield from _capture_ball(window)
    with window.viewport():
        bpy.ops.view3d.localview(frame_selected=False)
    yield 0.5
    assert _seen(window) == {"Ball"}
    bpy.data.objects["Later"].local_view_set(window.space, True)
    yield from _show_field(window)
    assert _seen(window) == {"Later"}
    window.addon("preview.neural_view").end()
    yield 0.5
    assert window.space.local_view is not None and _seen(window) == {"Ball", "Later"}


def test_the_viewport_follows_the_scenes_camera_meanwhile_and_afterwards(window: Window) -> Steps:
    yield from _capture_ball(window)
    scene = bpy.context.scene
    cameras = [bpy.data.objects.new(f"Camera {i}", bpy.data.cameras.new("Camera")) for i in range(3)]
    for camera in cameras:
        camera.location.z = 8.0
        scene.collection.objects.link(camera)
    scene.camera = cameras[0]
    window.view.view_perspective = "CAMERA"
    yield 0.3
    yield from _show_field(window)
    assert window.space.local_view is not None and window.view.view_perspective == "CAMERA"
    scene.camera = cameras[1]
    yield 0.5
    assert window.space.camera == cameras[1]
    scene.camera = cameras[2]
    window.addon("preview.neural_view").end()
    yield 0.5
    assert window.space.local_view is None and window.view.view_perspective == "CAMERA"
    assert window.space.camera == scene.camera == cameras[2]
