"""``--command hashlight``: the handler that Blender calls, with the words that a user types."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

Import = Callable[[str], ModuleType]
Execute = Callable[..., int]

ENGINE_PYTHON = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable  # the tests themselves unset it


@pytest.fixture
def execute(addon: Import, small_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Carries out one command in the small scene; the value is the exit code."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", "")
    return lambda *words: addon("command_line.registration").execute([str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["capture", "--help"], 0),
        (["train", "--help"], 0),
        (["bake", "--help"], 0),
        (["setup", "--help"], 0),
        ([], 2),
        (["fly"], 2),
        (["capture", "--views", "0"], 2),
        (["capture", "--views", "x"], 2),
        (["capture", "--size", "0x10"], 2),
        (["train", "--seconds", "nan"], 2),
        (["bake", "--format", "gif"], 2),
    ],
)
def test_help_and_bad_usage(execute: Execute, capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> None:
    assert execute(*words) == code
    out, err = capsys.readouterr()
    assert "--command hashlight" in (out if code == 0 else err)


def test_capture_plans_renders_and_goes_on(
    execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rig = ["--rig", "sphere", "--views", 3, "--held-out", 1, "--size", "16x12", "--folder", tmp_path / "job"]
    assert execute("capture", *rig) == 0
    out, err = capsys.readouterr()
    assert str(tmp_path / "job" / "capture") in out
    assert "4 of 4 views" in err
    manifest = json.loads((tmp_path / "job" / "capture" / "manifest.json").read_text())
    assert len(manifest["views"]) == 4
    assert all(view["done"] for view in manifest["views"])
    assert (manifest["settings"]["width"], manifest["settings"]["height"]) == (16, 12)

    pictures = {path: path.stat().st_mtime_ns for path in (tmp_path / "job" / "capture" / "images").iterdir()}
    assert execute("capture", *rig, "--quiet") == 0
    assert {path: path.stat().st_mtime_ns for path in pictures} == pictures
    assert "views" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["train"], "nothing is captured there yet"),
        (["bake"], "there is no run to bake from: train first"),
        (["train", "--capture", "--views", "1", "--held-out", "0"], "No engine is set up yet"),
        (["train", "--engine-python", "/nowhere/python", "--capture"], "doesn't exist or can't be run"),
        (
            ["train", "--host", "127.0.0.1", "--token-file", "/nowhere/token", "--capture"],
            "/nowhere/token can't be read",
        ),
        (["capture", "--save"], "the scene is in no file"),
        (["setup"], "online access is off"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    addon: Import,
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addon("engine_setup.bundle"), "engine_folder", lambda: tmp_path / "engine")
    folder = [] if words[0] == "setup" else ["--folder", str(tmp_path / "job")]
    assert execute(*words, *folder) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hashlight: ")]
    assert len(lines) == 1
    assert complaint in lines[0]
    preferences = addon("preferences").get_preferences()
    assert not preferences.engine_python
    assert not preferences.use_running_engine
    assert not preferences.token_file


@pytest.mark.parametrize("option", ["-c", "--command"])
def test_a_file_that_blender_could_not_open_is_no_reason_to_capture_the_startup_scene(
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["capture", "--views", "1", "--folder", str(tmp_path / "job")]
    monkeypatch.setattr(sys, "argv", ["blender", "-b", "/nowhere/scene.blend", option, "hashlight", *words])
    assert execute(*words) == 1
    assert "hashlight: /nowhere/scene.blend can't be opened" in capsys.readouterr().err
    assert not (tmp_path / "job").exists()


def test_ctrl_c_is_an_exit_code(
    addon: Import, execute: Execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(addon("capture.passes").PassRenderer, "render", interrupt)
    assert execute("capture", "--views", 2, "--held-out", 0, "--folder", tmp_path / "job") == 130


@pytest.mark.slow
def test_train_while_capturing_then_bake_in_another_call(
    addon: Import, execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    engine = ["--engine-python", ENGINE_PYTHON, "--device", "cpu"]
    rig = ["--views", 3, "--held-out", 1, "--size", "24x24"]
    assert execute("train", "--capture", "--seconds", 2, "--save", *rig, *engine) == 0
    out, err = capsys.readouterr()
    assert "PSNR" in out
    assert "4 of 4 views" in err
    assert addon("session.registry").current() is None  # its engine has ended
    info = json.loads((tmp_path / "scene.hashlight" / "run" / "run.json").read_text())
    assert info["step"] > 0
    assert info["history"][-1]["step"] == info["step"]

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.context.scene.hashlight.run.step == info["step"]
    assert execute("bake", "--frames", 2, "--size", "16x16", "--video", "none", "--save", *engine) == 0
    out, err = capsys.readouterr()
    assert "frame_0002.png" in out
    assert "2 frames done" in err

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert addon("preview.plane").find_plane(bpy.context.scene, "bake") is not None
    assert execute("train", "--seconds", 1, *engine) == 0
    later = json.loads((tmp_path / "scene.hashlight" / "run" / "run.json").read_text())
    assert later["step"] > info["step"]
