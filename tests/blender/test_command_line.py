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
import numpy as np
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
        (["plan", "--help"], 0),
        (["evaluate", "--help"], 0),
        (["preview", "--help"], 0),
        (["compare", "--help"], 0),
        (["render", "--help"], 0),
        (["takes", "--help"], 0),
        (["setup", "--help"], 0),
        ([], 2),
        (["fly"], 2),
        (["capture", "--views", "0"], 2),
        (["capture", "--views", "x"], 2),
        (["capture", "--size", "0x10"], 2),
        (["train", "--seconds", "nan"], 2),
        (["train", "--preset", "gup"], 2),
        (["plan", "--radius", "-1"], 2),
        (["plan", "--cameras", "DOME"], 2),
        (["preview", "--percentage", "101"], 2),
        (["compare", "--mode", "blend"], 2),
        (["render", "--format", "gif"], 2),
        (["capture", "--take", "one", "--new-take", "two"], 2),
        (["takes", "--delete", "--rename", "two"], 2),
    ],
)
def test_help_and_bad_usage(execute: Execute, capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> None:
    assert execute(*words) == code
    out, err = capsys.readouterr()
    assert "--command hashlight" in (out if code == 0 else err)


def test_scripts_may_use_the_former_names(addon: Import, capsys: pytest.CaptureFixture[str]) -> None:
    parse = addon("command_line.arguments").parse
    assert parse(["bake", "--frames", "3"]) == parse(["render", "--frames", "3"])
    former = parse(["train", "--capture", "--rig", "sphere", "--held-out", "2", "--anew"])
    assert former == parse(["train", "--capture", "--cameras", "sphere", "--test-views", "2", "--restart"])
    assert (former.cameras, former.test_views, former.restart) == ("SPHERE", 2, True)
    for words in (["--help"], ["train", "--help"]):
        with pytest.raises(SystemExit):
            parse(words)
        shown = capsys.readouterr().out
        assert not any(name in shown for name in ("bake", "--rig", "--held-out", "--anew"))


def test_capture_plans_renders_and_goes_on(
    execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rig = ["--cameras", "sphere", "--views", 3, "--test-views", 1, "--size", "16x12", "--folder", tmp_path / "job"]
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


def test_capture_tells_what_is_wrong_with_the_plan_first(
    execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.mesh.primitive_cube_add(location=(0.0, 0.0, 9.0))
    assert execute("capture", "--views", 2, "--test-views", 0, "--size", "16x12", "--folder", tmp_path / "job") == 0
    err = capsys.readouterr().err
    assert 0 <= err.find("warning: Parts of 1 object lie outside the bounds") < err.find("2 of 2 views")


def test_plan_knows_every_layout_and_collection(
    execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bpy.ops.curve.primitive_bezier_circle_add(radius=4.0)
    bpy.context.object.name = "Path"
    settings = bpy.context.scene.hashlight.capture
    few = ["--views", 3, "--test-views", 1, "--folder", tmp_path / "job"]
    assert execute("plan", "--cameras", "along_curve", *few) == 1
    assert "choose the Curve" in capsys.readouterr().err
    assert execute("plan", "--cameras", "along_curve", "--curve", "Path", *few) == 0
    assert settings.curve.name == "Path" and "3 training and 1 test" in capsys.readouterr().out
    assert execute("plan", "--curve", "Nothing", *few) == 1
    assert "'Nothing': this .blend has no object of that name" in capsys.readouterr().err
    collection = bpy.data.collections.new("Product")
    collection.objects.link(bpy.data.objects["Ball"])
    assert execute("plan", "--cameras", "front_arc", "--collection", "Product", "--fit", *few) == 0
    assert settings.collection == collection
    assert "Bounds of 0.8" in capsys.readouterr().out, "those of the ball alone"
    assert execute("plan", "--collection", "", *few) == 0
    assert settings.collection is None
    bpy.ops.mesh.primitive_cube_add(size=8.0)
    assert execute("plan", "--cameras", "inside", "--fit", *few) == 0
    assert "Bounds of 8." in capsys.readouterr().out


def test_plan_fits_to_what_is_selected_sets_the_radius_and_tells_what_is_wrong(
    addon: Import, execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    for obj in bpy.context.scene.objects:
        obj.select_set(obj.name == "Ball")
    assert execute("plan", "--fit-selected", "--views", 3, "--test-views", 1, "--radius", 2.5) == 0
    out, err = capsys.readouterr()
    assert "Bounds of 0." in out and "views: 3 to train on, 1 to test" in out
    assert "lie outside the bounds" in err, "the cube is not selected"
    assert "Inside a mesh" not in err
    bounds = addon("capture.bounds").read_bounds(bpy.context.scene, bpy.context.evaluated_depsgraph_get())
    assert np.allclose(bounds.center, (0.9, 0.2, 0.4), atol=0.02)
    cameras = list(addon("roles").objects_of(bpy.context.scene, "camera"))
    assert len(cameras) == 4
    distances = [np.linalg.norm(np.array(camera.matrix_world.translation) - bounds.center) for camera in cameras]
    assert np.allclose(distances, 2.5, atol=1e-4)

    assert execute("plan", "--radius", 0.2) == 0
    assert "hashlight: warning: Inside a mesh" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["train"], "nothing is captured there yet"),
        (["render"], "there is no run to render from: train first"),
        (["evaluate"], "there is no run to score: train first"),
        (["preview"], "there is no run to show: train first"),
        (["compare", "--view", "train_000"], "there is no run to compare with: train first"),
        (["preview", "--output", "picture.jpg"], "a picture is a .png or an .exr file"),
        (["train", "--capture", "--views", "1", "--test-views", "0"], "No engine is set up yet"),
        (["train", "--engine-python", "/nowhere/python", "--capture"], "doesn't exist or can't be run"),
        (
            ["train", "--host", "127.0.0.1", "--token-file", "/nowhere/token", "--capture"],
            "/nowhere/token can't be read",
        ),
        (["capture", "--save"], "the scene is in no file"),
        (["capture", "--take", "closer"], "there is no take 'closer': there are Take 1"),
        (["train", "--take", ""], "--take: a name is missing"),
        (["takes", "--delete"], "Take 1 holds nothing yet"),
        (["takes", "--rename", " "], "A take needs a name"),
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


def test_takes_are_made_chosen_replaced_named_and_deleted(
    execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = ["--folder", tmp_path / "job"]
    rig = ["--views", 2, "--test-views", 0, *folder]
    assert execute("capture", *rig, "--size", "16x12") == 0
    assert execute("capture", *rig, "--size", "24x24") == 1
    assert "into a new take (--new-take), or replace what is there (--replace)" in capsys.readouterr().err
    assert execute("capture", *rig, "--size", "24x24", "--new-take", "closer") == 0
    assert str(tmp_path / "job" / "takes" / "closer" / "capture") in capsys.readouterr().out
    assert execute("capture", *rig, "--size", "16x12", "--take", "Take 1", "--quiet") == 0, "it is done already"
    assert str(tmp_path / "job" / "capture") in capsys.readouterr().out
    assert execute("capture", *rig, "--size", "8x8", "--replace") == 0
    (kept,) = (tmp_path / "job" / "bin").iterdir()
    assert json.loads((kept / "capture" / "manifest.json").read_text())["settings"]["width"] == 16
    assert f"in {kept} now" in capsys.readouterr().err

    assert execute("takes", "--take", "closer", "--rename", "Very close", *folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines if "views" in line] == ["  Take 1: 2 views", "* Very close: 2 views"]
    assert execute("takes", "--delete", *folder) == 0
    out = capsys.readouterr().out
    assert "Very close is in " in out
    assert "* Take 1: 2 views" in out
    assert len(list((tmp_path / "job" / "bin").glob("*/takes/closer/capture/images/*.exr"))) == 2


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
    assert execute("capture", "--views", 2, "--test-views", 0, "--folder", tmp_path / "job") == 130


@pytest.mark.slow
def test_train_while_capturing_then_bake_in_another_call(
    addon: Import, execute: Execute, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    engine = ["--engine-python", ENGINE_PYTHON, "--device", "cpu"]
    rig = ["--views", 3, "--test-views", 1, "--size", "24x24"]
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
    assert execute("render", "--frames", 2, "--size", "16x16", "--video", "none", "--save", *engine) == 0
    out, err = capsys.readouterr()
    assert "frame_0002.png" in out
    assert "2 frames done" in err

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert addon("preview.plane").find_plane(bpy.context.scene, "bake") is not None
    assert execute("train", "--seconds", 1, *engine) == 0
    later = json.loads((tmp_path / "scene.hashlight" / "run" / "run.json").read_text())
    assert later["step"] > info["step"]


def _read_picture(path: Path, is_data: bool = False) -> np.ndarray:
    """[H, W, 4] as the file has it, last row first."""
    image = bpy.data.images.load(str(path))
    if is_data:
        image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    return np.array(image.pixels).reshape(image.size[1], image.size[0], 4)


@pytest.mark.slow
def test_scores_pictures_and_bakes_of_an_engine_that_runs_already(
    execute: Execute, serve: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    engine = ["--host", "127.0.0.1", "--port", serve(), "--token-file", tmp_path / "token.txt"]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    scene.view_settings.view_transform = "Standard"
    rig = ["--views", 4, "--test-views", 2, "--size", "24x24"]
    assert execute("train", "--capture", "--seconds", 3, *rig, *engine) == 0
    capsys.readouterr()

    assert execute("evaluate", *engine) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert sorted(line.partition(":")[0] for line in lines[:2]) == ["test_000", "test_001"]
    scores = [float(line.split("PSNR ")[1].split(" dB")[0]) for line in lines]
    assert scores[0] <= scores[1]
    assert abs(np.mean(scores[:2]) - scores[2]) < 0.011

    assert execute("preview", "--output", tmp_path / "look.exr", "--percentage", 50, *engine) == 0
    assert execute("preview", "--output", tmp_path / "look.png", *engine) == 0
    assert str(tmp_path / "look.png") in capsys.readouterr().out
    linear, displayed = _read_picture(tmp_path / "look.exr"), _read_picture(tmp_path / "look.png", is_data=True)
    assert linear.shape == displayed.shape == (24, 24, 4)
    assert linear[..., 3].max() > 0.5, "the subject is seen"
    assert linear[0, 0, 3] < 0.5, "and what is beside it is not"
    solid = linear[..., 3] > 0.99
    light = np.clip(linear[solid][:, :3], 0.0, 1.0)
    encoded = np.where(light < 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(displayed[solid][:, :3] - encoded).max() < 0.01

    picture = tmp_path / "compared.png"
    words = ["--view", "test_001", "--mode", "side_by_side", "--output", picture]
    assert execute("compare", *words, *engine) == 0
    assert "test_001, the field left, captured right: PSNR" in capsys.readouterr().out
    assert _read_picture(picture).shape == (24, 48, 4)
    assert execute("compare", "--view", "test_009", *engine) == 1
    assert "test_009" in capsys.readouterr().err

    assert execute("render", "--frames", 3, "--size", "16x16", "--video", "none", "--result", "strip", *engine) == 0
    files = [Path(line) for line in capsys.readouterr().out.split()]
    assert [file.name for file in files] == [f"frame_000{n}.{kind}" for n in (1, 2, 3) for kind in ("png", "exr")]
    frames = [file for file in files if file.suffix == ".exr"]
    (strip,) = scene.sequence_editor.strips
    assert [element.filename for element in strip.elements] == [frame.name for frame in frames]

    frames[1].unlink()
    times = [frames[0].stat().st_mtime_ns, frames[2].stat().st_mtime_ns]
    assert execute("render", "--frames", 3, "--size", "16x16", "--video", "none", "--resume", *engine) == 0
    assert frames[1].is_file()
    assert [frames[0].stat().st_mtime_ns, frames[2].stat().st_mtime_ns] == times

    blocked = frames[0].parents[1] / "blocked"
    blocked.write_text("no folder")
    capsys.readouterr()
    assert execute("render", "--name", "blocked", "--frames", 2, "--size", "16x16", *engine) == 1
    err = capsys.readouterr().err
    assert err.count("blocked") == 1, err
