"""Takes whose runs are open in an engine: what is pending, saved and let go of when another is opened or deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import bpy
import pytest
from capture_jobs import capture, count_pictures, widen_bounds

Import = Callable[[str], ModuleType]


@pytest.fixture
def trained(engine_scene: bpy.types.Scene, capture_and_train: Callable[[], Any]) -> Iterator[Any]:
    """The engine's session, training on six views of the first take."""
    return capture_and_train()


@pytest.mark.slow
def test_a_press_that_fails_leaves_nothing_that_waits(
    addon: Import, engine_scene: bpy.types.Scene, wait: Callable[..., None], drawn: Callable[[str], str]
) -> None:
    capture()
    widen_bounds(engine_scene)
    with pytest.raises(RuntimeError, match="capture into a new take, or replace"):
        bpy.ops.hashlight.capture_and_train()
    session = addon("session.registry").current()
    wait(lambda: session.phase == "ready", "the engine")
    assert not session.wants_training
    assert session.bounds is None, "no run is open"
    assert "waiting" not in drawn("HASHLIGHT_PT_train").lower()
    assert not bpy.ops.hashlight.pause_training.poll()

    for obj in [obj for obj in engine_scene.objects if obj.type == "MESH" and "hashlight_role" not in obj]:
        obj.hide_render = True
    bpy.ops.hashlight.new_take()
    engine_scene.camera = None
    engine_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    for obj in [obj for obj in engine_scene.objects if obj.type == "CAMERA" and "hashlight_role" not in obj]:
        bpy.data.objects.remove(obj)
    with pytest.raises(RuntimeError, match="has no camera of its own"):
        bpy.ops.hashlight.capture_and_train()
    assert not session.wants_training
    assert session.bounds is None


@pytest.mark.slow
def test_switching_pauses_saves_and_opens_the_other_run(
    addon: Import, engine_scene: bpy.types.Scene, trained: Any, wait: Callable[..., None]
) -> None:
    session, root = trained, addon("folders").session_folder(engine_scene)
    run = addon("training.run")
    bpy.ops.hashlight.new_take()
    assert not session.wants_training
    assert run.session_of(engine_scene) is None
    engine_scene.hashlight.capture.training_views = 3
    assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    wait(lambda: session.run is not None and session.run.run == "takes/take-2/run", "the run of the new take")
    wait(lambda: session.views.count("held") == 4, "its views alone")
    assert (root / "run" / "run.json").is_file(), "the first take's was saved"
    wait(lambda: session.progress_made is not None and session.progress_made.step > 0, "training")
    assert session.progress_made.train_items == 3

    bpy.ops.hashlight.open_take(take="Take 1")
    wait(lambda: session.run is not None and session.run.run == "run", "the run of the first take")
    wait(lambda: session.views.count("held") == 6, "its views")
    assert session.run.step > 0
    assert run.session_of(engine_scene) is session
    assert not session.wants_training
    assert (root / "takes" / "take-2" / "run" / "run.json").is_file()


@pytest.mark.slow
def test_a_take_that_is_trained_is_saved_before_it_goes_into_the_bin(
    addon: Import, engine_scene: bpy.types.Scene, trained: Any, wait: Callable[..., None]
) -> None:
    session, root = trained, addon("folders").session_folder(engine_scene)
    assert bpy.ops.hashlight.delete_take() == {"FINISHED"}
    (kept,) = (root / "bin").iterdir()
    info = json.loads((kept / "run" / "run.json").read_bytes())
    assert (kept / "run" / info["snapshot"]["file"]).is_file()
    assert count_pictures(kept) == 6
    assert session.bounds is None
    assert not session.wants_training
    addon("session.registry").close()
    assert not (root / "run").exists(), "the engine has put nothing in its place"
