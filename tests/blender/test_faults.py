"""What goes wrong with a real engine at work, and how one click goes on: killed, frozen, out of memory, disabled."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from drawn_words import words_drawn_by

Import = Callable[[str], ModuleType]
Wait = Callable[..., None]
Drawn = Callable[[str], str]

pytestmark = pytest.mark.slow


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def device_process_of(session: Any) -> int:
    """The process in which the engine works."""
    return int(Path(f"/proc/{session.engine_pid}/task/{session.engine_pid}/children").read_text().split()[0])


def kill(session: Any, wait: Wait) -> None:
    """Kill the engine, and wait until that was noticed and the panel says so."""
    os.kill(session.engine_pid, signal.SIGKILL)
    wait(lambda: session.phase == "lost", "the loss", 10.0)
    words = words_drawn_by(bpy.types.HASHLIGHT_PT_problem, bpy.context)
    assert words.startswith("Engine Problem: Not connected Start ")
    assert "killed by signal 9" in words
    assert "Start the engine again" in words


def test_a_killed_device_process_is_told_and_started_again(
    engine_scene: bpy.types.Scene, wait: Wait, drawn: Drawn, capture_and_train: Callable[[], Any]
) -> None:
    session = capture_and_train()
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot is not None, "a snapshot")
    os.kill(device_process_of(session), signal.SIGKILL)
    wait(lambda: session.phase == "lost", "the loss", 10.0)
    assert "The device process was killed by signal 9" in drawn("HASHLIGHT_PT_problem")
    bpy.ops.hashlight.start_engine()
    wait(lambda: session.run is not None, "the run, opened again")
    assert session.run.step >= session.snapshot.step
    wait(lambda: session.views.count("held") == 6, "every view")


def test_killed_in_the_middle_of_a_capture(addon: Import, engine_scene: bpy.types.Scene, wait: Wait) -> None:
    registry, listeners = addon("session.registry"), addon("capture.current_capture").view_listeners
    seen = []

    def kill_after_the_second(name: str, *_: object) -> None:
        seen.append(name)
        if len(seen) == 2:
            session = registry.current()
            wait(lambda: session.views.count("held") == 2, "both views' arrival")
            kill(session, wait)

    listeners.append(kill_after_the_second)
    try:
        assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    finally:
        listeners.remove(kill_after_the_second)
    session = registry.current()
    assert session.phase == "lost"
    assert len(seen) == 6, "the capture must go on without its engine"

    bpy.ops.hashlight.start_engine()
    wait(lambda: session.views.count("held") == 6, "every view")
    wait(lambda: session.status is not None and session.status.step > 0, "training")
    assert session.status.train_items == 5
    assert session.failure is None


def test_killed_in_the_middle_of_a_live_preview(
    addon: Import, engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any]
) -> None:
    session = capture_and_train()
    bpy.ops.hashlight.preview_live()
    wait(lambda: session.frame is not None, "a picture")
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot is not None, "a snapshot")
    kill(session, wait)
    last = session.frame
    plane = addon("preview.plane").find_plane(engine_scene, "preview")
    image = addon("preview.material").picture_node(plane.active_material).image
    assert tuple(image.size) == (48, 48), "the last picture stays"

    bpy.ops.hashlight.start_engine()
    wait(lambda: session.frame is not last and session.frame is not None, "live pictures again")
    assert session.frame.step >= session.snapshot.step
    bpy.ops.hashlight.preview_live()


def test_killed_in_the_middle_of_a_bake(
    addon: Import, engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any], tmp_path: Path
) -> None:
    session = capture_and_train()
    bpy.ops.hashlight.pause_training()  # which saves
    wait(lambda: session.snapshot is not None, "a snapshot")
    settings = engine_scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 30, 64, 64, "none"
    bpy.ops.hashlight.bake()
    wait(lambda: session.jobs["turntable"].done >= 3, "some frames")
    kill(session, wait)
    assert "Failed after " in words_drawn_by(bpy.types.HASHLIGHT_PT_bake, bpy.context)
    folder = tmp_path / "session" / "bakes" / "turntable"
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("frame_*.png")}
    assert 3 <= len(kept) < 30

    bpy.ops.hashlight.bake(resume=True)  # starts the engine, too
    wait(lambda: session.jobs["turntable"].state == "done", "the whole turntable")
    assert len(list(folder.glob("frame_*.png"))) == 30
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    wait(lambda: session.views.count("held") == 6, "every view")


def test_killed_soon_after_a_new_beginning_it_does_not_go_back_to_the_former_run(
    engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any]
) -> None:
    session = capture_and_train()
    wait(lambda: session.status.step > 300, "some training")
    bpy.ops.hashlight.pause_training()
    wait(lambda: session.status.state == "paused", "the pause")
    wait(lambda: session.snapshot is not None and session.snapshot.step == session.status.step, "a snapshot of it")
    former = session.snapshot
    assert bpy.ops.hashlight.restart_training() == {"FINISHED"}
    wait(lambda: session.snapshot is not None, "the new run's first snapshot")
    runs = [Path(snapshot.path).parent for snapshot in (former, session.snapshot)]
    assert runs[0] != runs[1]
    kill(session, wait)
    steps = [json.loads((run / "run.json").read_bytes())["step"] for run in runs]
    assert steps[0] == former.step
    bpy.ops.hashlight.start_engine()
    wait(lambda: session.run is not None, "the run")
    assert session.run.step == steps[1]


def test_a_frozen_engine_is_told_and_restarted(
    addon: Import, engine_scene: bpy.types.Scene, wait: Wait, drawn: Drawn, capture_and_train: Callable[[], Any]
) -> None:
    status_text = addon("session.status_text")
    session = capture_and_train()
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot is not None, "a snapshot")
    assert status_text.describe_silence(session) == ""
    frozen = session.engine_pid
    os.kill(frozen, signal.SIGSTOP)
    wait(lambda: status_text.describe_silence(session) != "", "a word about the silence", 30.0)
    assert "has not answered for 5 s" in drawn("HASHLIGHT_PT_problem")
    assert drawn("HASHLIGHT_PT_problem").endswith("Restart Engine")

    os.kill(frozen, signal.SIGCONT)  # it was only busy
    wait(lambda: status_text.describe_silence(session) == "", "an answer", 10.0)
    os.kill(frozen, signal.SIGSTOP)

    bpy.ops.hashlight.restart_engine()
    wait(lambda: session.run is not None, "the run, opened again")
    assert session.engine_pid != frozen
    assert not is_alive(frozen)
    assert session.run.step >= session.snapshot.step
    wait(lambda: session.views.count("held") == 6, "every view")
    wait(lambda: session.status is not None and session.status.step > session.run.step, "more training")


def test_pausing_and_stopping_a_frozen_engine_do_not_wait(
    engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any]
) -> None:
    session = capture_and_train()
    frozen = session.engine_pid
    os.kill(frozen, signal.SIGSTOP)
    began = time.monotonic()
    bpy.ops.hashlight.pause_training()
    bpy.ops.hashlight.preview()
    bpy.ops.hashlight.stop_engine()
    assert time.monotonic() - began < 1.0
    wait(lambda: session.phase == "stopped", "the end", 40.0)
    assert not is_alive(frozen)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can take memory from another process")
def test_out_of_memory_a_smaller_preset_is_offered(
    addon: Import, engine_scene: bpy.types.Scene, wait: Wait, drawn: Drawn, capture_and_train: Callable[[], Any]
) -> None:
    session = capture_and_train()
    device = device_process_of(session)
    used = int(Path(f"/proc/{device}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(device, resource.RLIMIT_AS, (used + (50 << 20), resource.RLIM_INFINITY))

    engine_scene.hashlight.training.preset = "gpu"
    bpy.ops.hashlight.restart_training()
    wait(lambda: session.failure is not None, "the trouble")
    addon("session.registry").pump_until(lambda: False, 1.0)  # nor can the former run be saved, which is told next
    assert session.failure.code == "out of memory", session.failure
    assert session.phase == "ready", "the engine lives on"
    assert drawn("HASHLIGHT_PT_problem").endswith("Train with a Smaller Preset")
    resource.prlimit(device, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    assert bpy.ops.hashlight.train_smaller() == {"FINISHED"}
    assert engine_scene.hashlight.training.preset == "cpu"
    wait(lambda: session.status is not None and session.status.step > 0, "training")
    assert session.run.preset == "cpu"
    wait(lambda: session.views.count("held") == 6, "every view")
    assert session.failure is None
    assert not bpy.ops.hashlight.train_smaller.poll(), "there is no smaller one"


def test_disabled_and_enabled_while_training_it_goes_on(
    addon: Import, extension: str, engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any]
) -> None:
    import addon_utils

    session = capture_and_train()
    pid, step = session.engine_pid, session.status.step
    folder = engine_scene.hashlight.folder
    addon_utils.disable(extension, default_set=True)
    try:
        assert not is_alive(pid)
    finally:
        addon_utils.enable(extension, default_set=True)
    assert engine_scene.hashlight.folder == folder
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    session = sys.modules[f"{extension}.session.registry"].current()
    wait(lambda: session.run is not None, "the run")
    assert session.run.step >= step, "it saved when it was ended"
    wait(lambda: session.views.count("held") == 6, "every view")
    wait(lambda: session.status is not None and session.status.step > session.run.step, "more training")
