"""The run that is trained, on a tiny scene and a real engine: which views it learns, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import pytest
from pumping import wait_for

Import = Callable[[str], ModuleType]


@pytest.mark.slow
def test_views_that_come_after_the_planned_time_are_learnt_too(
    addon: Import, engine_scene: bpy.types.Scene, capture_and_train: Callable[[], Any]
) -> None:
    planned = engine_scene.hashlight.training.seconds = 0.2
    registry, listeners = addon("session.registry"), addon("capture.under_way").view_listeners

    def use_up_the_time(*_view: object) -> None:
        assert registry.pump_until(lambda: registry.current().is_trained, 60.0)

    listeners.append(use_up_the_time)
    try:
        session = capture_and_train()
    finally:
        listeners.remove(use_up_the_time)
    assert session.status.train_views == 5
    assert session.status.seconds >= 4 * planned


@pytest.mark.slow
def test_what_was_captured_before_can_be_trained_on_later(addon: Import, engine_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.capture()
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    wait_for(addon, lambda: session.views.count("held") == 6, "all views")
    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: session.status.state == "paused", "the pause")
    bpy.ops.hashlight.train()
    wait_for(addon, lambda: session.status.state == "training", "training again")
