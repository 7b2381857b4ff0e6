"""Disks that are full, folders that can't be written, and two Blenders that want the same one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]
Wait = Callable[..., None]
Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """``mount("size=1m")`` makes a small disk of its own, which only root on Linux can, and returns where it is."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("only root on Linux can mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk up to ``leave`` bytes with a file, which is returned."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * max(free - leave, 0))
    return ballast


def plan(scene: bpy.types.Scene, folder: Path) -> None:
    scene.hashlight.folder = str(folder)
    scene.hashlight.capture.training_views, scene.hashlight.capture.held_out_views = 3, 1
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()


def test_a_full_disk_ends_the_capture_and_loses_nothing(
    addon: Import, small_scene: bpy.types.Scene, mount: Mount
) -> None:
    disk = mount("size=1m")
    plan(small_scene, disk)
    folder = addon("folders").capture_folder(small_scene)
    job = start_capture(addon, small_scene)
    first = next(job)
    ballast = fill(disk, leave=4096)
    with pytest.raises(ValueError, match=r"can't be written \(No space left on device\)"):
        list(job)
    assert "Hashlight Capture" not in bpy.data.scenes
    assert not list(folder.rglob(".*.part.*"))
    ballast.unlink()
    with start_capture(addon, small_scene) as job:
        views = list(job)
    assert [view.name for view in views if not view.is_new] == [first.name]
    assert len(views) == 4


@pytest.mark.slow
def test_a_full_disk_leaves_the_former_snapshot_and_frames(
    engine_scene: bpy.types.Scene, wait: Wait, capture_and_train: Callable[[], Any], mount: Mount
) -> None:
    disk = mount("size=200m")
    engine_scene.hashlight.folder = str(disk)
    session = capture_and_train()
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot is not None, "a snapshot")
    former = session.snapshot

    ballast = fill(disk, leave=1 << 20)
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.failure is not None, "the trouble")
    assert "can't be written" in session.failure.message and "No space left" in session.failure.message
    assert Path(former.path).is_file()
    step = session.status.step
    wait(lambda: session.status.step > step, "training, which goes on")

    settings = engine_scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 400, 64, 64, "none"
    bpy.ops.hashlight.bake()
    wait(lambda: session.jobs["turntable"].state != "running", "the end of the bake")
    assert session.jobs["turntable"].state == "failed"
    assert "No space left" in session.jobs["turntable"].message
    done = session.jobs["turntable"].done
    assert 0 < done < 400

    ballast.unlink()
    settings.frames = 400
    bpy.ops.hashlight.bake(resume=True)
    wait(lambda: session.jobs["turntable"].done > done, "more frames")
    bpy.ops.hashlight.cancel_bake()
    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot.step > former.step, "a newer snapshot")


def test_a_blend_in_a_folder_that_cannot_be_written(
    addon: Import, engine_scene: bpy.types.Scene, mount: Mount, tmp_path: Path
) -> None:
    disk = mount("size=20m")
    engine_scene.hashlight.folder = ""
    bpy.ops.wm.save_as_mainfile(filepath=str(disk / "scene.blend"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for operator in (bpy.ops.hashlight.capture, bpy.ops.hashlight.capture_and_train, bpy.ops.hashlight.start_engine):
        with pytest.raises(RuntimeError, match=r"scene\.hashlight: can't be written \(Read-only .*choose another"):
            operator()
    assert "Hashlight Capture" not in bpy.data.scenes
    session = addon("session.registry").current()
    assert session is None or session.engine_pid is None

    bpy.context.scene.hashlight.folder = str(tmp_path / "elsewhere")
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    assert (tmp_path / "elsewhere" / "capture" / "manifest.json").is_file()


OTHER_BLENDER = """
import sys, bpy, addon_utils
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
addon_utils.enable("bl_ext.user_default.hashlight", default_set=True)
for operator in (bpy.ops.hashlight.capture, bpy.ops.hashlight.start_engine):
    try:
        operator()
        print("went on")
    except RuntimeError as error:
        print(error)
"""


def test_two_blenders_do_not_work_in_the_same_folder(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    plan(small_scene, tmp_path / "session")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))

    def ask_the_other() -> str:
        command = [sys.executable, "-c", OTHER_BLENDER, str(tmp_path / "scene.blend")]
        environment = os.environ | {"HASHLIGHT_ENGINE_PYTHON": "/nowhere"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with start_capture(addon, bpy.context.scene) as job:
        next(job)
        words = ask_the_other()
        assert f"{tmp_path / 'session'}: another Blender works there" in words
        assert "went on" not in words
        assert len(list(job)) == 3
    assert "went on" in ask_the_other(), "afterwards the folder is free"
