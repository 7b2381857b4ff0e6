"""What Blender's window still does while a capture is under way, and right after it was stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import bpy
import frames
import numpy as np
import x_input
from captures import PaintEngine, begin_to_paint, is_capturing
from window import Steps, Window


def test_blender_is_the_users_again_as_soon_as_escape_is_pressed(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="train_002", is_deaf=True)
    try:
        sphere = bpy.data.objects["Sphere"]
        sphere.select_set(False)
        window.press(x_input.ESCAPE)
        asked = time.monotonic()
        yield 0.5
        region = window.region()
        yield from window.click(region.x + region.width // 2, window.window.height - region.y - region.height // 2)
        yield lambda: sphere.select_get()
        (window.out / "escape answered.txt").write_text(f"{time.monotonic() - asked:.3f} s\n", "utf-8")
        assert is_capturing(window) and bpy.app.is_job_running("RENDER"), "the renderer has not ended yet"
        window.screenshot("capture stopping")
    finally:
        PaintEngine.is_deaf = False
    yield lambda: not is_capturing(window)
    with window.viewport():
        assert bpy.ops.hashlight.capture.poll()


class BusyPanel(bpy.types.Panel):
    """Takes to be drawn until a render that is about to call its engine has done so, as on a busy machine it may."""

    bl_idname = "HASHLIGHT_TEST_PT_busy"
    bl_label = "Busy"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hashlight"
    render_waits, is_drawn = threading.Event(), threading.Event()
    overlaps = 0

    def draw(self, context: bpy.types.Context) -> None:
        if not self.render_waits.is_set():
            return
        self.render_waits.clear()
        self.is_drawn.set()
        until = time.monotonic() + 2.0
        while not PaintEngine.is_painting and time.monotonic() < until:
            time.sleep(0.001)
        BusyPanel.overlaps += PaintEngine.is_painting

    @classmethod
    def wait(cls) -> None:
        """Have a render's thread wait until this is being drawn."""
        cls.is_drawn.clear()
        cls.render_waits.set()
        cls.is_drawn.wait(5.0)


def test_timers_may_change_blenders_data_after_views_that_began_while_a_panel_was_drawn(window: Window) -> Steps:
    """Blender would leave Python without that right: see the add-on's write_lock."""
    yield from window.open_tab()
    BusyPanel.overlaps = 0
    bpy.utils.register_class(BusyPanel)
    renderer = window.addon("capture.passes").PassRenderer
    wait_for_main_loop = renderer._wait_for_main_loop

    def wait_for_both(self: object, *_: object) -> None:
        wait_for_main_loop(self)
        BusyPanel.wait()

    def redraw() -> float:
        window.region("UI").tag_redraw()
        return 0.01

    renderer._wait_for_main_loop = wait_for_both
    bpy.app.timers.register(redraw)
    try:
        yield from begin_to_paint(window, endless="train_002")
        PaintEngine.endless = ""
        yield lambda: not is_capturing(window)
    finally:
        renderer._wait_for_main_loop = wait_for_main_loop
        bpy.app.timers.unregister(redraw)
        bpy.utils.unregister_class(BusyPanel)
    assert BusyPanel.overlaps > 0, "no view began while the panel was drawn"
    bpy.context.scene.frame_current = 7
    assert bpy.ops.mesh.primitive_cube_add() == {"FINISHED"}


def _show_plane(window: Window) -> None:
    """What the first picture from the engine does."""
    camera = window.addon("preview.view_camera").camera_of_region(window.region(), window.view).resized(48, 32)
    frame = frames.make_frame(camera, np.full((32, 48), 5.0), (1.0, 0.0, 1.0))
    prepared = window.addon("preview.preparation").prepare(frame)
    session = frames.session_around(np.zeros(3), 1.0)
    window.addon("preview.live").show_picture(bpy.context.scene, session, prepared)


def _undo(window: Window) -> Steps:
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.5


def _check_plane_is_a_step(window: Window, end_capture: Callable[[], None]) -> Steps:
    """A plane made while a view is rendered must outlast what is undone after the capture, and can itself be undone."""
    yield from begin_to_paint(window, endless="train_002")
    assert window.addon("capture.temporary_scene").is_there(), "the plane was to come during the capture"
    _show_plane(window)
    end_capture()
    yield lambda: not is_capturing(window)
    bpy.data.objects["Sphere"].location.x = 3.0
    bpy.ops.ed.undo_push(message="Move")
    yield from _undo(window)
    find_plane = window.addon("preview.plane").find_plane
    assert find_plane(bpy.context.scene, "preview") is not None, "the plane went with a later step"
    assert bpy.data.objects["Sphere"].location.x == 0.0
    yield from _undo(window)
    assert find_plane(bpy.context.scene, "preview") is None, "the plane is no step of its own"


def test_a_plane_made_during_a_capture_is_a_step_to_undo_when_that_is_finished(window: Window) -> Steps:
    def finish() -> None:
        PaintEngine.endless = ""

    yield from _check_plane_is_a_step(window, finish)


def test_a_plane_made_during_a_capture_is_a_step_to_undo_when_that_is_stopped(window: Window) -> Steps:
    yield from _check_plane_is_a_step(window, lambda: window.press(x_input.ESCAPE))


def test_a_plane_made_during_a_capture_is_a_step_to_undo_when_that_ends_by_an_error(window: Window) -> Steps:
    def fail() -> None:
        bpy.data.objects.remove(bpy.data.objects["Sun"])
        PaintEngine.endless = ""

    yield from _check_plane_is_a_step(window, fail)


def test_a_step_that_a_capture_delayed_is_forgotten_with_its_file(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="train_002")
    _show_plane(window)
    PaintEngine.endless = ""
    yield from window.start_anew()
    bpy.ops.mesh.primitive_monkey_add()
    bpy.ops.ed.undo_push(message="Monkey")
    window.addon("undo_steps").push_due()  # as the next capture does when it ends
    yield from _undo(window)
    assert "Suzanne" not in bpy.data.objects, "a step was made for another file's plane"
