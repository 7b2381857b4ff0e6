"""Datasets of every format become capture folders that say the same, and nothing is ever half there or overwritten."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.data.capture_folder import save_dataset
from engine.data.formats import DatasetError, load_dataset
from engine.data.importing import import_dataset
from tests.engine.data.scenes import orbit_camera, sphere_dataset, sphere_view, write_json, write_nerf_synthetic


def write_photographs(folder: Path, **extra: Any) -> Path:
    """Five opaque JPEGs with OpenCV distortion, as COLMAP's converters write them."""
    folder.mkdir()
    frames = []
    for index in range(5):
        view = sphere_view(index, 5, "srgb")
        Image.fromarray(view.color[..., :3]).save(folder / f"photo {index}.jpg", quality=95)
        frames.append({"file_path": f"photo {index}.jpg", "transform_matrix": view.camera.camera_to_world.tolist()})
    camera = orbit_camera(0, 5)
    lens = {"fl_x": camera.fx, "fl_y": camera.fy + 0.25, "cx": 12.5, "cy": 11.0, "w": 24, "h": 24}
    lens |= {"k1": 0.05, "k2": -0.01, "p1": 0.002, "p2": -0.003}
    write_json(folder / "transforms.json", lens | {"frames": frames} | extra)
    return folder


def write_nerfstudio(folder: Path) -> Path:
    """Pictures with a split list, intrinsics by frame, and depth in millimetres for all but one of them."""
    (folder / "images").mkdir(parents=True)
    frames = []
    for index in range(4):
        view = sphere_view(index, 4, "srgb")
        camera, depth = view.camera, view.depth
        assert depth is not None
        Image.fromarray(view.color).save(folder / f"images/{index}.png")
        frame: dict[str, Any] = {"file_path": f"images/{index}.png", "w": 24, "h": 24, "fl_x": camera.fx}
        frame |= {"transform_matrix": camera.camera_to_world.tolist()}
        if index != 1:
            millimetres = np.where(np.isfinite(depth), depth * 1000, 0).astype(np.uint16)
            Image.fromarray(millimetres).save(folder / f"images/depth_{index}.png")
            frame["depth_file_path"] = f"images/depth_{index}.png"
        frames.append(frame)
    values = {"frames": frames, "test_filenames": ["images/3.png"], "aabb": [[-1, -1, -1], [1, 1, 1]]}
    write_json(folder / "transforms.json", values)
    return folder


def write_capture(folder: Path) -> Path:
    """A capture of scene-linear EXR pictures with depth."""
    save_dataset(folder, sphere_dataset())
    return folder


def require_same(folder: Path, source: Path, holdout: int | None = None) -> dict[str, Any]:
    """The capture in ``folder`` holds what the dataset in ``source`` does; returns its manifest."""
    ours, theirs = load_dataset(folder), load_dataset(source, holdout)
    assert ours.bounds.to_json() == theirs.bounds.to_json()
    assert (ours.cascades, ours.color_space) == (theirs.cascades, theirs.color_space)
    assert ours.train_settings() == theirs.train_settings()
    for one, other in zip(ours.views, theirs.views, strict=True):
        assert (one.name, one.split) == (other.name, other.split)
        assert one.camera.to_json() == other.camera.to_json()
        np.testing.assert_array_equal(one.color, other.color)
        assert (one.depth is None) == (other.depth is None)
        if one.depth is not None:
            np.testing.assert_array_equal(one.depth, other.depth)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["settings"]["color_space"] == theirs.color_space
    assert manifest["settings"]["imported_from"] == str(source)
    assert {"cascades": theirs.cascades}.items() <= manifest["settings"].items()
    assert [view["camera"] for view in manifest["views"]] == [view.camera.to_json() for view in theirs.views]
    assert [view["depth"] for view in manifest["views"]] == [view.depth is not None for view in theirs.views]
    return manifest


def test_nerf_synthetic(tmp_path: Path) -> None:
    source = write_nerf_synthetic(tmp_path / "lego", suffix=".webp")
    imported = import_dataset(source, tmp_path / "scene.hashlight" / "capture", holdout=2)
    assert (imported.train_views, imported.test_views) == (4, 2)
    assert imported.warnings == []  # its own split was kept, as was asked for
    manifest = require_same(imported.folder, source)
    assert [view["split"] for view in manifest["views"]] == ["train"] * 4 + ["test"] * 2


def test_photographs_with_lens_distortion_and_cascades(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photos", aabb_scale=8)
    imported = import_dataset(source, tmp_path / "capture", holdout=4)
    assert (imported.train_views, imported.test_views) == (3, 2)
    manifest = require_same(imported.folder, source, holdout=4)
    assert manifest["settings"]["cascades"] == 4 and manifest["settings"]["holdout"] == 4
    assert manifest["views"][0]["camera"]["p2"] == -0.003
    assert math.isclose(manifest["views"][0]["camera"]["fy"] - manifest["views"][0]["camera"]["fx"], 0.25)


def test_photographs_of_a_fisheye(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photos", camera_model="OPENCV_FISHEYE", fl_x=7.0, fl_y=7.0, k4=0.001)
    manifest = require_same(import_dataset(source, tmp_path / "capture").folder, source)
    camera = manifest["views"][0]["camera"]
    assert (camera["projection"], camera["k1"], camera["k4"], camera["p1"]) == ("fisheye", 0.05, 0.001, 0.0)
    frame = json.loads((tmp_path / "capture/transforms_train.json").read_text())["frames"][0]
    assert frame["camera_model"] == "OPENCV_FISHEYE" and frame["k4"] == 0.001


def test_guessed_bounds_are_told_of_and_kept(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photos")
    imported = import_dataset(source, tmp_path / "capture")
    assert any("guessed" in warning for warning in imported.warnings)
    assert load_dataset(tmp_path / "capture").cascades == load_dataset(source).cascades > 1


def test_nerfstudio_with_depth_for_some_views(tmp_path: Path) -> None:
    source = write_nerfstudio(tmp_path / "studio")
    manifest = require_same(import_dataset(source, tmp_path / "capture").folder, source)
    assert [view["split"] for view in manifest["views"]] == ["train", "train", "train", "test"]
    assert [view["depth"] for view in manifest["views"]] == [True, False, True, True]


def test_capture_of_linear_pictures(tmp_path: Path) -> None:
    source = write_capture(tmp_path / "old")
    require_same(import_dataset(source, tmp_path / "capture").folder, source)


def test_progress_counts_both_stages(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    import_dataset(write_photographs(tmp_path / "photos"), tmp_path / "out", progress=lambda *stage: seen.append(stage))
    assert seen == [(stage, done, 5) for stage in ("Reading", "Writing") for done in range(1, 6)]


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "capture").mkdir()
    assert import_dataset(write_capture(tmp_path / "old"), tmp_path / "capture").train_views == 4


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture" / "mine.txt").write_text("precious")
    with pytest.raises(DatasetError, match=r"capture: something is there already"):
        import_dataset(write_capture(tmp_path / "old"), tmp_path / "capture")
    assert [file.name for file in (tmp_path / "capture").iterdir()] == ["mine.txt"]


def test_what_comes_to_be_there_meanwhile_stays(tmp_path: Path) -> None:
    capture = tmp_path / "capture"

    def interfere(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("Writing", 1):
            capture.mkdir()
            (capture / "mine.txt").write_text("precious")

    with pytest.raises(DatasetError, match="capture: can't be written"):
        import_dataset(write_capture(tmp_path / "old"), capture, progress=interfere)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["capture", "old"]
    assert [file.name for file in capture.iterdir()] == ["mine.txt"]


def test_a_bad_dataset_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photos")
    (source / "photo 3.jpg").write_bytes(b"none")
    with pytest.raises(DatasetError, match=r"photo 3\.jpg"):
        import_dataset(source, tmp_path / "session" / "capture")
    assert not (tmp_path / "session").exists()


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("Writing", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(write_capture(tmp_path / "old"), tmp_path / "session" / "capture", progress=fail)
    assert list((tmp_path / "session").iterdir()) == []


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_photographs(tmp_path / "photos")
    assert main(["import", str(source), "--out", str(tmp_path / "capture"), "--holdout", "5"]) == 0
    out, err = capsys.readouterr()
    assert "4 training and 1 test view" in out
    assert "Reading views" in err and "Writing views" in err and "warning: " in err


def test_json_lines_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_photographs(tmp_path / "photos")
    assert main(["import", str(source / "transforms.json"), "--out", str(tmp_path / "capture"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"stage": "Reading", "done": 5, "total": 5} in lines
    assert {"stage": "Writing", "done": 5, "total": 5} in lines
    assert (lines[-1]["train_views"], lines[-1]["test_views"]) == (5, 0)
    assert lines[-1]["folder"] == str(tmp_path / "capture") and len(lines[-1]["warnings"]) == 1


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "nowhere"), "--out", str(tmp_path / "capture"), "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [f"hashlight import: {tmp_path / 'nowhere'}: no such folder or file"]


@pytest.mark.parametrize("away", [0.0, 1000.0, 5_400_000.0])
def test_what_blender_cannot_tell_apart_is_told(tmp_path: Path, away: float) -> None:
    """Georeferenced poses: training computes in float64, Blender in float32."""
    source = write_photographs(tmp_path / "photos")
    values = json.loads((source / "transforms.json").read_text())
    for frame in values["frames"]:
        frame["transform_matrix"][1][3] += away
    write_json(source / "transforms.json", values)
    warnings = import_dataset(source, tmp_path / "capture").warnings
    assert ["Blender's coordinates" in warning for warning in warnings] == [False] + [True] * (away > 1e6)
