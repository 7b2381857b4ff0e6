"""OpenEXR files as the extension writes and reads them, as Blender and the engine do, and damaged ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from random_pictures import random_picture

ENGINE_PYTHON = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable

Import = Callable[[str], ModuleType]


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (16, 5), (37, 53)])
def test_exr_files_are_read_back_to_the_bit(addon: Import, tmp_path: Path, kind: type, shape: tuple[int, int]) -> None:
    exr = addon("picture_files.exr")
    random = np.random.default_rng(0)
    noise = random.random(shape).astype(kind)
    noise[0, 0] = np.inf
    channels = {"R": noise, "A": np.ones(shape, kind), "Z": np.full(shape, np.inf, np.float32)}
    exr.write_exr(tmp_path / "picture.exr", channels)
    read = exr.read_exr(tmp_path / "picture.exr")
    assert sorted(read) == ["A", "R", "Z"]
    for name, plane in channels.items():
        np.testing.assert_array_equal(read[name], plane)
        assert read[name].dtype == plane.dtype
    assert [path.name for path in tmp_path.iterdir()] == ["picture.exr"]


@pytest.mark.parametrize("codec", ["ZIP", "PIZ", "NONE"])
def test_exr_files_that_blender_writes_are_read(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, codec: str
) -> None:
    pixels = random_picture(1, 20, 30).astype(np.float32)
    image = bpy.data.images.new("Picture", 30, 20, alpha=True, float_buffer=True)
    image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1]).reshape(-1))
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "16"
    settings.exr_codec = codec
    image.save_render(str(tmp_path / "picture.exr"), scene=scene)
    channels = addon("picture_files.exr").read_exr(tmp_path / "picture.exr")
    np.testing.assert_allclose(np.stack([channels[name] for name in "RGBA"], axis=2), pixels, atol=1e-3)


def test_the_engine_reads_what_is_written_here(addon: Import, tmp_path: Path) -> None:
    color, depth = random_picture(2, 20, 30), np.full((20, 30), np.inf, np.float32)
    channels = {name: color[..., i] for i, name in enumerate("RGBA")}
    addon("picture_files.exr").write_exr(tmp_path / "color.exr", channels)
    addon("picture_files.exr").write_exr(tmp_path / "depth.exr", {"V": depth})
    code = (
        "import sys, numpy as np; from pathlib import Path; from engine.data.exr import read_exr; "
        "folder = Path(sys.argv[1]); np.save(folder / 'color.npy', read_exr(folder / 'color.exr')['RGBA']); "
        "np.save(folder / 'depth.npy', read_exr(folder / 'depth.exr')['V'])"
    )
    subprocess.run([ENGINE_PYTHON, "-P", "-c", code, str(tmp_path)], check=True, timeout=120)
    for name, pixels in (("color", color), ("depth", depth)):
        read = np.load(tmp_path / f"{name}.npy")
        assert read.dtype == pixels.dtype
        np.testing.assert_array_equal(read, pixels)


def test_a_blender_without_openimageio_says_what_to_install(
    planned_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)  # Python's way to say that there is none
    with pytest.raises(RuntimeError, match=r"comes without OpenImageIO .*python3-openimageio"):
        bpy.ops.hashlight.capture()
    assert not list(tmp_path.rglob("*.exr"))


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_exr_file_is_one_clear_error(addon: Import, tmp_path: Path, damage: str) -> None:
    exr = addon("picture_files.exr")
    path = tmp_path / "broken.exr"
    exr.write_exr(path, {name: np.random.default_rng(0).random((40, 40)).astype(np.float16) for name in "RGBA"})
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"no picture at all", "empty": b""}[damage])
    with pytest.raises(addon("capture.errors").CaptureError, match=r"broken\.exr: .*OpenEXR"):
        addon("capture.captured_views").read_truth(path)
