"""The whole way in a window, with a real engine: capture, train, look around, lose the engine, cancel, undo, load."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import bpy
import numpy as np
import x_input
from captures import PaintEngine, begin_to_paint, is_capturing, make_slow, prepare
from window import ADDON, Steps, Window

JOB = 20  # pixels from a capture's progress in its panel to that of the view


def test_the_neural_view_follows_and_an_engines_death_is_told(window: Window) -> Steps:
    neural_view, registry = window.addon("preview.neural_view"), window.addon("session.registry")
    yield from prepare(window, views=8)
    with window.viewport():
        assert bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    assert is_capturing(window)
    yield lambda: not is_capturing(window)
    yield lambda: registry.current().status is not None and registry.current().status.step > 20
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    yield lambda: neural_view.describe(window.space).startswith("Coarse")
    yield lambda: neural_view.describe(window.space).startswith("Sharp")
    step, words = neural_view._current.picture.step, set()

    def is_newer() -> bool:
        words.add(neural_view.describe(window.space))
        return neural_view._current.picture.step > step

    yield is_newer
    assert len(words) == 1, f"a view at rest stays sharp while newer pictures come: {words}"
    assert not bpy.data.objects["Sphere"].visible_get(viewport=window.space), "the field alone is to be seen"
    pixels = window.viewport_pixels("neural sharp")
    middle = pixels[pixels.shape[0] // 2 - 30 :, 100:600][:60]
    assert np.ptp(middle) > 0.1, "the field's sphere must be seen"

    view_camera = window.addon("preview.view_camera")
    latencies = []
    for step in range(5):
        window.view.view_rotation.rotate(window.view.view_rotation.__class__((0.0, 0.0, 1.0), 0.1 + 0.02 * step))
        window.area.tag_redraw()
        moved = time.monotonic()

        def is_followed() -> bool:
            view = neural_view._current
            here = view_camera.camera_of_region(window.region(), window.view)
            return view_camera.is_same_view(view.picture.camera, here)

        yield is_followed
        latencies.append(time.monotonic() - moved)
        yield 0.3
    (window.out / "latency.txt").write_text(" ".join(f"{seconds:.3f}" for seconds in latencies), "utf-8")

    os.kill(registry.current().engine_pid, signal.SIGKILL)
    yield lambda: registry.current().phase == "lost"
    trouble = registry.current().failure
    assert trouble is not None and trouble.message and "Start" in trouble.hint
    assert neural_view.is_on(window.area)
    window.screenshot("engine killed")
    with window.viewport():
        bpy.ops.hashlight.start_engine()
    yield lambda: registry.current().run is not None and not registry.current().views.count("waiting", "sent")
    assert registry.current().views.count("held") == 9

    with window.viewport():
        bpy.ops.hashlight.neural_view()
        registry.close()
        bpy.ops.hashlight.neural_view()
    yield lambda: neural_view.describe(window.space) == "Waiting for the engine's first picture"
    yield lambda: neural_view.describe(window.space).startswith(("Coarse", "Sharp"))
    assert registry.current().run is not None, "the saved run is gone on with"
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    assert not neural_view.is_on()
    yield 1.0


def _settings_of(scene: bpy.types.Scene) -> tuple[object, ...]:
    display = bpy.context.preferences.view.render_display_type
    return scene.render.resolution_x, scene.render.film_transparent, scene.camera, len(bpy.data.scenes), display


def test_escape_ends_a_capture_in_the_middle_of_a_view_that_would_take_minutes(window: Window) -> Steps:
    yield from prepare(window, views=30, samples=1)
    scene = bpy.context.scene
    before = _settings_of(scene)
    folder = window.addon("folders").capture_folder(scene)
    with window.viewport():
        assert bpy.ops.hashlight.capture("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield lambda: len(list((folder / "images").glob("*.exr"))) >= 2
    copy = bpy.data.scenes["Hashlight Capture"]
    make_slow(copy)
    yield 3.0
    yield lambda: bpy.app.is_job_running("RENDER")  # the view before it may still be stored
    assert is_capturing(window)
    done = len(list((folder / "images").glob("*.exr")))
    assert done < 31
    window.screenshot("capturing")
    window.press(x_input.ESCAPE)
    asked = time.monotonic()
    yield lambda: not is_capturing(window)
    (window.out / "escape.txt").write_text(f"{time.monotonic() - asked:.3f} s from Esc to the end\n", "utf-8")
    assert before == _settings_of(bpy.context.scene)
    assert len(list((folder / "images").glob("*.exr"))) == done

    with window.viewport():
        assert bpy.ops.hashlight.capture("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield lambda: not is_capturing(window)
    assert len(list((folder / "images").glob("*.exr"))) == 31, "the same button goes on"
    assert before == _settings_of(bpy.context.scene)


def test_the_window_is_drawn_while_a_view_is_rendered(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="train_002")
    drawn = []
    handler = bpy.types.SpaceView3D.draw_handler_add(lambda: drawn.append(True), (), "WINDOW", "POST_PIXEL")
    try:
        for _ in range(3):
            window.view.view_distance *= 1.1
            window.area.tag_redraw()
            yield 0.5
    finally:
        bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
    assert bpy.app.is_job_running("RENDER")
    assert len(drawn) >= 3
    window.press(x_input.ESCAPE)
    yield lambda: not is_capturing(window)
    assert not bpy.context.scene.hashlight.capture.capture_warnings, "Esc is no failure"


def _count_views() -> int:
    folder = bpy.path.abspath(bpy.context.scene.hashlight.folder)
    return len(list(Path(folder).glob("**/images/*.exr")))


def _panel_rows(window: Window, name: str) -> tuple[int, int, int]:
    """Where the capture's progress stands in the sidebar: the left and right end of the panel's rows, and the row of
    pixels of its middle, in pixels of the screen. The view's own progress is a row below it."""
    sidebar = window.region("UI")
    top = window.window.height - sidebar.y - sidebar.height
    picture = window.screenshot(name)[top : top + sidebar.height, sidebar.x : sidebar.x + sidebar.width]
    is_blue = (np.abs(picture - (0.28, 0.45, 0.7)) < 0.06).all(axis=2).sum(axis=1) > 40
    return sidebar.x, sidebar.x + sidebar.width, top + int(np.nonzero(is_blue)[0][0]) + 8


def test_the_panels_can_be_used_during_a_capture_and_stop_it_while_the_scene_is_left_alone(window: Window) -> Steps:
    yield from window.open_tab()
    yield from begin_to_paint(window, endless="train_002")
    before = _count_views()
    sphere = bpy.data.objects["Sphere"]
    sphere.select_set(False)
    region = window.region()
    yield from window.click(region.x + region.width // 2, window.window.height - region.y - region.height // 2)
    assert not sphere.select_get(), "a click selects an object"
    left, right, progress = _panel_rows(window, "capture panel")
    current_capture = window.addon("capture.current_capture")
    for y in range(progress + 2 * JOB, window.window.height - 30, 10):  # what is above the one that stops it is grey
        if current_capture.is_stop_wanted():
            break
        yield from window.click((left + 2 * right) // 3, y)
    assert current_capture.is_stop_wanted(), "no button of the panel stops it"
    assert is_capturing(window) and bpy.app.is_job_running("RENDER"), "the view at hand is not kept"
    window.screenshot("capture panel stopping")
    PaintEngine.endless = ""
    yield lambda: not is_capturing(window)
    assert _count_views() == before + 1


def test_another_file_in_the_middle_of_a_capture(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="train_002")
    assert bpy.app.is_job_running("RENDER")
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield 1.0
    assert not bpy.app.is_job_running("RENDER")
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert not is_capturing(window)
    with window.viewport():
        assert bpy.ops.hashlight.capture.poll()


def test_disabling_the_extension_in_the_middle_of_a_capture(window: Window) -> Steps:
    import addon_utils

    yield from begin_to_paint(window, endless="train_002")
    assert bpy.app.is_job_running("RENDER")
    addon_utils.disable(ADDON, default_set=True)
    yield 0.5
    window.press(x_input.ESCAPE)  # ends the render of Blender's own
    yield lambda: not bpy.app.is_job_running("RENDER")
    yield 0.5
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    addon_utils.enable(ADDON, default_set=True)
    with window.viewport():
        assert bpy.ops.hashlight.capture.poll()


def test_undo_in_the_middle_of_a_capture_breaks_nothing(window: Window) -> Steps:
    yield from prepare(window, views=6)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mesh.primitive_cube_add(location=(5.0, 0.0, 0.0))
    bpy.ops.ed.undo_push(message="cube")
    with window.viewport():
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    yield 1.5
    with window.viewport():
        bpy.ops.ed.undo()
    yield lambda: not is_capturing(window)
    yield 0.5
    assert len(bpy.data.scenes) == 1
    window.screenshot("after undo")


def test_the_neural_view_survives_undo(window: Window) -> Steps:
    neural_view = window.addon("preview.neural_view")
    with window.viewport():
        assert not bpy.ops.hashlight.neural_view.poll(), "there is no run"
    neural_view.begin(window.area, bpy.context.scene)
    yield lambda: neural_view.describe(window.space) == "Needs the engine: start it"
    bpy.ops.ed.undo_push(message="one")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="two")
    yield 0.3
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.5
    assert neural_view.is_on(window.area)
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    assert not neural_view.is_on()


def test_a_render_that_fails_is_no_esc_and_the_panel_says_what_it_reported(window: Window) -> Steps:
    PaintEngine.failing = "train_001"
    yield from begin_to_paint(window, endless="")
    yield lambda: not is_capturing(window)
    PaintEngine.failing = ""
    settings = bpy.context.scene.hashlight.capture
    assert settings.capture_warnings == "View train_001 could not be rendered: System is out of GPU memory"
    assert all(area.type != "INFO" for area in window.window.screen.areas), "the editors are as they were"
    yield from window.open_tab()
    window.screenshot("render failed")
    with window.viewport():
        assert bpy.ops.hashlight.capture("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield lambda: not is_capturing(window)
    folder = window.addon("folders").capture_folder(bpy.context.scene)
    assert len(list((folder / "images").glob("*.exr"))) == 5, "the same button goes on"
    assert settings.capture_warnings == ""
