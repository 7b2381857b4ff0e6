"""Pictures from files. Their size is known, and bounded, before anything is decoded."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    TiffImageFile,
)

from engine.data.dataset import DatasetError, first_line
from engine.data.deep_tiff import deep_tiff_header, read_deep_tiff
from engine.data.exr import ExrError, read_exr, read_exr_header
from engine.data.numpy_files import map_array
from engine.data.orientation import orientation_of, turn_back
from engine.data.picture_notes import unused_in
from engine.data.radiance import HdrError, read_radiance_hdr, read_radiance_size
from engine.link.arrays import Dtype, Numbers, Pixels
from engine.link.geometry import MAX_IMAGE_SIDE
from engine.link.messages import ColorSpace

LINEAR_SUFFIXES = {".exr", ".hdr"}
# What Pillow may take a file for, whatever its name says, each with the module that reads it: no format that runs other
# programs.
FORMATS = {
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "TGA": "TgaImagePlugin",
    "PPM": "PpmImagePlugin",
    "GIF": "GifImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "AVIF": "AvifImagePlugin",
}
MAX_PIXELS = 1 << 27  # half a gigabyte of 8-bit RGBA; the largest cameras have 151 million pixels
HALF_MAX = 65504.0
# How much of a file is kept between the two looks at it: a thousandth of what the largest picture takes once decoded.
MAX_KEPT_BYTES = 1 << 18
# What isn't read: how such files begin, and what they are called where many formats begin so.
_OTHER_FORMATS = {
    "HEIC": (b"ftypheic", b"ftypheix", b"ftypmif1"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "a Photoshop file": (b"8BPS",),
    "a drawing (SVG)": (b"<svg", b"<?xml"),
    "a camera's raw picture": (b"FUJIFILMCCD-RAW", b"ftypcrx "),
}
_OTHER_SUFFIXES = {"a camera's raw picture": (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf")}


@dataclasses.dataclass(frozen=True)
class PictureHeader:
    """What a picture's file says before it is decoded: its size as stored, EXIF's ``orientation``, 1 to 8, and
    ``unused``, in a few words each: what else it says, that changes the picture and isn't followed. ``content``: the
    whole file, where it is small, so that it need not be opened once more to be decoded."""

    width: int
    height: int
    orientation: int = 1
    unused: tuple[str, ...] = ()
    content: bytes | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height once the picture is turned as its orientation says."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(path: Path) -> PictureHeader:
    """The size of a picture. Raises DatasetError that names the file, also where it is too large to be read."""
    suffix = path.suffix.lower()
    orientation, unused, content = 1, tuple[str, ...](), None
    try:
        if suffix == ".exr":
            width, height, unused = read_exr_header(path)
        elif suffix == ".hdr":
            width, height = read_radiance_size(path)
        elif suffix == ".npy":
            height, width = map_array(path).shape
        else:
            content = _read_if_small(path)
            with _opened_image(path, content) as image:
                (width, height), orientation = _stored_size(image), orientation_of(image)
                unused = unused_in(image)
    except UnidentifiedImageError:
        (height, width, *_), orientation, unused = deep_tiff_header(path)
    except (ExrError, HdrError) as error:
        raise DatasetError(str(error)) from None
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror or error})") from None
    _require_bounded(path, width, height)
    return PictureHeader(width, height, orientation, unused, content)


def read_color(path: Path, content: bytes | None = None) -> tuple[Pixels, ColorSpace]:
    """Read a picture: EXR or HDR as float16 scene-linear premultiplied, all else as uint8 sRGB straight; [H, W, 4].

    ``content``: that of its file, if it was read before. A picture without alpha is opaque. Raises DatasetError that
    names the file.
    """
    if path.suffix.lower() in LINEAR_SUFFIXES:
        read_header(path)
        return _to_half_rgba(_read_linear(path), path), "linear"
    with contextlib.suppress(UnidentifiedImageError), stored_image(path, content) as image:
        if not _is_misread(image):
            return _to_byte_rgba(image, path), "srgb"
    read_header(path)
    return read_deep_tiff(path), "srgb"


def resize_nearest(pixels: npt.NDArray[Dtype], width: int, height: int) -> npt.NDArray[Dtype]:
    """``pixels`` [H, W] at another size, each from where its middle was: nothing is mixed."""
    if pixels.shape[:2] == (height, width):
        return pixels
    rows = ((np.arange(height) + 0.5) * pixels.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * pixels.shape[1] / width).astype(np.int64)
    return np.ascontiguousarray(pixels[rows[:, None], columns])


@contextlib.contextmanager
def stored_image(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """The picture by Pillow, decoded and as it is stored. Raises DatasetError, UnidentifiedImageError for another
    format."""
    with _opened_image(path, content) as image:
        if isinstance(image, TiffImageFile):  # of all formats, Pillow turns this one as it decodes it
            orientation = orientation_of(image)
            image.load()
            yield turn_back(image, orientation)
        else:
            yield image


def _read_if_small(path: Path) -> bytes | None:
    """A file's content, None where it is large or can't be read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        content = file.read(MAX_KEPT_BYTES + 1)
        return content if len(content) <= MAX_KEPT_BYTES else None
    return None


@contextlib.contextmanager
def _opened_image(path: Path, content: bytes | None) -> Iterator[Image.Image]:
    """The picture by Pillow, not yet decoded, and not too large for that. Raises DatasetError, UnidentifiedImageError
    for another format."""
    Image.MAX_IMAGE_PIXELS = MAX_IMAGE_SIDE**2  # beyond, it warns; `_require_bounded` refuses
    try:
        # Not by its path: Pillow would map the file into memory, and read a TIFF that is to be turned askew.
        opened = path.open("rb") if content is None else io.BytesIO(content)
        with opened as file, Image.open(file, formats=_known_formats()) as image:
            _require_bounded(path, *_stored_size(image))
            yield image
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path}: the image is missing") from None
    except UnidentifiedImageError:
        if path.suffix.lower() in (".tif", ".tiff"):
            raise
        raise DatasetError(f"{path}: the image can't be read ({_describe_content(path)})") from None
    except MemoryError:
        raise DatasetError(f"{path}: not enough memory to decode it") from None
    except (OSError, SyntaxError, ValueError, OverflowError, EOFError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: the image can't be read ({first_line(error)})") from None


@functools.cache
def _known_formats() -> tuple[str, ...]:
    """Those of FORMATS that this build of Pillow knows. Their modules alone are imported: all that it has would take
    a while."""
    for module in FORMATS.values():
        with contextlib.suppress(ImportError):  # an older Pillow
            importlib.import_module(f"PIL.{module}")
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height; of a TIFF, Pillow's are already turned."""
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])
    return image.size


def _is_misread(image: Image.Image) -> bool:
    """Whether Pillow makes something else of a TIFF's colours: of more than 8 bits, it mixes up planes, and takes
    numbers with a sign, and those of which 0 is white, for others."""
    if not isinstance(image, TiffImageFile):
        return False
    tags = image.tag_v2
    is_deep = max(tags.get(BITSPERSAMPLE, (1,))) > 8
    has_planes = tags.get(PLANAR_CONFIGURATION) == 2 and tags.get(SAMPLESPERPIXEL, 1) > 1
    is_signed, is_inverted = 2 in tags.get(SAMPLEFORMAT, ()), tags.get(PHOTOMETRIC_INTERPRETATION) == 0
    return is_deep and (has_planes or is_signed or is_inverted)


def _require_bounded(path: Path, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise DatasetError(f"{path}: it has no pixels ({width}x{height})")
    if not (width <= MAX_IMAGE_SIDE and height <= MAX_IMAGE_SIDE and width * height <= MAX_PIXELS):
        raise DatasetError(
            f"{path}: {width}x{height} pixels are too large: at most {MAX_IMAGE_SIDE} a side and "
            f"{MAX_PIXELS >> 20} million in all; scale the pictures down"
        )


def _to_byte_rgba(image: Image.Image, path: Path) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        values = np.asarray(image)
        if values.size and not 0 <= values.min() <= values.max() <= 65535:
            raise DatasetError(f"{path}: expected an image of 8 or 16 bits a channel, got whole numbers of 32 bits")
        grey = np.clip(values.astype(np.float32) / 257.0 + 0.5, 0, 255).astype(np.uint8)
        return add_alpha(np.repeat(grey[..., None], 3, axis=2), 255)
    if image.mode == "F":  # of which Pillow would make black or white
        raise DatasetError(f"{path}: expected an image of 8 or 16 bits a channel, got float32: store light as EXR")
    return np.array(image if image.mode == "RGBA" else image.convert("RGBA"))


def add_alpha(color: npt.NDArray[Dtype], opaque: float) -> npt.NDArray[Dtype]:
    """Colour [H, W, 3] that is ``opaque`` everywhere."""
    return np.concatenate([color, np.full_like(color[..., :1], opaque)], axis=2)


def _read_linear(path: Path) -> Numbers:
    if path.suffix.lower() != ".exr":
        try:
            return read_radiance_hdr(path)
        except HdrError as error:
            raise DatasetError(str(error)) from None
    channels = exr_channels(path)
    for name, pixels in channels.items():
        if name.endswith(("RGBA", "RGB", "Combined")) and pixels.ndim == 3:
            return pixels
    grey = channels.get("Y", channels.get("V"))
    if grey is not None and not channels.keys() & {"RY", "BY"}:
        return np.repeat(grey[..., None], 3, axis=2)
    raise DatasetError(f"{path}: no RGB channels in it, only {', '.join(sorted(channels)) or 'none'}")


def _to_half_rgba(pixels: Numbers, path: Path) -> npt.NDArray[np.float16]:
    if not np.isfinite(pixels).all():
        raise DatasetError(f"{path}: the image contains NaN or infinity")
    clipped = pixels if pixels.dtype == np.float16 else np.clip(pixels, -HALF_MAX, HALF_MAX)
    half = clipped.astype(np.float16, copy=False)
    return half if half.shape[2] == 4 else add_alpha(half, 1.0)


def exr_channels(path: Path) -> dict[str, Numbers]:
    """``read_exr`` with DatasetError."""
    try:
        return read_exr(path)
    except ExrError as error:
        raise DatasetError(str(error)) from None


def _describe_content(path: Path) -> str:
    """What a file is that is no picture, for a message."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        return error.strerror or str(error)
    if not start:
        return "it is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS: fetch the pictures by `git lfs pull`"
    for name, magics in _OTHER_FORMATS.items():
        if start.startswith(magics) or start[4:12] in magics or path.suffix.lower() in _OTHER_SUFFIXES.get(name, ()):
            return f"it is {name}: convert the pictures to JPEG or PNG"
    return "not in any format that is known"
