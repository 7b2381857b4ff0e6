"""The commands on a real, tiny dataset: what they leave on disk, and how they resume."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.link.camera_paths import turntable
from engine.link.view_transform import BRIGHTEST, ViewTransform, lattice_colors, save_view_transform
from engine.rendering.camera_paths import save_camera_path
from engine.runs import read_info
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import sphere_dataset, write_nerf_synthetic

pytestmark = pytest.mark.slow
ON_DEVICE = ["--device", TEST_DEVICE]
TURNTABLE = ["--turntable", "--radius", "4"]  # looking for the subject of a field that is a haze still takes seconds


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nerf_synthetic(tmp_path_factory.mktemp("sphere"), train=12, test=3, size=32)


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "sphere"
    assert (
        main(["train", str(dataset), "--out", str(run), "--steps", "40", "--evaluate-every", "0.03", *ON_DEVICE]) == 0
    )
    return run


def test_training_leaves_a_run_with_its_history(trained: Path, dataset: Path) -> None:
    info = read_info(trained)
    assert info["step"] == 40 and info["dataset"] == str(dataset)
    assert [view["split"] for view in info["data"]["views"]] == ["train"] * 12 + ["test"] * 3
    assert info["history"][-1]["step"] == 40 and len(info["history"]) >= 2
    # The background alone is worth about 12 dB.
    assert info["history"][-1]["psnr"] > 16


def test_what_cannot_be_written_is_told_before_training(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["train", str(dataset), "--out", str(tmp_path / "file"), "--steps", "5", "--device", TEST_DEVICE]) == 1
    words = capsys.readouterr().err
    assert "file: the run can't be written (it is a file): " in words and "Preparing" not in words


def test_resume_goes_on_from_the_last_step(trained: Path, dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", str(dataset), "--out", str(run), "--steps", "5", *ON_DEVICE]) == 0
    assert main(["train", str(dataset), "--out", str(run), "--steps", "9", "--resume", *ON_DEVICE]) == 0
    info = read_info(run)
    assert info["step"] == 9 and [point["step"] for point in info["history"]] == [5, 9]


def test_eval_prints_and_writes_the_same_figures(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), "--json", *ON_DEVICE]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((trained / "eval/scores.json").read_text())
    assert set(printed["views"]) == {"test_r_0", "test_r_1", "test_r_2"}
    mean = sum(view["psnr"] for view in printed["views"].values()) / 3
    assert printed["psnr"] == pytest.approx(mean) and printed["background"] == "black"
    with Image.open(trained / "eval/test_r_1.png") as neural, Image.open(trained / "eval/test_r_1_truth.png") as truth:
        assert neural.size == truth.size == (32, 32)
    page = (trained / "eval/report.html").read_text(encoding="utf-8")
    assert "hash-grid (" in page and "Colour" in page, "what its kind says of it"
    assert page.count("data:image/webp") == 9 and "<polyline" in page


def test_eval_scores_the_subject_beside_the_whole_picture(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), *ON_DEVICE]) == 0
    scores = json.loads((trained / "eval/scores.json").read_text())
    # The sphere covers a fifth of a picture, and the rest of it is right from the first step.
    assert 0 < scores["subject_psnr"] < scores["psnr"] - 3
    views = scores["views"].values()
    assert scores["subject_psnr"] == pytest.approx(sum(view["subject_psnr"] for view in views) / 3)
    assert scores["subject_ssim"] == pytest.approx(sum(view["subject_ssim"] for view in views) / 3)
    out = capsys.readouterr().out
    mean = next(line for line in out.splitlines() if line.startswith("mean"))
    assert f"{scores['subject_psnr']:.2f} dB" in mean and f"{scores['psnr']:.2f} dB" in mean
    assert re.search(r"The subject is (blurred|soft|good|very good)\. On black\.", out)


def test_training_tells_of_the_subject(trained: Path) -> None:
    last = read_info(trained)["history"][-1]
    assert 0 < last["subject_psnr"] < last["psnr"] and 0 < last["subject_ssim"] < 1


def test_eval_finds_the_capture_beside_the_run(trained: Path, dataset: Path, tmp_path: Path) -> None:
    """As Blender keeps them: such a run was trained from views that came over the link, and names no dataset."""
    session = tmp_path / "scene.hashlight"
    shutil.copytree(trained, session / "run")
    shutil.copytree(dataset, session / "capture")
    info = read_info(session / "run")
    del info["dataset"]
    (session / "run/run.json").write_text(json.dumps(info))
    assert main(["eval", str(session / "run"), *ON_DEVICE]) == 0
    scores = json.loads((session / "run/eval/scores.json").read_text())
    assert scores["dataset"] == str(session / "capture") and len(scores["views"]) == 3

    info["dataset"] = str(tmp_path / "moved away")
    (session / "run/run.json").write_text(json.dumps(info))
    assert main(["eval", str(session / "run"), *ON_DEVICE]) == 0


@pytest.mark.parametrize("named", [None, "gone"])
def test_eval_without_any_dataset_says_what_to_do(
    named: str | None, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    info = read_info(tmp_path / "run") | {"dataset": named}
    (tmp_path / "run/run.json").write_text(json.dumps(info))
    assert main(["eval", str(tmp_path / "run"), *ON_DEVICE]) == 1
    words = capsys.readouterr().err
    assert "--dataset" in words and ("gone" in words if named else str(tmp_path / "capture") in words)


def test_eval_with_flip(trained: Path) -> None:
    pytest.importorskip("flip_evaluator")
    assert main(["eval", str(trained), "--flip", *ON_DEVICE]) == 0
    scores = json.loads((trained / "eval/scores.json").read_text())
    assert 0 < scores["subject_flip"] < 1 and all("subject_flip" in view for view in scores["views"].values())


def test_render_in_a_pipe_prints_lines_rather_than_bars(trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine", "render", str(trained), *TURNTABLE, "--frames", "40"]
    command += ["--size", "16x16", "--out", str(tmp_path / "frames"), *ON_DEVICE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
    lines = [line for line in done.stderr.splitlines() if "Rendering" in line]
    assert 1 <= len(lines) <= 25
    assert lines[-1].startswith("Rendering: 40/40 frames")


def test_eval_of_an_unnamed_dataset_says_what_to_do(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), "--dataset", "gone", *ON_DEVICE]) == 1
    assert "gone" in capsys.readouterr().err


def test_render_a_film_and_resume_it(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["render", str(trained), "--turntable", "--frames", "3", "--out", str(tmp_path / "film.mp4"), *ON_DEVICE]
    assert main(command) == 0
    assert (tmp_path / "film.mp4").stat().st_size > 0
    frames = sorted((tmp_path / "film_frames").glob("*.png"))
    with Image.open(frames[0]) as image:
        assert len(frames) == 3 and image.size == (32, 32)
    kept = frames[0].stat().st_mtime_ns
    frames[1].unlink()
    assert main([*command, "--resume"]) == 0
    assert frames[0].stat().st_mtime_ns == kept and frames[1].is_file()


def test_render_a_camera_path_interpolated(trained: Path, tmp_path: Path) -> None:
    save_camera_path(tmp_path / "path.json", turntable(sphere_dataset().bounds, 3, (40, 30)))
    command = ["render", str(trained), "--camera-path", str(tmp_path / "path.json"), "--frames", "4", "--format", "exr"]
    assert main([*command, "--depth", "--out", str(tmp_path / "frames"), *ON_DEVICE]) == 0
    assert len(list((tmp_path / "frames").glob("frame_*.exr"))) == 4


def test_render_in_a_view_transform_and_name_one_that_is_none(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view, frames = tmp_path / "view_transform.npz", tmp_path / "frames"
    save_view_transform(view, ViewTransform(np.ascontiguousarray(1.0 - lattice_colors() / BRIGHTEST)))
    command = ["render", str(trained), *TURNTABLE, "--frames", "1", "--out", str(frames), *ON_DEVICE]
    assert main([*command, "--view-transform", str(view)]) == 0
    assert "learnt 8-bit sRGB pictures, shown as they are" in capsys.readouterr().out
    shown = (frames / "frame_0001.png").read_bytes()
    assert main(command) == 0
    assert (frames / "frame_0001.png").read_bytes() == shown
    view.write_text("a table, or so they say")
    assert main([*command, "--view-transform", str(view)]) == 1
    assert "view_transform.npz: can't be read as a view transform" in capsys.readouterr().err


def test_render_names_a_bad_camera_path(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "path.json").write_text('[{"width": 0}]')
    command = ["render", str(trained), "--camera-path", str(tmp_path / "path.json"), "--out", str(tmp_path / "f")]
    assert main([*command, *ON_DEVICE]) == 1
    assert "path.json: camera 0" in capsys.readouterr().err


def test_bench_measures_what_it_says(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = ["bench", str(dataset), "--budgets", "0.3,0.6", "--views", "6", "--size", "16x16", "--no-frames"]
    assert main([*command, "--seeds", "2", "--json", str(out), *ON_DEVICE]) == 0
    result = json.loads(out.read_text())
    assert [row["budget"] for row in result["budgets"]] == [0.3, 0.6]
    assert all(row["seconds"] >= row["budget"] and row["step"] >= 1 for row in result["budgets"])
    assert result["train_views"] == 6 and result["size"] == [16, 16] and result["seeds"] == 2
    for field in ("device_name", "versions", "steps_per_second", "samples_per_step", "startup_seconds"):
        assert result[field]
