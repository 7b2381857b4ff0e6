"""A transforms.json with pictures, depth, masks and points, which says what the capture did."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from engine.data.formats import load_dataset
from engine.data.views import MASKED_DEPTH
from engine.exporting.exporters import DatasetOptions, ExportError
from tests.engine.exporting.captures import SIZE, export, off_sphere, sphere_capture, with_views, write_capture
from tests.scenes import as_fisheye


def masked(view: Any) -> Any:
    depth = np.array(view.depth)
    depth[:20, :30] = MASKED_DEPTH
    return dataclasses.replace(view, depth=depth)


def test_all_of_a_capture_is_in_it_and_comes_back(tmp_path: Path) -> None:
    dataset = with_views(sphere_capture(), lambda view: masked(view) if view.name == "v002" else view)
    options = DatasetOptions(points=400, images="exr")
    exported = export("nerfstudio", write_capture(tmp_path / "capture", dataset), tmp_path / "out", options)
    assert exported.warnings == [] and exported.points > 200
    values = json.loads((tmp_path / "out/transforms.json").read_text())
    paths = [frame["file_path"] for frame in values["frames"]]
    assert (values["train_filenames"], values["val_filenames"]) == (paths[:6], paths[6:])
    assert values["test_filenames"] == paths[6:]
    for frame in values["frames"]:
        assert all((tmp_path / "out" / frame[name]).is_file() for name in ("file_path", "depth_file_path", "mask_path"))
    camera = dataset.train[0].camera
    assert [values[name] for name in ("fl_x", "fl_y", "cx", "cy")] == [camera.fx, camera.fy, camera.cx, camera.cy]
    vertices = PlyData.read(str(tmp_path / "out" / values["ply_file_path"]))["vertex"]
    assert off_sphere(np.stack([vertices[axis] for axis in "xyz"], axis=1)).max() < 1e-5

    back = load_dataset(tmp_path / "out")
    assert back.warnings == [] and back.bounds.is_close(dataset.bounds)
    for one, other in zip(dataset.views, back.views, strict=True):
        assert (one.name, one.split, one.camera.to_json()) == (other.name, other.split, other.camera.to_json())
        np.testing.assert_array_equal(one.color, other.color)
        assert one.depth is not None and other.depth is not None
        known = np.isfinite(one.depth)
        np.testing.assert_array_equal(one.depth[~known], other.depth[~known])  # masked, and nothing there
        assert np.abs(one.depth[known] - other.depth[known]).max() <= 0.0005 + 1e-6


@pytest.mark.parametrize(("scale", "step"), [(1.0, 0.001), (40.0, 0.01), (0.01, 1e-6)])
def test_depth_is_in_millimetres_unless_these_do_not_hold_it(tmp_path: Path, scale: float, step: float) -> None:
    def scaled(view: Any) -> Any:
        pose = np.array(view.camera.camera_to_world)
        pose[:3, 3] *= scale
        camera = dataclasses.replace(view.camera, camera_to_world=pose)
        return dataclasses.replace(view, camera=camera, depth=view.depth * np.float32(scale))

    dataset = with_views(sphere_capture(3, 0), scaled)
    exported = export("nerfstudio", write_capture(tmp_path / "c", dataset), tmp_path / "out", DatasetOptions(points=0))
    values = json.loads((tmp_path / "out/transforms.json").read_text())
    assert values["depth_unit_scale_factor"] == pytest.approx(step)
    assert any("--depth-unit-scale-factor" in warning for warning in exported.warnings) == (step != 0.001)
    stored = np.array(Image.open(tmp_path / "out" / values["frames"][0]["depth_file_path"]))
    assert stored.dtype == np.uint16 and stored[0, 0] == 0
    known = dataset.train[0].depth[SIZE // 2, SIZE // 2]
    assert stored[SIZE // 2, SIZE // 2] * step == pytest.approx(known, abs=step)


def test_one_camera_model_is_for_all_and_two_are_refused(tmp_path: Path) -> None:
    dataset = sphere_capture(4, 0, as_fisheye)
    export("nerfstudio", write_capture(tmp_path / "round", dataset), tmp_path / "out")
    assert json.loads((tmp_path / "out/transforms.json").read_text())["camera_model"] == "OPENCV_FISHEYE"
    assert load_dataset(tmp_path / "out").train[1].camera.to_json() == dataset.train[1].camera.to_json()
    mixed = dataclasses.replace(dataset, train=[*dataset.train[:3], sphere_capture(4, 0).train[3]])
    with pytest.raises(ExportError, match="view v000 is a fisheye's and view v003 isn't"):
        export("nerfstudio", write_capture(tmp_path / "mixed", mixed), tmp_path / "none")
    assert not (tmp_path / "none").exists()
