"""The commands on a mesh: learnt, scored, gone on with and shown; and what is said of one that can't be learnt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.data.meshes import load_mesh
from engine.exporting.mesh import write_mesh
from engine.runs import read_info
from tests.device import TEST_DEVICE
from tests.engine.primitives.signed_distance.test_signed_distance import torus

pytestmark = pytest.mark.slow
ON_DEVICE = ["--device", TEST_DEVICE]


def test_a_mesh_is_learnt_scored_gone_on_with_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh, run, frames = tmp_path / "torus.ply", tmp_path / "run", tmp_path / "frames"
    write_mesh(torus(), mesh)
    command = ["train", str(mesh), "--primitive", "signed-distance", "--out", str(run), "--preset", "cpu", *ON_DEVICE]
    assert main([*command, "--steps", "10"]) == 0
    info = read_info(run)
    assert [each["split"] for each in info["data"]["meshes"]] == ["train", "test"]
    assert main(["train", str(mesh), "--out", str(run), "--resume", "--steps", "30", *ON_DEVICE]) == 0
    assert "IoU" in capsys.readouterr().out
    last = read_info(run)["history"][-1]
    assert last["step"] == 30 and last["iou"] > 0.3
    assert main(["eval", str(run), "--json", *ON_DEVICE]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["iou"] == pytest.approx(last["iou"], abs=1e-3)
    command = ["render", str(run), "--turntable", "--frames", "1", "--size", "48x48", "--out", str(frames), *ON_DEVICE]
    assert main(command) == 0
    (picture,) = frames.glob("*.png")
    alpha = np.asarray(Image.open(picture))[..., 3]
    assert 0.05 < (alpha > 127).mean() < 0.9

    surface = tmp_path / "surface.glb"
    command = ["export", str(run), "--to", "mesh", "--out", str(surface), *ON_DEVICE]
    assert main([*command, "--cells", "24"]) == 0
    plain = load_mesh(surface)[0]
    assert main([*command, "--cells", "24", "--offset", "0.05", "--overwrite"]) == 0
    assert (load_mesh(surface)[0].box[1] > plain.box[1]).any() and (tmp_path / "surface.glb-former-1").is_file()
    capsys.readouterr()
    joined = [*command, "--cells", "24", "--offset", "2", "--overwrite", "--json", "--join", str(run)]
    assert main([*joined, "--join-radius", "0.1"]) == 0
    *progress, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert progress[-1]["stage"] == "Finding" and progress[-1]["done"] == progress[-1]["total"]
    assert result["file"] == str(surface) and result["triangles"] > 0
    assert "cut off flat there: they leave about 0.14 around the mesh" in result["warnings"][0]
    assert main(command) == 1 and "surface.glb is there already" in capsys.readouterr().err
    assert main([*command[:-3], str(tmp_path / "a.txt"), *ON_DEVICE]) == 1
    assert "a.txt: a mesh is written as .ply" in capsys.readouterr().err
    assert main([*command[:-3], str(tmp_path / "none" / "a.ply"), *ON_DEVICE]) == 1
    assert f"{tmp_path / 'none'}: there is no such folder" in capsys.readouterr().err


def test_what_says_nothing_of_the_export_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(tmp_path), "--out", str(tmp_path / "a.ply"), "--to"]
    assert main([*command, "mesh", "--text", "--points", "0", "--holdout", "8", "--images", "png"]) == 1
    assert "--images, --points, --text, --holdout: not for --to mesh: leave them out" in capsys.readouterr().err
    assert main([*command, "colmap", "--cells", "256", "--offset", "0"]) == 1
    assert "--cells, --offset: not for --to colmap" in capsys.readouterr().err
    assert main([*command, "nerfstudio", "--join-radius", "1"]) == 1
    assert "--join-radius: not for --to nerfstudio: leave it out" in capsys.readouterr().err


def test_what_cant_be_learnt_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.obj"
    path.write_text("v 0 0 0\n")
    command = ["train", str(path), "--primitive", "signed-distance", "--out", str(tmp_path / "run"), *ON_DEVICE]
    assert main(command) != 0
    assert f"{path}: it has no faces" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert main([*command, "--field", "nerf"]) != 0
    assert "has no field to choose" in capsys.readouterr().err
