"""The run that is trained, on a tiny scene and a real engine: which views it learns, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import bpy
import pytest
from capture_jobs import start_capture
from pumping import wait_for

from engine.link.primitives import PluginSpec

Import = Callable[[str], ModuleType]

BUTTONS, MORE = "Train Pause", "Restart Training… Evaluate Now Save Snapshot"


def test_the_lines_on_training_fit_a_narrow_sidebar(addon: Import) -> None:
    from engine.link.messages import Status
    from engine.link.metrics import Metric
    from engine.link.scoring import RADIANCE_FIELD_METRICS

    metrics = {"steps_per_second": 1298.0, "loss": 0.01, "own_figure": 0.25}
    status = Status(state="training", step=1_234_567, seconds=3599.0, metrics=metrics)
    session = SimpleNamespace(
        run=SimpleNamespace(item="view"),
        metrics=RADIANCE_FIELD_METRICS,
        status=dataclasses.replace(status, train_items=999, test_items=100),
        views=SimpleNamespace(count=lambda *_states: 1000),
        evaluations=[SimpleNamespace(scores={"psnr": 36.4, "subject_psnr": 35.4}, seconds=3599.0)],
    )
    lines = addon("training.status_text").describe_training(session)
    assert lines[0] == "Step 1,234,567 in 59 min 59 s, 1298/s"
    assert lines[1:] == ["999 training, 100 test views, 1000 more", "Own figure 0.25"]
    lines.append(addon("training.status_text").describe_score(session))
    assert lines[-1] == "PSNR 35.40 dB (very good) at 59 min 59 s"
    session.evaluations[0].scores["subject_psnr"] = None  # scored by an older version
    lines.append(addon("training.status_text").describe_score(session))
    assert lines[-1] == "PSNR of whole pictures 36.40 dB"
    session.run.item, session.metrics = "mesh", {"overlap": Metric(label="Overlap", unit="%", digits=1)}
    session.evaluations[0].scores = {"distance": 0.0123, "overlap": 87.25}
    lines.append(addon("training.status_text").describe_score(session))
    assert lines[-1] == "Overlap 87.2 % at 59 min 59 s"
    session.evaluations[0].scores = {"distance": 0.0123, "overlap": None}
    lines.append(addon("training.status_text").describe_score(session))
    assert lines[-1] == "Distance 0.0123 at 59 min 59 s"
    assert max(map(len, lines)) <= 41, lines  # what a sidebar holds that nobody has widened


@pytest.mark.slow
def test_the_planned_time_begins_with_half_of_the_views_and_lasts_beyond_the_last_one(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str], wait: Callable[..., None]
) -> None:
    planned = engine_scene.hashlight.training.seconds = 0.4
    registry, listeners = addon("session.registry"), addon("capture.current_capture").view_listeners
    until: list[float | None] = []
    words: list[str] = []
    messages: list[str] = []

    def train_for_as_long_as_is_planned(*view: object) -> None:
        session = registry.current()
        until.append(session.training.seconds)

        def is_over() -> bool:
            status = session.progress_made
            return status is not None and (session.is_trained or (until[-1] is None and status.seconds > planned))

        assert view[1] == "test" or registry.pump_until(is_over, 60.0)
        words.append(drawn("HASHLIGHT_PT_train"))
        messages.append(session.status.message)

    listeners.append(train_for_as_long_as_is_planned)
    try:
        assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    finally:
        listeners.remove(train_for_as_long_as_is_planned)
    session = registry.current()
    assert not session.is_trained
    assert until.count(None) in (2, 3) and until[:2] == [None, None]  # the held-out view is somewhere between
    counted = "Training time starts with 3 views"
    assert [counted in drawn_words for drawn_words in words] == [seconds is None for seconds in until]
    assert messages[1] == "rendering comes first on this CPU"
    captured = session.status.seconds
    wait(lambda: session.is_trained, "the end of training")
    assert session.status.train_items == 5
    assert session.status.seconds - captured >= planned / 2
    assert "rendering comes first" not in session.status.message


@pytest.mark.slow
def test_an_engine_that_is_started_during_a_capture_gives_way_to_it(
    addon: Import, engine_scene: bpy.types.Scene, wait: Callable[..., None]
) -> None:
    current_capture, registry = addon("capture.current_capture"), addon("session.registry")
    with start_capture(addon, engine_scene, on_view=current_capture.tell_listeners) as job:
        current_capture.begin(job, None)
        try:
            next(job)
            assert bpy.ops.hashlight.train() == {"FINISHED"}
            session = registry.current()
            wait(lambda: session.status is not None and "rendering comes first" in session.status.message, "its word")
        finally:
            current_capture.end()
    wait(lambda: session.status.state == "training" and not session.status.message, "an end of that")


@pytest.mark.slow
def test_what_was_captured_before_can_be_trained_on_later(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    bpy.ops.hashlight.capture()
    assert BUTTONS in drawn("HASHLIGHT_PT_train") and MORE in drawn("HASHLIGHT_PT_train_settings")
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    wait_for(addon, lambda: session.views.count("held") == 6, "all views")
    assert BUTTONS in drawn("HASHLIGHT_PT_train") and MORE in drawn("HASHLIGHT_PT_train_settings"), (
        "none gets under the pointer of another"
    )
    assert not bpy.ops.hashlight.train.poll() and bpy.ops.hashlight.pause_training.poll()
    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: session.status.state == "paused", "the pause")
    assert BUTTONS in drawn("HASHLIGHT_PT_train") and MORE in drawn("HASHLIGHT_PT_train_settings")
    assert bpy.ops.hashlight.train.poll() and not bpy.ops.hashlight.pause_training.poll()
    bpy.ops.hashlight.train()
    wait_for(addon, lambda: session.status.state == "training", "training again")


@pytest.mark.slow
def test_when_training_ends_by_itself_its_buttons_stay_where_they_are(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    engine_scene.hashlight.training.seconds = 0.5
    bpy.ops.hashlight.capture()
    assert not bpy.ops.hashlight.restart_training.poll(), "there is no run yet"
    bpy.ops.hashlight.train()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.status is not None and session.status.state == "finished", "the end")
    assert BUTTONS in drawn("HASHLIGHT_PT_train") and MORE in drawn("HASHLIGHT_PT_train_settings")
    assert not bpy.ops.hashlight.pause_training.poll() and bpy.ops.hashlight.train.poll()
    assert bpy.ops.hashlight.restart_training.poll()


@pytest.mark.slow
def test_another_field_is_trained_when_training_is_restarted(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    bpy.ops.hashlight.capture()
    bpy.ops.hashlight.train()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    assert session.run.primitive.field == "hash-grid" and "The open run" not in drawn("HASHLIGHT_PT_train_settings")

    engine_scene.hashlight.training.field = "nerf"
    words = "The open run is a Hash Grid. Restart Training… begins a NeRF"
    assert words in " ".join(drawn("HASHLIGHT_PT_train_settings").split())
    bpy.ops.hashlight.restart_training()
    wait_for(addon, lambda: session.run is not None and session.run.primitive.field == "nerf", "the other field")
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    assert "The open run" not in drawn("HASHLIGHT_PT_train_settings")


def test_a_run_of_another_primitive_is_named_beside_the_field_that_is_chosen(addon: Import) -> None:
    run = SimpleNamespace(primitive=PluginSpec(name="signal"))
    words = addon("training.status_text").describe_other_field(SimpleNamespace(run=run), "hash-grid")
    assert words == "The open run is a Signal. Restart Training… begins a Hash Grid"


def test_each_variant_of_a_button_has_a_tooltip_of_its_own(addon: Import, scene: bpy.types.Scene) -> None:
    for operator, *variants in (
        ("bake", {"resume": False}, {"resume": True}),
        ("set_up_engine", {"device": "cpu"}, {"device": "cuda"}),
        ("step_view", {"step": -1}, {"step": 1}),
        ("look_through_view", {"view": ""}, {"view": "test_003"}),
    ):
        cls = getattr(bpy.types, f"HASHLIGHT_OT_{operator}")
        words = {cls.description(bpy.context, SimpleNamespace(**variant)) for variant in variants}
        assert len(words) == len(variants) and all(words), operator
