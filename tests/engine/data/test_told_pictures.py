"""What picture files say besides their pixels is followed or told, and what can't be shown right is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image, ImageCms

from engine.data.formats import DatasetError, load_dataset
from engine.data.images import read_color
from tests.engine.data.scenes import edit_first_frame, write_json, write_transforms

SIZE = 24


def gradient(dtype: Any, channels: int = 1) -> np.ndarray:
    """Numbers over the whole range of ``dtype``, or from 0 to 1: [H, W] or [H, W, channels]."""
    most = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    line = np.linspace(0.0, float(most), SIZE * SIZE).astype(dtype).reshape(SIZE, SIZE)
    return line if channels == 1 else np.repeat(line[..., None], channels, axis=2)


def test_grey_of_32_bits_is_refused_as_rgb_is(tmp_path: Path) -> None:
    for dtype in (np.float32, np.int32):
        for channels in (1, 3):
            path = tmp_path / f"{np.dtype(dtype)}{channels}.tif"
            tifffile.imwrite(path, gradient(dtype, channels), photometric="rgb" if channels == 3 else "minisblack")
            with pytest.raises(
                DatasetError, match=rf"^\S*{path.name}: expected an image of 8 or 16 bits a channel, got"
            ):
                read_color(path)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_and_rgb_of_8_and_16_bits_are_read(tmp_path: Path, dtype: Any, channels: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", gradient(dtype, channels))
    color, _ = read_color(tmp_path / "a.tif")
    wanted = gradient(np.uint8, 3).astype(int)
    assert np.abs(color[..., :3].astype(int) - wanted).max() <= 1 and (color[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (np.moveaxis(gradient(np.uint16, 3), 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.moveaxis(gradient(np.uint8, 3), 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        (65535 - gradient(np.uint16), {"photometric": "miniswhite"}),
        (255 - gradient(np.uint8), {"photometric": "miniswhite"}),
        (gradient(np.uint16, 3), {"photometric": "rgb", "byteorder": ">"}),
    ],
)
def test_a_tiff_is_shown_however_its_numbers_are_stored(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    color, _ = read_color(tmp_path / "a.tif")
    assert np.abs(color[..., :3].astype(int) - gradient(np.uint8, 3)).max() <= 1


@pytest.mark.parametrize(
    ("pixels", "photometric", "words"),
    [
        (gradient(np.uint16, 3), "cielab", "expected grey or RGB, got CIELAB colours"),
        (gradient(np.int16), "minisblack", "expected an image of 8 or 16 bits a channel, got int16"),
        (gradient(np.float64), "minisblack", "expected an image of 8 or 16 bits a channel, got float64"),
    ],
)
def test_a_tiff_of_another_kind_is_refused_by_it(
    tmp_path: Path, pixels: np.ndarray, photometric: str, words: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=photometric)
    with pytest.raises(DatasetError, match=rf"a\.tif: {words}"):
        read_color(tmp_path / "a.tif")


def told(folder: Path) -> list[str]:
    return [warning for warning in load_dataset(folder).warnings if "isn't used" in warning]


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp", ".tif", "deep.tif"])
def test_pictures_after_the_first_are_told(tmp_path: Path, suffix: str) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    path = tmp_path / f"several{suffix}"
    if suffix == "deep.tif":
        tifffile.imwrite(path, np.stack([gradient(np.uint16, 3)] * 3), photometric="rgb")
    else:
        pages = [Image.fromarray(gradient(np.uint8, 3) // (index + 1)) for index in range(3)]
        pages[0].save(path, save_all=True, append_images=pages[1:])
    edit_first_frame(tmp_path / "transforms.json", file_path=path.name)
    (warning,) = told(tmp_path)
    assert warning.startswith(f"pictures whose files hold pictures after the first (1, first {path.name})")


def test_a_colour_profile_other_than_srgb_is_told(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    picture = Image.fromarray(gradient(np.uint8, 3))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "0000.png", icc_profile=srgb)
    assert told(tmp_path) == []
    other = srgb.replace(b"sRGB", b"Wide").replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))
    picture.save(tmp_path / "0000.png", icc_profile=other)
    (warning,) = told(tmp_path)
    assert "a colour profile other than sRGB (1, first 0000.png)" in warning


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG with another chunk before its pixels."""
    checked = name + content
    return png[:33] + struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked)) + png[33:]


_P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
_OF_SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (b"cHRM", struct.pack(">8I", *_P3), "primaries other than sRGB's"),
        (b"cHRM", struct.pack(">8I", *_OF_SRGB), None),
        (b"cICP", bytes([9, 16, 0, 1]), "colours other than sRGB (cICP)"),  # of an HDR display
        (b"cICP", bytes([1, 13, 0, 1]), None),
        (b"pHYs", struct.pack(">IIB", 1000, 2000, 0), "pixels that aren't square"),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1), None),
    ],
)
def test_what_a_png_says_of_its_pixels_is_told(tmp_path: Path, name: bytes, content: bytes, words: str | None) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    path = tmp_path / "0000.png"
    Image.fromarray(gradient(np.uint8, 3)).save(path)
    path.write_bytes(with_chunk(path.read_bytes(), name, content))
    assert [f"{words} (1, first 0000.png)" in warning for warning in told(tmp_path)] == [True] * (words is not None)


def test_adobe_rgb_by_its_exif_data_is_told(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    Image.fromarray(gradient(np.uint8, 3)).save(tmp_path / "a.jpg", exif=exif)
    edit_first_frame(tmp_path / "transforms.json", file_path="a.jpg")
    (warning,) = told(tmp_path)
    assert "Adobe RGB colours (1, first a.jpg)" in warning


def test_cmyk_is_only_roughly_rgb(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    Image.fromarray(gradient(np.uint8, 3)).convert("CMYK").save(tmp_path / "a.jpg")
    edit_first_frame(tmp_path / "transforms.json", file_path="a.jpg")
    (warning,) = told(tmp_path)
    assert "colours as CMYK (1, first a.jpg)" in warning and "only roughly" in warning


def test_a_grey_pictures_profile_is_told(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    grey = Image.fromarray(gradient(np.uint8))
    for profile, is_told in ((b"desc Gray Gamma 2.2", False), (b"desc Dot Gain 20%", True)):
        grey.save(tmp_path / "0000.png", icc_profile=profile)
        assert ["a colour profile" in warning for warning in told(tmp_path)] == [True] * is_told


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jxl", b"\xff\x0a12345678", "it is JPEG XL: convert"),
        ("a.heic", b"\0\0\0\x18ftypheic1234", "it is HEIC: convert"),
        ("a.dng", b"II*\0", "it is a camera's raw picture: convert"),
        ("a.psd", b"8BPS\0\1", "it is a Photoshop file: convert"),
        ("a.svg", b"<svg/>", "drawing"),
        ("a.hdr", b"#?RADIANCE\n\n-Y 0 +X 0\n", r"it has no pixels \(0x0\)"),
    ],
)
def test_what_is_not_read_is_refused_by_what_it_is(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    (tmp_path / name).write_bytes(content)
    edit_first_frame(tmp_path / "transforms.json", file_path=name)
    with pytest.raises(DatasetError, match=words):
        load_dataset(tmp_path)


def test_a_gamma_other_than_srgbs_is_told(tmp_path: Path) -> None:
    """As a PNG file says it: that of light, here."""
    write_transforms(tmp_path, aabb_scale=1)
    Image.fromarray(gradient(np.uint8, 3)).save(tmp_path / "0000.png")
    data = (tmp_path / "0000.png").read_bytes()
    for gamma, is_told in ((45455, False), (100_000, True)):
        (tmp_path / "0000.png").write_bytes(with_chunk(data, b"gAMA", struct.pack(">I", gamma)))
        assert ["a gamma other than sRGB's (1" in warning for warning in told(tmp_path)] == [True] * is_told


def write_exr_with(path: Path, header: dict[str, Any], color: np.ndarray) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage} | header
    OpenEXR.File(header, {"RGBA": color}).write(str(path))


_ACES = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.3217, 0.3377)
_REC_709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"pixelAspectRatio": 2.0}, "pixels that aren't square"),
        (
            {"chromaticities": _ACES},
            "primaries other than Rec. 709",
        ),
        ({"chromaticities": _REC_709}, ""),
        ({"multiView": ["left", "right"]}, "views after the first"),
    ],
)
def test_what_an_exr_says_of_its_pixels_is_told(tmp_path: Path, header: dict[str, Any], words: str) -> None:
    values = write_transforms(tmp_path, aabb_scale=1)
    for index, frame in enumerate(values["frames"]):
        frame["file_path"] = f"{index}.exr"
        write_exr_with(tmp_path / f"{index}.exr", {} if index else header, np.ones((SIZE, SIZE, 4), np.float16))
    write_json(tmp_path / "transforms.json", values)
    assert [words in warning for warning in told(tmp_path)] == ([True] if words else [])


def test_an_exr_is_framed_by_its_display_window(tmp_path: Path) -> None:
    """More than a picture's frame is rendered, or less of it is stored."""
    color = np.arange(6 * 8 * 4, dtype=np.float32).reshape(6, 8, 4)
    windows = {"more": ((2, 1), (6, 4)), "less": ((-2, -1), (9, 8)), "elsewhere": ((20, 20), (23, 22))}
    for name, ((left, top), (right, bottom)) in windows.items():
        path = tmp_path / f"{name}.exr"
        corners = np.array([left, top], np.int32), np.array([right, bottom], np.int32)
        write_exr_with(path, {"displayWindow": corners}, color)
        read, _ = read_color(path)
        wanted = np.zeros((40, 40, 4), np.float32)
        wanted[5:11, 5:13] = color
        wanted = wanted[5 + top : 6 + bottom, 5 + left : 6 + right]
        np.testing.assert_array_equal(read, wanted.astype(np.float16))


def test_the_view_layers_of_an_exr_are_told_and_half_of_its_colour_is_refused(tmp_path: Path) -> None:
    one = np.ones((SIZE, SIZE), np.float32)
    values = write_transforms(tmp_path, aabb_scale=1)
    for index, frame in enumerate(values["frames"]):
        frame["file_path"] = f"{index}.exr"
        layers = {
            f"{layer}.Combined.{name}": one for layer in ("First", "Second")[: 1 + (index == 0)] for name in "RGBA"
        }
        OpenEXR.File({}, layers | {"First.DiffCol.R": one}).write(str(tmp_path / f"{index}.exr"))
    write_json(tmp_path / "transforms.json", values)
    (warning,) = told(tmp_path)
    assert "view layers after the first (1, first 0.exr)" in warning
    OpenEXR.File({}, {"Y": one, "RY": one, "BY": one}).write(str(tmp_path / "chroma.exr"))
    with pytest.raises(DatasetError, match="no RGB channels"):
        read_color(tmp_path / "chroma.exr")


def write_hdr(path: Path, *lines: str) -> None:
    head = "\n".join(["#?RADIANCE", *lines]) + "\n\n-Y 2 +X 2\n"
    path.write_bytes(head.encode() + bytes([128, 128, 128, 129] * 4))


def test_an_hdr_is_read_without_the_exposures_that_it_was_given(tmp_path: Path) -> None:
    write_hdr(tmp_path / "a.hdr", "FORMAT=32-bit_rle_rgbe")
    write_hdr(tmp_path / "b.hdr", "EXPOSURE=2.0", "EXPOSURE= 4", "FORMAT=32-bit_rle_rgbe")
    (plain, _), (exposed, _) = (read_color(tmp_path / f"{name}.hdr") for name in "ab")
    np.testing.assert_allclose(exposed[..., :3] * 8, plain[..., :3], rtol=1e-3)
    write_hdr(tmp_path / "c.hdr", "FORMAT=32-bit_rle_xyze")
    with pytest.raises(DatasetError, match="its colours aren't RGB"):
        read_color(tmp_path / "c.hdr")
    write_hdr(tmp_path / "d.hdr", "EXPOSURE=0")
    with pytest.raises(DatasetError, match="EXPOSURE is no number"):
        read_color(tmp_path / "d.hdr")
