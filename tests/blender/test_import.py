"""Datasets of other programs, imported by the real engine: their cameras in the scene, and training on them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from ball_dataset import HEIGHT, LENS, WIDTH, picture_of_ball, pose_of, write_dataset

Import = Callable[[str], ModuleType]

ENGINE_PYTHON = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable


@pytest.fixture
def session_scene(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """An empty scene with a folder of its own and an engine to be had."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", ENGINE_PYTHON)
    scene.hashlight.folder = str(tmp_path / "session")
    scene.hashlight.training.seconds = scene.hashlight.training.evaluate_every = 0.0
    yield scene
    addon("session.registry").close()


@pytest.fixture
def import_dataset(addon: Import, session_scene: bpy.types.Scene) -> Callable[..., tuple[str, str, list[str]]]:
    """Imports a dataset through the operator and waits; the value is the outcome: state, words, warnings."""

    def import_dataset(path: Path, **options: Any) -> tuple[str, str, list[str]]:
        imports, registry = addon("importing.imports"), addon("session.registry")
        assert bpy.ops.hashlight.import_dataset(filepath=str(path), **options) == {"FINISHED"}
        assert registry.pump_until(lambda: not imports.is_importing(), 120.0)
        bpy.context.view_layer.update()
        return imports.outcome(session_scene)

    return import_dataset


def project(obj: bpy.types.Object, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels [n, 2] at which ``points`` [n, 3] show in the picture that Blender renders through ``obj``."""
    render = bpy.context.scene.render
    matrix = np.array(
        obj.calc_matrix_camera(
            bpy.context.evaluated_depsgraph_get(),
            x=size[0],
            y=size[1],
            scale_x=render.pixel_aspect_x,
            scale_y=render.pixel_aspect_y,
        )
        @ obj.matrix_world.inverted()
    )
    clip = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    x, y = (clip[:, :2] / clip[:, 3:]).T
    return np.column_stack(((x + 1) / 2 * size[0], (1 - y) / 2 * size[1]))


def expected_pixels(pose: np.ndarray, lens: dict[str, float], points: np.ndarray) -> np.ndarray:
    """Where the same points are by the file's own figures."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    x, y = local[:, 0] / -local[:, 2], local[:, 1] / -local[:, 2]
    return np.column_stack((lens["cx"] + lens["fl_x"] * x, lens["cy"] - lens["fl_y"] * y))


def test_cameras_stand_and_see_as_the_file_says(
    import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    state, words, warnings = import_dataset(write_dataset(tmp_path / "ball"), holdout=3)
    assert (state, words, warnings) == ("done", "4 training and 2 test views", [])

    collection = session_scene.collection.children["ball"]
    training, held_out = collection.children["ball Training"], collection.children["ball Test"]
    assert [obj.name for obj in training.objects] == ["shot_1", "shot_2", "shot_4", "shot_5"]
    assert [obj.name for obj in held_out.objects] == ["shot_0", "shot_3"]
    assert len({obj.data.name for obj in collection.all_objects}) == 1  # one lens took them all
    assert session_scene.camera == training.objects[0]

    render = session_scene.render
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (WIDTH, HEIGHT, 100)
    points = np.random.default_rng(1).uniform(-1.0, 1.0, (40, 3))
    for index in range(6):
        obj = bpy.data.objects[f"shot_{index}"]
        pixels = project(obj, points, (WIDTH, HEIGHT))
        assert np.abs(pixels - expected_pixels(pose_of(index, 6), LENS, points)).max() < 0.05

    bounds = next(obj for obj in session_scene.objects if obj.name == "Hashlight Bounds")
    np.testing.assert_allclose(bounds.matrix_world.translation, 0.0)
    np.testing.assert_allclose(bounds.scale, 1.0)


def test_lenses_and_sizes_of_their_own(
    import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from engine.data.png import encode_png

    folder = write_dataset(tmp_path / "mixed", count=3)
    values = json.loads((folder / "transforms.json").read_text())
    lens = {"fl_x": 60.0, "fl_y": 60.0, "cx": 12.0, "cy": 25.0, "w": 24, "h": 48}
    values["frames"][1] |= lens
    values |= {"k1": 0.1, "p2": 0.01}
    (folder / "transforms.json").write_text(json.dumps(values))
    (folder / "shot_1.png").write_bytes(encode_png(picture_of_ball(pose_of(1, 3), lens)))
    render = session_scene.render
    render.resolution_x, render.resolution_y = 50, 50

    state, _, warnings = import_dataset(folder, holdout=0, use_render_settings=False)
    assert state == "done" and (render.resolution_x, render.resolution_y) == (50, 50)
    assert any("no lens distortion: all 3 views" in warning for warning in warnings)
    assert any("resolution or pixel aspect is another than that of all 3 views" in warning for warning in warnings)
    points = np.random.default_rng(2).uniform(-0.8, 0.8, (20, 3))
    pixels = project(bpy.data.objects["shot_1"], points, (24, 48))
    assert np.abs(pixels - expected_pixels(pose_of(1, 3), lens, points)).max() < 0.05
    manifest = json.loads((tmp_path / "session" / "capture" / "manifest.json").read_text())
    assert manifest["views"][0]["camera"]["k1"] == 0.1


def test_a_fisheye_is_told_and_scored_as_one(
    import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    folder = write_dataset(tmp_path / "bent", count=3, camera_model="OPENCV_FISHEYE", k3=0.001)
    state, _, warnings = import_dataset(folder, holdout=0)
    assert state == "done"
    assert any("All 3 views were taken with a fisheye lens" in warning for warning in warnings)
    assert not any("no lens distortion" in warning for warning in warnings)
    manifest = json.loads((tmp_path / "session" / "capture" / "manifest.json").read_text())
    assert manifest["views"][0]["camera"]["projection"] == "fisheye"


def test_what_had_to_be_guessed_is_told_and_masks_come_along(
    addon: Import, import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from engine.data.png import encode_png

    folder = write_dataset(tmp_path / "found", white_background=True)
    (folder / "shot_4.png").unlink()
    (folder / "shot_5.png").rename(folder / "Shot_5.PNG")
    mask = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    mask[:10, :20] = 0
    (folder / "masks").mkdir()
    (folder / "masks/shot_1.png").write_bytes(encode_png(mask))

    state, words, warnings = import_dataset(folder, holdout=0)
    assert (state, words) == ("done", "5 training and 0 test views")
    missing, renamed = "listed pictures that are missing (1 of 6, first shot_4.png)", "lower case (1, first shot_5.png"
    for expected in (missing, renamed, "in masks/", "white_background"):
        assert sum(expected in warning for warning in warnings) == 1, warnings
    # The mask goes to the engine, and into the scores here, in the place of depth.
    message = addon("training.captured").read_view(tmp_path / "session" / "capture", "shot_1")
    np.testing.assert_array_equal(np.isneginf(message.depth), mask[..., 0] == 0)
    assert addon("training.captured").read_view(tmp_path / "session" / "capture", "shot_2").depth is None


def test_scaled_poses_make_cameras_without_scale(import_dataset: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scaled", count=2)
    values = json.loads((folder / "transforms.json").read_text())
    pose = np.array(values["frames"][0]["transform_matrix"])
    pose[:3, :3] *= 7.0
    values["frames"][0]["transform_matrix"] = pose.tolist()
    (folder / "transforms.json").write_text(json.dumps(values))
    assert import_dataset(folder, holdout=0)[0] == "done"
    np.testing.assert_allclose(bpy.data.objects["shot_0"].matrix_world, pose_of(0, 2), atol=1e-5)


def test_trains_on_it_previews_and_compares(
    addon: Import,
    import_dataset: Callable[..., Any],
    session_scene: bpy.types.Scene,
    wait: Callable[..., None],
    tmp_path: Path,
) -> None:
    source = write_dataset(tmp_path / "ball", count=12, lens=LENS | {"k1": -0.4})
    assert import_dataset(source, holdout=4)[0] == "done"
    session_scene.hashlight.training.seconds = 0.0
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    session = addon("session.registry").current()
    wait(lambda: session.views.count("held") == 12, "the engine's word that it holds all views")
    wait(lambda: session.status is not None and session.status.step > 200, "two hundred steps")
    assert bpy.ops.hashlight.pause_training() == {"FINISHED"}
    wait(lambda: not session.is_training, "the pause")
    assert session.failure is None

    assert bpy.ops.hashlight.evaluate() == {"FINISHED"}
    wait(lambda: bool(session.evaluations), "scores")
    assert len(session.evaluations[-1].items) == 3 and session.evaluations[-1].scores["psnr"] > 20.0

    review = session_scene.hashlight.review
    comparison = addon("review.comparison")
    review.view = "shot_4"
    assert bpy.ops.hashlight.compare_view() == {"FINISHED"}
    wait(lambda: "PSNR" in comparison.describe(session_scene), "the comparison")
    assert comparison._current.psnr == pytest.approx(session.evaluations[-1].items["shot_4"]["subject_psnr"], abs=0.1)

    assert bpy.ops.hashlight.preview() == {"FINISHED"}
    wait(lambda: bpy.data.images.get("Hashlight Preview") is not None, "a preview")
    picture = np.array(bpy.data.images["Hashlight Preview"].pixels[:]).reshape(HEIGHT, WIDTH, 4)
    assert picture[HEIGHT // 2, WIDTH // 2, 3] > 0.9 and picture[0, 0, 3] < 0.1


def test_resumes_after_the_engine_and_the_scene_were_closed(
    addon: Import,
    import_dataset: Callable[..., Any],
    session_scene: bpy.types.Scene,
    wait: Callable[..., None],
    tmp_path: Path,
) -> None:
    source = write_dataset(tmp_path / "ball")
    assert import_dataset(source, holdout=0)[0] == "done"
    session_scene.hashlight.training.seconds = 0.5
    bpy.ops.hashlight.train()
    registry = addon("session.registry")
    wait(lambda: registry.current().is_trained and registry.current().snapshot is not None, "a saved run")
    steps = registry.current().snapshot.step
    registry.close()

    pictures = {path: path.stat().st_mtime_ns for path in (tmp_path / "session" / "capture" / "images").iterdir()}
    state, _, warnings = import_dataset(source, holdout=0)
    assert state == "done" and "It was imported before" in warnings[-1]
    assert {path: path.stat().st_mtime_ns for path in pictures} == pictures
    bpy.ops.hashlight.train()
    wait(lambda: registry.current().run is not None, "the run")
    assert registry.current().run.step == steps


class TestErrors:
    def test_no_such_folder(self, session_scene: bpy.types.Scene, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="nowhere: no such folder or file"):
            bpy.ops.hashlight.import_dataset(filepath=str(tmp_path / "nowhere"))

    def test_holding_out_every_view(self, session_scene: bpy.types.Scene, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="Test View Every: 1"):
            bpy.ops.hashlight.import_dataset(filepath=str(tmp_path), holdout=1)

    def test_without_an_engine(
        self, session_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", "")
        with pytest.raises(RuntimeError, match="No engine is set up yet"):
            bpy.ops.hashlight.import_dataset(filepath=str(tmp_path))

    def test_a_bad_field_is_named_and_nothing_is_left(
        self, import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
    ) -> None:
        folder = write_dataset(tmp_path / "bad", fl_x="wide")
        before = set(bpy.data.objects)
        state, words, _ = import_dataset(folder)
        assert state == "failed"
        assert words == f"{folder / 'transforms.json'}: fl_x: expected a number, got 'wide'"
        assert [path.name for path in (tmp_path / "session").iterdir()] == [".in-use"]
        assert set(bpy.data.objects) == before

    def test_a_capture_is_never_overwritten(self, import_dataset: Callable[..., Any], tmp_path: Path) -> None:
        assert import_dataset(write_dataset(tmp_path / "one"), holdout=0)[0] == "done"
        state, words, _ = import_dataset(write_dataset(tmp_path / "two"), holdout=0)
        assert (
            state == "failed" and f"holds the dataset imported from {tmp_path / 'one'}: import into a new take" in words
        )
        state, words, _ = import_dataset(tmp_path / "one", holdout=2)
        assert state == "failed" and "this dataset with another number of test views" in words

    def test_a_run_of_other_views_is_not_gone_on_with(self, session_scene: bpy.types.Scene, tmp_path: Path) -> None:
        run = tmp_path / "session" / "run"
        run.mkdir(parents=True)
        (run / "run.json").write_text("{}")
        with pytest.raises(RuntimeError, match="session holds a run of other views: import into a new take"):
            bpy.ops.hashlight.import_dataset(filepath=str(write_dataset(tmp_path / "ball")))

    def test_captures_go_elsewhere(
        self, import_dataset: Callable[..., Any], session_scene: bpy.types.Scene, tmp_path: Path
    ) -> None:
        assert import_dataset(write_dataset(tmp_path / "ball"), holdout=0)[0] == "done"
        bpy.ops.mesh.primitive_cube_add()
        session_scene.hashlight.capture.rig = "SCENE_CAMERAS"  # the dataset's own
        for start in (bpy.ops.hashlight.capture, bpy.ops.hashlight.capture_and_train):
            with pytest.raises(RuntimeError, match=r"holds the dataset imported from .*capture into a new take"):
                start()

    def test_cancelling_leaves_nothing_behind(
        self, addon: Import, session_scene: bpy.types.Scene, tmp_path: Path
    ) -> None:
        imports, registry = addon("importing.imports"), addon("session.registry")
        bpy.ops.hashlight.import_dataset(filepath=str(write_dataset(tmp_path / "ball", count=40)))
        assert imports.is_importing() and not bpy.ops.hashlight.import_dataset.poll()
        bpy.ops.hashlight.cancel_import()
        assert registry.pump_until(lambda: not imports.is_importing(), 10.0)
        assert imports.outcome(session_scene)[0] == "cancelled"
        assert [path.name for path in (tmp_path / "session").iterdir()] == [".in-use"]
        assert "ball" not in bpy.data.collections

    def test_another_file_ends_it(self, addon: Import, session_scene: bpy.types.Scene, tmp_path: Path) -> None:
        bpy.ops.hashlight.import_dataset(filepath=str(write_dataset(tmp_path / "ball", count=40)))
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert not addon("importing.imports").is_importing()
        assert not addon("folder_lock").is_held(tmp_path / "session")
        assert [path.name for path in (tmp_path / "session").iterdir()] == [".in-use"]


class TestCommandLine:
    def test_import_creates_the_cameras_and_the_capture(
        self, addon: Import, session_scene: bpy.types.Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source = write_dataset(tmp_path / "ball")
        words = ["import", source, "--holdout", 3, "--folder", tmp_path / "job"]
        assert addon("command_line.registration").execute([str(word) for word in words]) == 0
        out, err = capsys.readouterr()
        assert str(tmp_path / "job" / "capture") in out and "4 training and 2 test views" in err
        assert len(bpy.data.collections["ball"].all_objects) == 6

    def test_train_on_a_dataset(
        self, addon: Import, session_scene: bpy.types.Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source = write_dataset(tmp_path / "ball")
        words = ["train", "--dataset", source, "--holdout", 3, "--seconds", 1, "--folder", tmp_path / "job"]
        assert addon("command_line.registration").execute([str(word) for word in words]) == 0
        out = capsys.readouterr().out
        assert "PSNR" in out and "2 test views" in out
        run = json.loads((tmp_path / "job" / "run" / "run.json").read_text())
        assert run["primitive"]["color_space"] == "srgb"

    def test_a_bad_dataset_fails_in_words(
        self, addon: Import, session_scene: bpy.types.Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "empty").mkdir()
        words = ["train", "--dataset", str(tmp_path / "empty"), "--seconds", "1"]
        assert addon("command_line.registration").execute(words) == 1
        assert "no transforms.json or transforms_train.json in this folder" in capsys.readouterr().err
