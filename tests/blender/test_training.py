"""The run that is trained, on a tiny scene and a real engine: which views it learns, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from pumping import wait_for

Import = Callable[[str], ModuleType]


def test_the_lines_on_training_fit_a_narrow_sidebar(addon: Import) -> None:
    from engine.link.messages import Status

    status = Status(state="training", step=1_234_567, seconds=3599.0, steps_per_second=1298.0, loss=0.01)
    session = SimpleNamespace(
        status=dataclasses.replace(status, train_views=999, test_views=100),
        views=SimpleNamespace(count=lambda *_states: 1000),
        evaluations=[SimpleNamespace(psnr=31.4, ssim=0.959, seconds=3599.0)],
    )
    lines = addon("training.status_text").describe_training(session)
    assert lines[0] == "Step 1,234,567 in 59 min 59 s, 1298/s"
    assert lines[2] == "1000 views on the way"
    assert max(map(len, lines)) <= 41, lines  # what a sidebar holds that nobody has widened


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
