"""What a picture's file says beside its pixels that changes how it looks, and isn't followed."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD

_COLORED = {"RGB", "RGBA", "RGBX", "RGBa", "P", "PA"}  # of Pillow's modes, which a profile for colour may be for
_OTHER_COLORS = {"CMYK": "CMYK", "LAB": "Lab"}  # that Pillow makes RGB of without any profile
_SRGB_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.05  # as PNG files say it
_SRGB = (b"sRGB", "sRGB".encode("utf-16-be"))  # as profiles name it
_SRGB_GREY = tuple(each.encode(coding) for each in ("sGray", "sgry", "Gray Gamma 2.2", "sRGB")
                   for coding in ("ascii", "utf-16-be"))  # fmt: skip
_REC_709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green and blue, as PNG has them
_TOLERANCE = 0.01
_CICP_LIKE_SRGB = ({1, 2}, {1, 2, 6, 13, 14, 15})  # code points for primaries and curves that are sRGB's, nearly
_EXIF_COLORS, _INTEROPERABILITY, _ADOBE_RGB = 0xA001, 1, "R03"
_SQUARE = 0.02


def unused_in(image: Image.Image) -> tuple[str, ...]:
    """In a few words each; see PictureHeader. ``image`` is opened, not decoded."""
    unused = []
    if image.format != "MPO" and _has_several(image):  # of an MPO the others are for viewers
        unused.append("pictures after the first")
    unused += _colors_of(image)
    if image.mode in _OTHER_COLORS:
        unused.append(f"colours as {_OTHER_COLORS[image.mode]}")
    if not _has_square_pixels(image):
        unused.append("pixels that aren't square")
    return tuple(unused)


def _has_several(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # what comes after the first is damaged, and each format raises its own
        return True


def _colors_of(image: Image.Image) -> list[str]:
    """What is said of colours other than sRGB's: of several ways to say it, a file has the strongest first."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes):
        names = _SRGB if image.mode in _COLORED else _SRGB_GREY
        return [] if any(name in profile for name in names) else ["a colour profile other than sRGB"]
    if (code_points := _png_code_points(image)) is not None:
        is_like = all(code in like for code, like in zip(code_points, _CICP_LIKE_SRGB, strict=False))
        return [] if is_like else ["colours other than sRGB (cICP)"]
    if image.info.get("srgb") is not None:
        return []
    unused = []
    gamma, primaries = image.info.get("gamma"), image.info.get("chromaticity")
    if isinstance(gamma, float) and abs(gamma - _SRGB_GAMMA) > _GAMMA_TOLERANCE:
        unused.append("a gamma other than sRGB's")
    if primaries is not None and np.abs(np.subtract(primaries, _REC_709)).max() > _TOLERANCE:
        unused.append("primaries other than sRGB's")
    if _is_adobe_rgb(image):
        unused.append("Adobe RGB colours")
    return unused


def _png_code_points(image: Image.Image) -> tuple[int, ...] | None:
    """The code points of a PNG's cICP chunk, which Pillow passes over; it lies before the pixels."""
    file = getattr(image, "fp", None)
    if image.format != "PNG" or file is None:
        return None
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"cICP":
                return tuple(file.read(min(length, 4)))
            file.seek(length + 4, 1)
        return None
    finally:
        file.seek(place)


def _is_adobe_rgb(image: Image.Image) -> bool:
    if image.format not in ("JPEG", "MPO", "TIFF"):
        return False
    try:
        exif = image.getexif()
        interoperability = exif.get_ifd(IFD.Interop).get(_INTEROPERABILITY)
        return interoperability == _ADOBE_RGB or exif.get_ifd(IFD.Exif).get(_EXIF_COLORS) == 2
    except Exception:  # damaged metadata, each kind of which raises its own; the picture may be whole
        return False


def _has_square_pixels(image: Image.Image) -> bool:
    sides = image.info.get("aspect") or image.info.get("dpi")
    if sides is None and image.info.get("jfif_unit") == 0:
        sides = image.info.get("jfif_density")
    try:
        across, down = (float(side) for side in sides or (1, 1))
    except (TypeError, ValueError, ZeroDivisionError):
        return True
    return across <= 0.0 or down <= 0.0 or abs(across / down - 1.0) <= _SQUARE
