"""Images of any size, read in bands: what is read is what is in the file, and what can't be is told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenEXR
import OpenImageIO
import pytest
import tifffile
from PIL import Image

from engine.data.dataset import DatasetError
from engine.data.image_file import ImageFile

COLORS = np.random.default_rng(1).integers(0, 256, (40, 70, 4), dtype=np.uint8)
LIGHT = (COLORS / 64.0).astype(np.float16)


def write_tiled_exr(path: Path, pixels: npt.NDArray[np.float16], **attributes: str) -> None:
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
    spec.tile_width = spec.tile_height = 16
    for name, value in attributes.items():
        spec.attribute(name, value)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(pixels) and output.close()


def write_hdr(path: Path) -> None:
    spec = OpenImageIO.ImageSpec(70, 40, 3, "float")
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(LIGHT[..., :3].astype(np.float32)) and output.close()


WRITERS: dict[str, tuple[Callable[[Path], object], npt.NDArray[np.generic], float]] = {
    "rgb.png": (lambda path: Image.fromarray(COLORS[..., :3]).save(path), COLORS[..., :3], 0.0),
    "alpha.png": (lambda path: Image.fromarray(COLORS).save(path), COLORS, 0.0),
    "grey.png": (lambda path: Image.fromarray(COLORS[..., 0]).save(path), COLORS[..., [0, 0, 0]], 0.0),
    "tiled.tif": (
        lambda path: tifffile.imwrite(path, COLORS[..., :3], tile=(16, 32), compression="zlib"),
        COLORS[..., :3],
        0.0,
    ),
    "deep.tif": (
        lambda path: tifffile.imwrite(path, COLORS[..., :3].astype(np.uint16) * 257, photometric="rgb"),
        COLORS[..., :3] / 255.0,
        1e-3,
    ),
    "planes.tif": (
        lambda path: tifffile.imwrite(
            path, np.moveaxis(COLORS[..., :3], 2, 0), planarconfig="separate", photometric="rgb"
        ),
        COLORS[..., :3],
        0.0,
    ),
    "float.tif": (
        lambda path: tifffile.imwrite(path, LIGHT[..., :3].astype(np.float32), photometric="rgb"),
        LIGHT[..., :3],
        0.0,
    ),
    "lines.exr": (lambda path: OpenEXR.File({}, {"RGBA": LIGHT}).write(str(path)), LIGHT, 0.0),
    "tiled.exr": (lambda path: write_tiled_exr(path, LIGHT), LIGHT, 0.0),
    "light.hdr": (write_hdr, LIGHT[..., :3], 0.03),
    "bytes.npy": (lambda path: np.save(path, COLORS[..., :3]), COLORS[..., :3], 0.0),
    "light.npy": (lambda path: np.save(path, LIGHT.astype(np.float32)), LIGHT, 0.0),
}


@pytest.mark.parametrize("name", WRITERS)
def test_bands_are_what_is_in_the_file(tmp_path: Path, name: str) -> None:
    write, expected, off = WRITERS[name]
    write(tmp_path / name)
    file = ImageFile(tmp_path / name)
    header = file.header
    assert (header.width, header.height, header.channels) == (70, 40, expected.shape[2])
    is_light = expected.dtype == np.float16
    assert header.color_space == ("linear" if is_light else "srgb")
    bands = list(file.bands(rows=7))
    assert [first for first, _ in bands] == [0, 7, 14, 21, 28, 35]
    whole = np.concatenate([pixels for _, pixels in bands])
    assert whole.dtype == header.dtype
    error = np.abs(whole.astype(np.float64) - expected.astype(np.float64))
    assert (error <= off * np.maximum(expected.astype(np.float64), 0.1)).all()
    assert np.array_equal(file.rows(9, 23), whole[9:23]) and np.array_equal(file.rows(3, 4), whole[3:4])


def test_no_tile_is_read_twice_for_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.image_file.BAND_BYTES", 70 * 4 * 4 * 20)  # 20 rows
    write_tiled_exr(tmp_path / "tiled.exr", LIGHT)
    assert [first for first, _ in ImageFile(tmp_path / "tiled.exr").bands()] == [0, 16, 32]
    np.save(tmp_path / "light.npy", LIGHT)
    assert [first for first, _ in ImageFile(tmp_path / "light.npy").bands()] == [0, 20]


def test_straight_alpha_and_that_which_colour_is_premultiplied_with_are_told_apart(tmp_path: Path) -> None:
    Image.fromarray(COLORS).save(tmp_path / "straight.png")
    write_tiled_exr(tmp_path / "premultiplied.exr", LIGHT)
    assert ImageFile(tmp_path / "straight.png").header.is_straight
    assert not ImageFile(tmp_path / "premultiplied.exr").header.is_straight


def test_only_the_display_window_of_an_exr_is_seen(tmp_path: Path) -> None:
    header = {
        "dataWindow": (np.array([5, 3], np.int32), np.array([74, 42], np.int32)),
        "displayWindow": (np.array([0, 10], np.int32), np.array([39, 59], np.int32)),
    }
    OpenEXR.File(header, {"RGBA": LIGHT}).write(str(tmp_path / "cropped.exr"))
    file = ImageFile(tmp_path / "cropped.exr")
    assert (file.header.width, file.header.height) == (40, 50)
    expected = np.zeros((50, 40, 4), np.float16)
    expected[:33, 5:] = LIGHT[7:, :35]
    assert np.array_equal(np.concatenate([pixels for _, pixels in file.bands(rows=9)]), expected)


def test_what_a_file_says_of_itself_is_told(tmp_path: Path) -> None:
    picture = Image.fromarray(COLORS[..., :3])
    exif = picture.getexif()
    exif[0x112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    turned = ImageFile(tmp_path / "turned.jpg").header
    assert turned.orientation == 6 and turned.turned_size == (40, 70)
    write_tiled_exr(tmp_path / "tile.exr", LIGHT, wrapmodes="periodic,periodic")
    assert ImageFile(tmp_path / "tile.exr").header.wraps
    tifffile.imwrite(tmp_path / "two.tif", np.stack([COLORS[..., :3]] * 2), photometric="rgb")
    assert ImageFile(tmp_path / "two.tif").header.unused == ("pictures after the first",)


def _write_nan(path: Path) -> None:
    pixels = LIGHT.copy()
    pixels[33, 5, 1] = np.nan
    OpenEXR.File({}, {"RGBA": pixels}).write(str(path))


def _cut_off(path: Path) -> None:
    Image.fromarray(COLORS).save(path)
    path.write_bytes(path.read_bytes()[:6000])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.png": (lambda path: None, "the image is missing"),
    "folder.png": (lambda path: path.mkdir(), "it is no file"),
    "empty.tif": (lambda path: path.touch(), "it is empty"),
    "words.png": (lambda path: path.write_text("hello"), "the image can't be read"),
    "cut_off.png": (_cut_off, "cut off or damaged: rows"),
    "nan.exr": (_write_nan, "it has NaN or infinity, first in column 5 of row 33"),
    "depth.exr": (
        lambda path: OpenEXR.File({}, {"Z": LIGHT[..., 0].copy(), "id": LIGHT[..., 1].copy()}).write(str(path)),
        "no RGB channels in it, only Z, id",
    ),
    "words.npy": (lambda path: path.write_text("hello"), "not a numpy file that can be read"),
    "whole.npy": (lambda path: np.save(path, np.zeros((4, 4, 3), np.int64)), "got int64 [4, 4, 3]"),
    "flat.npy": (lambda path: np.save(path, np.zeros((0, 4, 3), np.uint8)), "it has no pixels (4x0)"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_read_is_named_with_its_fault(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    write(tmp_path / name)
    with pytest.raises(DatasetError) as error:
        for _ in ImageFile(tmp_path / name).bands():
            pass
    assert str(error.value).startswith(f"{tmp_path / name}: ") and words in str(error.value)


def test_an_image_that_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (2_000_000, 20_000, 3)}
        )
        file.truncate(file.tell() + 120_000_000_000)  # a hole: it takes no room
    with pytest.raises(DatasetError, match="20000x2000000 pixels are too large: at most 1048576 a side"):
        ImageFile(tmp_path / "huge.npy")
