"""Colour and depth pictures from files, as View wants them."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from PIL import Image, UnidentifiedImageError

from engine.data.dataset import DatasetError
from engine.data.exr import ExrError, read_exr
from engine.link.messages import ColorSpace

LINEAR_SUFFIXES = {".exr", ".hdr"}
HALF_MAX = 65504.0
# Renderers write "nothing there" as a huge number (Blender: 1e10).
FARTHEST_DEPTH = 1e9


def read_color(path: Path) -> tuple[np.ndarray, ColorSpace]:
    """Read a picture: EXR or HDR as float16 scene-linear premultiplied, all else as uint8 sRGB straight; [H, W, 4].

    A picture without alpha is opaque. Raises DatasetError that names the file.
    """
    _require(path)
    if path.suffix.lower() in LINEAR_SUFFIXES:
        return _to_half_rgba(_read_linear(path), path), "linear"
    try:
        with Image.open(path) as image:
            return _to_byte_rgba(image), "srgb"
    except UnidentifiedImageError:
        return _read_with_imageio(path), "srgb"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: the image can't be read ({error})") from None


def read_depth(path: Path, unit: float) -> np.ndarray:
    """Read planar depth [H, W] float32 in metres, +inf where there is none.

    EXR holds metres as they are; in an integer image one step is ``unit`` metres and 0 means unknown.
    Raises DatasetError that names the file.
    """
    _require(path)
    if path.suffix.lower() == ".exr":
        depth = _depth_channel(path)
    else:
        try:
            with Image.open(path) as image:
                raw = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise DatasetError(f"{path}: the depth image can't be read ({error})") from None
        if raw.ndim != 2:
            raise DatasetError(f"{path}: a depth image has one channel, this one has {raw.shape[2]}")
        depth = raw.astype(np.float32) * np.float32(unit)
    if np.isnan(depth).any():
        raise DatasetError(f"{path}: the depth contains NaN")
    return np.where((depth <= 0.0) | (depth >= FARTHEST_DEPTH), np.float32(np.inf), depth)


def _require(path: Path) -> None:
    if not path.is_file():
        raise DatasetError(f"{path}: the image is missing")


def _to_byte_rgba(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        grey = np.clip(np.asarray(image).astype(np.float32) / 257.0 + 0.5, 0, 255).astype(np.uint8)
        return _add_alpha(np.repeat(grey[..., None], 3, axis=2), 255)
    return np.array(image.convert("RGBA"))


def _add_alpha(color: np.ndarray, opaque: float) -> np.ndarray:
    return np.concatenate([color, np.full_like(color[..., :1], opaque)], axis=2)


def _read_with_imageio(path: Path) -> np.ndarray:
    """For the formats that Pillow doesn't know."""
    try:
        pixels = np.asarray(imageio.imread(path))
    except Exception as error:  # each of its plugins raises its own kind
        raise DatasetError(f"{path}: the image can't be read ({str(error).splitlines()[0]})") from None
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise DatasetError(f"{path}: expected an image of 8 or 16 bits a channel, got {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise DatasetError(f"{path}: expected a still with 1, 3 or 4 channels, got shape {list(pixels.shape)}")
    return pixels if pixels.shape[2] == 4 else _add_alpha(pixels, 255)


def _read_linear(path: Path) -> np.ndarray:
    if path.suffix.lower() != ".exr":
        return read_radiance_hdr(path)
    channels = _exr_channels(path)
    for name, pixels in channels.items():
        if name.endswith(("RGBA", "RGB", "Combined")) and pixels.ndim == 3:
            return pixels
    grey = channels.get("Y", channels.get("V"))
    if grey is not None:
        return np.repeat(grey[..., None], 3, axis=2)
    raise DatasetError(f"{path}: no RGB channels in it, only {', '.join(sorted(channels)) or 'none'}")


def _to_half_rgba(pixels: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(pixels).all():
        raise DatasetError(f"{path}: the image contains NaN or infinity")
    half = pixels if pixels.dtype == np.float16 else np.clip(pixels, -HALF_MAX, HALF_MAX).astype(np.float16)
    return half if half.shape[2] == 4 else _add_alpha(half, 1.0)


def _depth_channel(path: Path) -> np.ndarray:
    channels = _exr_channels(path)
    if len(channels) == 1:
        pixels = next(iter(channels.values()))
    else:
        named = [name for name in channels if name.rsplit(".", 1)[-1] in ("Z", "V", "Y", "Depth")]
        if not named:
            raise DatasetError(f"{path}: no depth channel in it, only {', '.join(sorted(channels)) or 'none'}")
        pixels = channels[named[0]]
    return (pixels if pixels.ndim == 2 else pixels[..., 0]).astype(np.float32)


def _exr_channels(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_exr(path)
    except ExrError as error:
        raise DatasetError(str(error)) from None


def read_radiance_hdr(path: Path) -> np.ndarray:
    """Read a Radiance .hdr picture (RGBE, run-length coded or flat): [H, W, 3] float32 scene-linear."""
    data = path.read_bytes()
    head, separator, body = data.partition(b"\n\n")
    size_line, _, pixels = body.partition(b"\n")
    words = size_line.split()
    if not head.startswith((b"#?RADIANCE", b"#?RGBE")) or not separator or len(words) != 4 or words[0] != b"-Y":
        raise DatasetError(f"{path}: not a Radiance picture with rows from top to bottom")
    height, width = int(words[1]), int(words[3])
    try:
        rgbe = _decode_rgbe(np.frombuffer(pixels, np.uint8), height, width)
    except (IndexError, ValueError):
        raise DatasetError(f"{path}: the picture is cut off or damaged") from None
    exponent = np.ldexp(np.float32(1.0), rgbe[..., 3].astype(np.int32) - 136)
    return np.where(rgbe[..., 3:] > 0, rgbe[..., :3] * exponent[..., None], 0.0).astype(np.float32)


def _decode_rgbe(data: np.ndarray, height: int, width: int) -> np.ndarray:
    """RGBE bytes [H, W, 4]; raises IndexError or ValueError where ``data`` ends early or a run is too long."""
    if data[0] != 2 or data[1] != 2 or not 8 <= width < 32768:
        return data[: height * width * 4].reshape(height, width, 4)
    rows = np.empty((height, 4, width), np.uint8)
    at = 0
    for row in rows:
        at += 4  # 2 2 and the width once more
        for channel in row:
            x = 0
            while x < width:
                count = int(data[at])
                if count > 128:  # a run of one value
                    count -= 128
                    channel[x : x + count] = data[at + 1]
                    at += 2
                else:
                    channel[x : x + count] = data[at + 1 : at + 1 + count]
                    at += 1 + count
                if count == 0 or x + count > width:
                    raise ValueError("run past the row's end")
                x += count
    return rows.transpose(0, 2, 1)
