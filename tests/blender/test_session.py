"""The add-on and a real engine process, on a tiny scene: capture, train, look, score, bake, lose the engine, go on.

The engine's Python is named by HASHLIGHT_ENGINE_PYTHON; without it, the one that runs the tests has to do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from pumping import PATIENCE, wait_for

Import = Callable[[str], ModuleType]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def _capture_and_train(addon: Import) -> ModuleType:
    """Capture everything and wait until the engine holds and has trained on it; returns the session."""
    assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.views.count("held") == 6, "the engine's word that it holds all views")
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    return session


@pytest.mark.slow
def test_capture_train_preview_evaluate_and_bake(addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene = engine_scene
    session = _capture_and_train(addon)
    assert session.phase == "ready"
    assert session.failure is None
    assert session.status.train_items == 5
    assert session.status.test_items == 1

    assert bpy.ops.hashlight.preview() == {"FINISHED"}
    wait_for(addon, lambda: session.frame is not None, "a picture")
    plane = addon("preview.plane").find_plane(scene, "preview")
    image = addon("preview.material").picture_node(plane.active_material).image
    pixels = np.empty(48 * 48 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    np.testing.assert_array_equal(pixels.reshape(48, 48, 4)[::-1], session.frame.color.astype(np.float32))

    first = session.frame.request
    bpy.ops.hashlight.preview_live()
    wait_for(addon, lambda: session.frame.request >= first + 3, "one live picture after another")
    bpy.ops.hashlight.preview_live()
    assert session.frame.step > 0

    bpy.ops.hashlight.evaluate()
    wait_for(addon, lambda: bool(session.evaluations), "an evaluation")
    assert 5.0 < session.evaluations[-1].scores["psnr"] < 60.0

    bpy.ops.hashlight.save_snapshot()
    wait_for(addon, lambda: session.snapshot is not None, "a snapshot")
    assert (tmp_path / "session" / "run" / "run.json").is_file()

    settings = scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y = 4, 48, 32
    assert bpy.ops.hashlight.bake() == {"FINISHED"}
    wait_for(addon, lambda: session.jobs["turntable"].state != "running", "the turntable")
    assert session.jobs["turntable"].state == "done", session.jobs["turntable"].message
    folder = tmp_path / "session" / "bakes" / "turntable"
    assert len(list(folder.glob("frame_*.png"))) == 4
    assert (folder / "turntable.mp4").stat().st_size > 0
    node = addon("preview.material").picture_node(addon("preview.plane").find_plane(scene, "bake").active_material)
    assert node.image.source == "SEQUENCE"
    assert node.image_user.frame_duration == 4
    assert scene.hashlight.preview.shown == "BAKE"


@pytest.mark.slow
def test_a_killed_engine_is_told_in_words_and_goes_on_from_its_snapshot(
    addon: Import, engine_scene: bpy.types.Scene
) -> None:
    session = _capture_and_train(addon)
    bpy.ops.hashlight.preview()
    wait_for(addon, lambda: session.frame is not None, "a picture")
    bpy.ops.hashlight.save_snapshot()
    wait_for(addon, lambda: session.snapshot is not None, "a snapshot")
    saved = session.snapshot.step

    os.kill(session.engine_pid, signal.SIGKILL)
    wait_for(addon, lambda: session.phase == "lost", "the loss", 10.0)
    assert session.failure.message == "The engine was killed by signal 9", "in a sentence, and its log elsewhere"
    assert "Start the engine again" in session.failure.hint
    assert session.frame is not None  # the last picture stays

    assert bpy.ops.hashlight.start_engine() == {"FINISHED"}
    wait_for(addon, lambda: session.run is not None, "the run")
    assert session.run.step >= saved
    wait_for(addon, lambda: session.views.count("held") == 6, "every view, sent again from disk")
    wait_for(addon, lambda: session.status is not None and session.status.step > session.run.step, "more training")
    assert session.status.train_items == 5
    assert session.failure is None


@pytest.mark.slow
def test_disabling_the_extension_ends_the_engine(addon: Import, extension: str, engine_scene: bpy.types.Scene) -> None:
    import addon_utils

    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.phase == "ready", "the engine")
    pid = session.engine_pid
    assert _is_alive(pid)
    try:
        addon_utils.disable(extension, default_set=True)
        assert not _is_alive(pid)
    finally:
        addon_utils.enable(extension, default_set=True)


@pytest.mark.slow
def test_stopping_while_starting_leaves_no_process(addon: Import, engine_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.engine_pid is not None, "the process")
    pid = session.engine_pid
    bpy.ops.hashlight.stop_engine()
    wait_for(addon, lambda: session.phase == "stopped", "the end", 30.0)
    assert not _is_alive(pid)


def test_a_python_without_the_engine_is_named_in_words(
    addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", str(python))
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.phase == "lost", "the failure", 30.0)
    assert "has no engine package" in session.failure.message


@pytest.mark.parametrize(("python", "words"), [("", "No engine is set up yet"), ("/nowhere/python", "doesn't exist")])
def test_a_missing_engine_python_is_one_clear_error(
    engine_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, python: str, words: str
) -> None:
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", python)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.hashlight.start_engine()


@pytest.mark.parametrize(("python", "words"), [("", "No engine is set up yet"), ("/nowhere/python", "doesn't exist")])
def test_views_are_captured_without_an_engine_but_not_trained_on(
    addon: Import, engine_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, python: str, words: str
) -> None:
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", python)
    assert not bpy.ops.hashlight.capture_and_train.poll(), "grey before it is pressed"
    with pytest.raises(RuntimeError, match=f"{words}.*Use the Set Up panel; Capture needs no engine"):
        bpy.ops.hashlight.capture_and_train()
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    assert addon("session.registry").current() is None
    addon("preferences").get_preferences().use_running_engine = True
    try:
        assert bpy.ops.hashlight.capture_and_train.poll()
    finally:
        addon("preferences").get_preferences().use_running_engine = False


def test_nobody_listening_is_told_in_words(addon: Import, engine_scene: bpy.types.Scene) -> None:
    registry, connecting = addon("session.registry"), addon("session.connecting")
    session = registry.obtain(connecting.RunningEngine("127.0.0.1", 9, "token"))
    session.start()
    wait_for(addon, lambda: session.phase == "lost", "the refusal", 20.0)
    assert "127.0.0.1:9" in session.failure.message
    assert session.failure.hint


def test_calls_never_wait(addon: Import, engine_scene: bpy.types.Scene) -> None:
    began = time.monotonic()
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    for _ in range(20):
        addon("session.registry").pump()
    session.stop()
    addon("session.registry").pump()
    assert time.monotonic() - began < 1.0


@pytest.mark.slow
def test_a_cancelled_bake_keeps_its_frames_and_resumes(
    addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    session = _capture_and_train(addon)
    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: session.status.state == "paused", "the pause")
    settings = engine_scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 40, 64, 64, "none"

    bpy.ops.hashlight.bake()
    with pytest.raises(RuntimeError):  # one at a time
        bpy.ops.hashlight.bake()
    wait_for(addon, lambda: session.jobs["turntable"].done >= 3, "some frames")
    bpy.ops.hashlight.cancel_bake()
    wait_for(addon, lambda: session.jobs["turntable"].state == "cancelled", "the end")
    done = session.jobs["turntable"].done
    assert addon("bake.status_text").describe_job(session.jobs["turntable"]) == f"Cancelled after {done} of 40 frames"
    folder = tmp_path / "session" / "bakes" / "turntable"
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("frame_*.png")}
    assert 3 <= len(kept) < 40

    bpy.ops.hashlight.bake(resume=True)
    wait_for(addon, lambda: session.jobs["turntable"].state == "done", "the whole turntable")
    assert len(list(folder.glob("frame_*.png"))) == 40
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.slow
def test_the_engine_outlives_undo_and_another_file(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    session = _capture_and_train(addon)
    live = addon("preview.live")
    bpy.ops.hashlight.preview_live()
    wait_for(addon, lambda: session.frame is not None, "a picture")
    bpy.ops.ed.undo_push(message="before")
    engine_scene.camera.location.x += 1.0
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    number = session.frame.request
    wait_for(addon, lambda: session.frame.request > number, "a picture after the undo")
    assert session.failure is None
    assert bpy.ops.hashlight.save_snapshot.poll()
    assert "another" not in drawn("HASHLIGHT_PT_train")

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not live.is_live()
    assert not bpy.ops.hashlight.save_snapshot.poll(), "it would go into this file's folder"
    assert "The engine trains another run" in drawn("HASHLIGHT_PT_train")
    assert "the run of another file" in drawn("HASHLIGHT_PT_training_notice")
    step = session.status.step
    wait_for(addon, lambda: session.status.step > step, "training while another file is open")
    assert session.failure is None


@pytest.mark.slow
def test_a_bake_is_told_of_and_shown_in_its_own_file_only(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str], tmp_path: Path
) -> None:
    session, find_plane = _capture_and_train(addon), addon("preview.plane").find_plane
    bpy.ops.hashlight.pause_training()
    settings = engine_scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 3, 16, 16, "none"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.hashlight.bake()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    wait_for(addon, lambda: session.jobs["turntable"].state == "done", "the turntable")
    assert "3 frames done" in drawn("HASHLIGHT_PT_bake"), "the same file, read again"
    assert find_plane(bpy.context.scene, "bake") is not None
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert "frames done" not in drawn("HASHLIGHT_PT_bake")

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.context.scene.hashlight.bake.frames = 40
    bpy.ops.hashlight.bake()
    wait_for(addon, lambda: session.jobs["turntable"].done > 0, "a frame")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert session.jobs["turntable"].state == "running"
    assert "Cancel" in drawn("HASHLIGHT_PT_bake") and "another file" in drawn("HASHLIGHT_PT_bake"), (
        "it can be stopped from any file"
    )
    wait_for(addon, lambda: session.jobs["turntable"].state == "done", "the second turntable")
    assert "frames done" not in drawn("HASHLIGHT_PT_bake")
    assert find_plane(bpy.context.scene, "bake") is None, "its scene bears the same name"


@pytest.mark.slow
def test_an_engine_started_elsewhere_is_used_and_left_running(
    addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.link.launcher import EngineProcess

    process = EngineProcess(os.environ["HASHLIGHT_ENGINE_PYTHON"], tmp_path / "elsewhere")
    process.start()
    preferences = addon("preferences").get_preferences()
    try:
        address = process.wait_ready(PATIENCE)
        preferences.use_running_engine, preferences.host, preferences.port = True, address.host, address.port
        preferences.token = "wrong"
        bpy.ops.hashlight.start_engine()
        session = addon("session.registry").current()
        wait_for(addon, lambda: session.phase == "lost", "the refusal", 20.0)
        assert "token" in session.failure.message

        preferences.token = address.token
        session = _capture_and_train(addon)
        engine_scene.hashlight.bake.frames = 2
        engine_scene.hashlight.bake.resolution_x = engine_scene.hashlight.bake.resolution_y = 32
        bpy.ops.hashlight.bake()
        wait_for(addon, lambda: session.jobs["turntable"].state == "done", "the turntable")
        assert (tmp_path / "elsewhere" / "session" / "bakes" / "turntable" / "frame_0002.png").is_file()
        assert addon("preview.plane").find_plane(engine_scene, "bake") is not None

        bpy.ops.hashlight.stop_engine()
        wait_for(addon, lambda: session.phase == "stopped", "the parting")
        assert process.is_running
    finally:
        preferences.use_running_engine = False
        process.stop(5.0)
