"""Files of scenes for the path tracer: what was written comes back, and whatever else there is gets clear words."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.link.path_scenes import PathSceneData, PathSceneError, load_path_scene, save_path_scene
from tests.path_scene_data import one_square


def _with_arrays(path: Path, **arrays: Any) -> Path:
    """The file with some of its arrays replaced, or left out where they are None."""
    with np.load(path) as file:
        members = {name: file[name] for name in file.files} | arrays
    np.savez(path, **{name: array for name, array in members.items() if array is not None})
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_path_scene(tmp_path / "path_scene.npz", one_square())
    return tmp_path / "path_scene.npz"


def test_a_scene_comes_back_as_it_was(file: Path) -> None:
    written, read = one_square(), load_path_scene(file)
    for field in dataclasses.fields(PathSceneData):
        if field.name != "camera":
            assert np.array_equal(getattr(read, field.name), getattr(written, field.name)), field.name
    assert read.camera.to_json() == written.camera.to_json()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"corners": np.full((2, 3, 3), np.nan, np.float32)}, r"corners: nan at \[0, 0, 0\] is outside"),
        ({"corners": np.zeros((0, 3, 3), np.float32)}, "normals: expected .*: 2 instead of 0"),
        ({"corners": np.zeros((2, 3, 3))}, "corners: expected float32 .*, got float64"),
        ({"roughness": np.array([1.5], np.float32)}, r"roughness: 1.5 at \[0\] is outside 0..1"),
        ({"material_ids": np.array([0, 1], np.int32)}, "material_ids: 1 is named, and there are 1 materials"),
        (
            {"material_textures": np.full((1, 5), 2, np.int32)},
            "material_textures: 2 is named, and there are 1 textures",
        ),
        ({"texture_sizes": np.array([[2, 3]], np.int32)}, "texels: 4 pixels, and texture_sizes has room for 6"),
        ({"environment": np.zeros((0, 4, 3), np.float32)}, "environment: a picture without pixels"),
        ({"sun_directions": np.array([[0.0, 0.0, 0.5]], np.float32)}, "sun_directions: sun 0 has no unit direction"),
        ({"format": np.int32(9)}, "format 9, and this version reads 1"),
        ({"uvs": None}, "uvs: isn't there"),
        ({"more": np.zeros(3)}, "more: isn't known"),
        ({"camera": np.frombuffer(b"{}", np.uint8)}, "camera: "),
        ({"camera": np.frombuffer(b"[1", np.uint8)}, "can't be read as a scene"),
    ],
)
def test_what_is_wrong_is_named(file: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PathSceneError, match=rf"path_scene\.npz: .*{words}"):
        load_path_scene(_with_arrays(file, **changes))


def test_an_array_that_says_it_is_larger_than_it_is_is_never_read(file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (49_000_000, 3, 3)})
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {"corners.npy": header.getvalue()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(PathSceneError, match="corners: packed, or not as large as it says"):
        load_path_scene(file)


def test_what_is_no_scene_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PathSceneError, match="there is no such file"):
        load_path_scene(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(PathSceneError, match=r"text\.npz: can't be read as a scene"):
        load_path_scene(tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", corners=np.array([object()]))
    with pytest.raises(PathSceneError, match=r"objects\.npz"):
        load_path_scene(tmp_path / "objects.npz")
