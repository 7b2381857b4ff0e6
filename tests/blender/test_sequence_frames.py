"""The frames of a bake as they are drawn in Solid and Wireframe shading: which file, and what is in it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


def _picture(height: int, width: int, channels: int) -> np.ndarray:
    """Smooth in one half and noise in the other, so that every kind of difference is the best for some row."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    planes = [(x * (3 + c) + y * (5 - c)) % 256 for c in range(channels)]
    picture = np.stack(planes, axis=2).astype(np.uint8)
    picture[height // 2 :] = rng.integers(0, 256, picture[height // 2 :].shape)
    return picture


def _encode(picture: np.ndarray, kinds: list[int]) -> bytes:
    """A PNG whose rows take turns in the ``kinds`` of differences, by the letter of the standard."""
    height, width, channels = picture.shape
    lines = bytearray()
    for row in range(height):
        kind = kinds[row % len(kinds)]
        lines.append(kind)
        for column in range(width):
            for channel in range(channels):
                left = int(picture[row, column - 1, channel]) if column else 0
                up = int(picture[row - 1, column, channel]) if row else 0
                corner = int(picture[row - 1, column - 1, channel]) if row and column else 0
                guess = left + up - corner
                nearest = min((left, up, corner), key=lambda value: abs(guess - value))
                expected = (0, left, up, (left + up) // 2, nearest)[kind]
                lines.append((int(picture[row, column, channel]) - expected) % 256)
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    packed = zlib.compress(bytes(lines))
    chunks = ((b"IHDR", header), (b"IDAT", packed[:100]), (b"IDAT", packed[100:]), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kinds", [[0], [1], [2], [0, 1, 2], [3], [4], [4, 3, 2, 1, 0]])
@pytest.mark.parametrize("size", [(9, 14), (14, 9), (1, 5), (5, 1)])
def test_a_png_is_read_whatever_its_rows_are_differences_to(
    addon: Import, tmp_path: Path, channels: int, kinds: list[int], size: tuple[int, int]
) -> None:
    picture = _picture(*size, channels)
    (tmp_path / "picture.png").write_bytes(_encode(picture, kinds))
    found = addon("picture_files.png").read_png(tmp_path / "picture.png")
    np.testing.assert_array_equal(found, picture)


@pytest.mark.parametrize(
    "harm", [lambda png: png[:-40], lambda png: b"GIF" + png[3:], lambda png: png[:20], lambda _: b""]
)
def test_what_is_no_whole_png_is_refused(addon: Import, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    (tmp_path / "picture.png").write_bytes(harm(_encode(_picture(9, 14, 4), [2])))
    with pytest.raises(ValueError, match="can't be read as PNG"):
        addon("picture_files.png").read_png(tmp_path / "picture.png")


def test_a_png_that_unpacks_to_gigabytes_is_refused_by_its_header(addon: Import, tmp_path: Path) -> None:
    png = _encode(_picture(9, 14, 4), [2])
    header = b"IHDR" + struct.pack(">II", 32_000, 32_000) + png[24:29]
    (tmp_path / "picture.png").write_bytes(png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:])
    with pytest.raises(ValueError, match="32000x32000 pixels of 4 channels"):
        addon("picture_files.png").read_png(tmp_path / "picture.png")


def _save(path: Path, picture: np.ndarray, file_format: str) -> np.ndarray:
    """Have Blender write a picture [H, W, 4] float32, rows from the bottom up, and read it again."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new("frame", width, height, alpha=True, float_buffer=file_format == "OPEN_EXR")
    image.pixels.foreach_set(picture.reshape(-1))
    image.filepath_raw, image.file_format = str(path), file_format
    image.save()
    bpy.data.images.remove(image)
    again = bpy.data.images.load(str(path))
    pixels = np.empty(picture.size, np.float32)
    again.pixels.foreach_get(pixels)
    bpy.data.images.remove(again)
    return pixels.reshape(picture.shape)


def test_a_png_frame_is_what_the_material_makes_of_it(addon: Import, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    picture = rng.uniform(size=(20, 31, 4)).astype(np.float32)
    stored = _save(tmp_path / "frame_0001.png", picture, "PNG")
    size, pixels = addon("preview.sequence_frames").read_frame(tmp_path / "frame_0001.png")
    assert size == (31, 20)
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    alpha = stored[..., 3:]
    expected = np.concatenate([linear[..., :3] * alpha, alpha], axis=2)
    np.testing.assert_allclose(pixels.reshape(20, 31, 4), expected, atol=1e-5)


def test_an_exr_frame_is_taken_as_it_is(addon: Import, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    color = rng.uniform(0.0, 3.0, (20, 31, 4)).astype(np.float16)
    channels = {name: color[..., i] for i, name in enumerate("RGBA")}
    addon("picture_files.exr").write_exr(tmp_path / "frame_0001.exr", channels | {"Z": np.ones((20, 31), np.float32)})
    size, pixels = addon("preview.sequence_frames").read_frame(tmp_path / "frame_0001.exr")
    assert size == (31, 20)
    np.testing.assert_array_equal(pixels.reshape(20, 31, 4)[::-1], color)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
@pytest.mark.parametrize("suffix", ["png", "exr"])
def test_a_frame_that_is_no_good_is_refused(addon: Import, tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"frame_0001.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="can't be read as"):
        addon("preview.sequence_frames").read_frame(path)


@pytest.mark.parametrize(
    ("cyclic", "expected"),
    [
        (False, {9: None, 10: 3, 11: 4, 12: 5, 13: 5, 99: 5}),
        (True, {8: 4, 9: 5, 10: 3, 11: 4, 12: 5, 13: 3, 100: 3}),
    ],
)
def test_the_file_of_a_frame_is_the_one_that_blender_shows(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, cyclic: bool, expected: dict[int, int | None]
) -> None:
    files = [tmp_path / f"frame_{number:04d}.png" for number in (3, 4, 5)]
    for file in files:
        _save(file, np.ones((2, 2, 4), np.float32), "PNG")
    plane = addon("bake.sequence").show_sequence(small_scene, files, 10, cyclic)
    node = addon("preview.material").find_picture_node(plane)
    find = addon("preview.sequence_frames").find_frame_file
    for frame, number in expected.items():
        file = find(node, frame)
        assert file == (None if number is None else files[number - 3])
        if file is None:
            continue
        small_scene.frame_set(frame)
        evaluated = plane.evaluated_get(bpy.context.evaluated_depsgraph_get())
        user = addon("preview.material").picture_node(evaluated.active_material).image_user
        assert user.frame_current == number, "Blender's own opinion"
