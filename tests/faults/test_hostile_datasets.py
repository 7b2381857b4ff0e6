"""Datasets made to break their reader: each ends in one line that names the file, and none takes memory to find out."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from engine.cli import main
from engine.data.depth_images import read_depth
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from engine.data.images import read_color, read_header
from engine.data.masks import read_mask
from tests.engine.data.scenes import edit_first_frame, write_transforms

LONG = int("9" * 400)
NO_PICTURES = [
    b"",
    b"%!PS-Adobe EPSF\n(a) (w) file",
    b"#EXTM3U\nhttp://127.0.0.1/x\n",
    b"\x80\x04cos\nsystem\n.",
    b"II*\0" + b"\xff" * 100,
    b"v/1\x01" + b"\xff" * 50,
    b"\xff\xd8\xff\xe1" + b"\xff" * 80,
]
NO_NUMBERS = [LONG, -LONG, 1e300, "1", True, [1], {"a": 1}]


def expect_refusal(path: Path, *words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < 600
    for word in words:
        assert word in message


def write_png_bomb(path: Path, width: int = 50_000, height: int = 50_000, grey: bool = True) -> None:
    """A PNG that unpacks to gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16 if grey else 8, 0 if grey else 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def write_exr_bomb(path: Path, side: int) -> None:
    """A small EXR whose header says that it is ``side`` pixels wide and high."""
    write_exr(path, {"RGBA": np.zeros((4, 4, 4), np.float16)})
    data = bytearray(path.read_bytes())
    for window in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        at = data.index(window) + len(window) + 4
        data[at : at + 16] = struct.pack("<4i", 0, 0, side - 1, side - 1)
    path.write_bytes(data)


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize(
    "field", ["w", "h", "fl_x", "fl_y", "cx", "cy", "k1", "p2", "camera_angle_x", "x_fov", "aabb_scale", "scale",
              "integer_depth_scale", "depth_unit_scale_factor"]
)  # fmt: skip
def test_what_is_no_number(tmp_path: Path, field: str, value: Any) -> None:
    write_transforms(tmp_path, **{"aabb_scale": 1, field: value})
    expect_refusal(tmp_path, field)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_in_a_list(tmp_path: Path, value: Any) -> None:
    write_transforms(tmp_path, aabb=[[-1, -1, value], [1, 1, 1]])
    expect_refusal(tmp_path, "aabb")
    write_transforms(tmp_path, offset=[0.5, value, 0.5])
    expect_refusal(tmp_path, "offset")
    write_transforms(tmp_path, aabb_scale=1, distortion_params=[value, 0, 0, 0, 0, 0])
    expect_refusal(tmp_path, "distortion_params")
    values = write_transforms(tmp_path, aabb_scale=1)
    matrix = values["frames"][0]["transform_matrix"]
    matrix[1][3] = value
    edit_first_frame(tmp_path / "transforms.json", transform_matrix=matrix)
    expect_refusal(tmp_path, "frame 0", "transform_matrix")


@pytest.mark.parametrize("value", [["OPENCV"], {"model": 1}, 7, "x" * 5000, "a\0b", True])
@pytest.mark.parametrize("field", ["camera_model", "file_path", "depth_file_path", "mask_path", "color_space"])
def test_what_is_no_text(tmp_path: Path, field: str, value: Any) -> None:
    write_transforms(tmp_path, aabb_scale=1, **({field: value} if field == "color_space" else {}))
    if field != "color_space":
        edit_first_frame(tmp_path / "transforms.json", **{field: value})
    expect_refusal(tmp_path, "file_path" if field == "file_path" else field)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'{"frames": [], "w": ' + b"9" * 20_000 + b"}", "digits"),
        (b'{"frames": ' + b"[" * 100_000, "nested"),
        (b'{"a": ' * 100_000, "nested"),
        (b'{"frames": {"0": 1}}', "list"),
        (b'{"frames": [null]}', "no views"),
        (b'{"frames": [[1]]}', "frame 0"),
        (b'{"frames": [' + b"1," * 70_000 + b"1]}", "70001 items"),
        (b"\x00" * 100, "JSON"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "transforms.json").write_bytes(content)
    expect_refusal(tmp_path, word)


def test_a_list_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "transforms.json").open("wb") as file:
        file.truncate(1 << 30)
    expect_refusal(tmp_path, "1024 MB")


def test_text_that_cannot_be_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    edit_first_frame(tmp_path / "transforms.json", file_path="\ud800.png")
    assert main(["import", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    edit_first_frame(tmp_path / "transforms.json", file_path="\x1b[31m\n.png")
    assert main(["import", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("read", [read_header, read_color, read_mask, lambda path: read_depth(path, 0.001)])
class TestBombs:
    """Refused by what their headers say."""

    @pytest.mark.parametrize("size", [(50_000, 50_000), (16_384, 16_384), (2_000_000_000, 1)])
    def test_png(self, tmp_path: Path, read: Callable[[Path], Any], size: tuple[int, int]) -> None:
        write_png_bomb(tmp_path / "a.png", *size)
        with pytest.raises(DatasetError, match=r"a\.png"):
            read(tmp_path / "a.png")

    @pytest.mark.parametrize("side", [16_384, 100_000, 2**31 - 1])
    def test_exr(self, tmp_path: Path, read: Callable[[Path], Any], side: int) -> None:
        write_exr_bomb(tmp_path / "a.exr", side)
        with pytest.raises(DatasetError, match=r"a\.exr"):
            read(tmp_path / "a.exr")

    @pytest.mark.parametrize(
        "size", [b"-Y 99999 +X 99999", b"-Y " + b"9" * 400 + b" +X 4", b"-Y x +X 4", b"-Y -4 +X 4", b"-Y 0 +X 4"]
    )
    def test_hdr(self, tmp_path: Path, read: Callable[[Path], Any], size: bytes) -> None:
        (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\n\n" + size + b"\n" + bytes([2, 2, 0, 4]) + bytes(64))
        with pytest.raises(DatasetError, match=r"a\.hdr"):
            read(tmp_path / "a.hdr")

    def test_numpy(self, tmp_path: Path, read: Callable[[Path], Any]) -> None:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16384, 16384), }"
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"
        for content in (data, data.replace(b"16384", b"99999"), b"\x93NUMPY\x01\x00\xff\xff(", b"\x80\x04."):
            (tmp_path / "a.npy").write_bytes(content)
            with pytest.raises(DatasetError, match=r"a\.npy"):
                read(tmp_path / "a.npy")


def test_a_legal_hdr_size_with_nothing_behind_it_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\n\n-Y 8192 +X 16384\n" + bytes([2, 2, 64, 0]) + bytes(64))
    with pytest.raises(DatasetError, match="cut off"):
        read_color(tmp_path / "a.hdr")


def test_a_bomb_as_depth_is_refused_before_other_pictures_are_decoded(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    write_png_bomb(tmp_path / "d.png")
    edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
    (tmp_path / "0001.png").write_bytes((tmp_path / "0001.png").read_bytes()[:-40])  # whose decoding would fail
    with pytest.raises(DatasetError, match=r"d\.png"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.exr", "a.hdr", "a.npy", "a.webp"])
def test_pictures_that_are_something_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in NO_PICTURES:
        path.write_bytes(content)
        for read in (read_header, read_color, read_mask, lambda path: read_depth(path, 0.001)):
            with pytest.raises(DatasetError, match=r"a\."):
                read(path)


def test_damaged_files_of_every_kind_end_in_words(tmp_path: Path) -> None:
    """3,000 files with bytes changed, cut or put in: read, or refused by a DatasetError."""
    rng, pixels = random.Random(5), np.random.default_rng(5).integers(0, 255, (12, 16, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("png", "jpg", "webp", "tif", "bmp"):
        Image.fromarray(pixels).save(tmp_path / f"whole.{suffix}", **({"exif": exif} if suffix != "bmp" else {}))
    several = [Image.fromarray(pixels // part) for part in (1, 2, 3)]
    several[0].save(tmp_path / "whole.gif", save_all=True, append_images=several[1:])
    deep = pixels.astype(np.uint16) * 257
    planes = {"planarconfig": "separate", "photometric": "rgb"}
    tifffile.imwrite(tmp_path / "whole.planes.tif", np.moveaxis(deep, 2, 0), **planes)
    tifffile.imwrite(tmp_path / "whole.double.tif", deep[..., 0].astype(np.float64))
    tifffile.imwrite(tmp_path / "whole.white.tif", deep[..., 0], photometric="miniswhite")
    write_exr(tmp_path / "whole.exr", {"RGBA": np.ones((12, 16, 4), np.float16)})
    np.save(tmp_path / "whole.npy", np.ones((12, 16), np.float32))
    hdr = b"#?RADIANCE\nEXPOSURE=2.0\n\n-Y 12 +X 16\n" + (bytes([2, 2, 0, 16]) + bytes([128 + 16, 9]) * 4) * 12
    (tmp_path / "whole.hdr").write_bytes(hdr)
    for whole in sorted(tmp_path.glob("whole.*")):
        data = whole.read_bytes()
        path = tmp_path / f"damaged{whole.suffix}"
        for _ in range(250):
            changed = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(changed))
                what = rng.randrange(3)
                if what == 0:
                    changed[at] = rng.randrange(256)
                elif what == 1:
                    del changed[at : at + rng.randint(1, 40)]
                else:
                    changed[at:at] = rng.randbytes(rng.randint(1, 8))
                if not changed:
                    break
            path.write_bytes(changed)
            for read in (read_header, read_color, read_mask, lambda path: read_depth(path, 0.001)):
                try:
                    read(path)
                except DatasetError as error:
                    assert path.name in str(error) and "\n" not in str(error)


def test_mutated_lists_end_in_words(tmp_path: Path) -> None:
    """1,000 lists with values of other kinds in any place: loaded, or refused by a DatasetError."""
    whole = write_transforms(
        tmp_path, count=2, aabb=[[-1, -1, -1], [1, 1, 1]], k1=0.1, val_filenames=["0001.png"], camera_model="OPENCV"
    )
    rng = random.Random(7)
    values = [None, True, -1, 0, 1e300, LONG, "", "x", "\ud800", "a\0", [], {}, [[]], [1, [2]], float("nan"), 1e-320]

    def mutate(value: Any) -> Any:
        if isinstance(value, dict | list) and value and rng.random() < 0.85:
            copy = dict(value) if isinstance(value, dict) else list(value)
            key = rng.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
            copy[key] = mutate(copy[key])
            return copy
        return rng.choice(values)

    loaded = 0
    for _ in range(1000):
        (tmp_path / "transforms.json").write_text(json.dumps(mutate(whole)))
        try:
            load_dataset(tmp_path)
            loaded += 1
        except DatasetError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)
    assert 20 < loaded < 900
