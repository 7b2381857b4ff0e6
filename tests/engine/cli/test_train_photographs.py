"""A folder of photographs as instant-ngp's fox is one: opaque JPEGs, a list that names more of them than there are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import orbit_camera, sphere_view, write_json

pytestmark = pytest.mark.slow
LISTED, THERE, SIZE = 67, 50, 36
WALL = np.array([150, 138, 120])


def write_fox(folder: Path) -> Path:
    """The sphere before a wall, photographed as instant-ngp's fox was, with the fields that its list has."""
    (folder / "images").mkdir(parents=True)
    frames = []
    for index in range(LISTED):
        view = sphere_view(index, LISTED, "srgb", SIZE)
        name = f"images/{index + 1:04d}.jpg"
        if index % 4 or index < LISTED - 4 * (LISTED - THERE):  # the missing ones lie between the others
            alpha = view.color[..., 3:] / 255.0
            picture = view.color[..., :3] * alpha + WALL * (1.0 - alpha)
            Image.fromarray(picture.astype(np.uint8)).save(folder / name, quality=95)
        pose = view.camera.camera_to_world.tolist()
        frames.append({"file_path": f"./{name}", "sharpness": 20.0 + index, "transform_matrix": pose})
    camera = orbit_camera(0, LISTED, SIZE)
    angle = float(2 * np.arctan(0.5 * SIZE / camera.fx))
    values = {"camera_angle_x": angle, "camera_angle_y": angle, "fl_x": camera.fx, "fl_y": camera.fy}
    values |= {"k1": 0.0001, "k2": -0.0002, "p1": 0.0, "p2": 0.0, "cx": camera.cx, "cy": camera.cy}
    values |= {"w": float(SIZE), "h": float(SIZE), "aabb_scale": 4, "frames": frames}
    write_json(folder / "transforms.json", values)
    return folder


def test_it_trains_as_it_lies_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fox, run = write_fox(tmp_path / "fox"), str(tmp_path / "run")
    assert len(list((fox / "images").iterdir())) == THERE
    command = ["train", str(fox), "--out", run, "--steps", "150", "--holdout", "8", "--device", TEST_DEVICE]
    assert main(command) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "missing" in line]
    assert len(warnings) == 1 and f"{LISTED - THERE} of {LISTED}" in warnings[0]

    assert main(["eval", run, "--json", "--device", TEST_DEVICE]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert len(scores["views"]) == 7
    pictures = [np.asarray(Image.open(path)) / 255.0 for path in sorted((fox / "images").iterdir())]
    mean = np.mean(pictures, axis=(0, 1, 2))
    plain = np.mean([-10 * np.log10(np.mean((picture - mean) ** 2)) for picture in pictures])
    assert scores["psnr"] > plain + 5.0

    # What is held out stays so, whether or not it is said again.
    assert main(["train", str(fox), "--out", run, "--steps", "160", "--resume", "--device", TEST_DEVICE]) == 0
    info = json.loads((Path(run) / "run.json").read_text())
    splits = [view["split"] for view in info["data"]["views"]]
    assert (splits.count("train"), splits.count("test"), info["holdout"]) == (THERE - 7, 7, 8)
    assert main([*command[:5], "170", "--holdout", "4", "--resume", "--device", TEST_DEVICE]) == 1
    assert "was begun with 8" in capsys.readouterr().err
