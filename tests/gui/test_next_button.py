"""The sidebar on the way through the work: what comes next is in sight without scrolling.

These windows are 800 pixels high; on a screen of 1080 there is more room below.
"""

from __future__ import annotations

import os

import bpy
import x_input
from captures import begin_to_paint, is_capturing, prepare
from window import Steps, Window


def test_without_an_engine_the_set_up_is_in_sight(window: Window) -> Steps:
    python = os.environ.pop("HASHLIGHT_ENGINE_PYTHON")
    system = bpy.context.preferences.system
    try:
        yield from window.open_tab()
        yield from window.find_buttons("screen.userpref_show", "hashlight.capture")
        system.use_online_access = True
        yield 0.3
        yield from window.find_buttons("hashlight.set_up_engine", "hashlight.capture")
    finally:
        os.environ["HASHLIGHT_ENGINE_PYTHON"] = python
        system.use_online_access = False


def test_each_step_of_the_work_has_its_button_in_sight(window: Window) -> Steps:
    registry, scene = window.addon("session.registry"), bpy.context.scene
    yield from prepare(window, views=8)
    yield from window.open_tab()
    yield from window.find_buttons("hashlight.fit_bounds", "hashlight.capture_and_train")
    with window.viewport():
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    window.point_at_viewport()
    yield lambda: not is_capturing(window) and not scene.hashlight.capture.show_settings
    yield from window.find_buttons("hashlight.train")
    with window.viewport():
        bpy.ops.hashlight.train()
    yield lambda: registry.current().status is not None and registry.current().status.step > 20
    yield from window.find_buttons("hashlight.pause_training", "hashlight.neural_view", "hashlight.bake")
    window.screenshot("trained")


def test_a_running_capture_can_be_stopped_without_scrolling(window: Window) -> Steps:
    yield from prepare(window, views=4)
    yield from window.open_tab()
    places = yield from window.find_buttons("hashlight.stop_capture")
    yield from begin_to_paint(window, endless="train_002")
    yield from window.click(*places["hashlight.stop_capture"])
    assert window.addon("capture.current_capture").is_stop_wanted()
    window.press(x_input.ESCAPE)
    yield lambda: not is_capturing(window)
