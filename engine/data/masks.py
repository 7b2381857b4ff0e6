"""Masks: how they are read, and where those are that no list names: beside a picture or in a folder beside it, as
nerfstudio, COLMAP, instant-ngp and others look for them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from engine.data.dataset import DatasetError
from engine.data.images import exr_channels, read_header, stored_image
from engine.data.numpy_files import map_array
from engine.data.picture_finder import IMAGE_SUFFIXES, PictureFinder, fold
from engine.data.remarks import Remarks
from engine.link.arrays import Numbers

_LOSSY_FORMATS = {"JPEG", "MPO", "WEBP", "AVIF"}
_FOLDER = re.compile(r"masks?(_\d+)?")  # of pictures that were scaled down by that
_LOOKS_LIKE_A_MASK = re.compile(
    r"(^|[^a-z])(masks?|segs?|segmentations?|segmented|semantics?|mattes?|silhouettes?|alphas?|sam2?)([^a-z]|$)"
)
_WHITES = (1.0, 255.0, 65535.0)  # what masks have for white
_NEARLY_BLACK, _MUCH = 0.05, 0.01  # of white, and of a mask
_SPLIT_FOLDERS = ("train", "val", "test")
_NAMES_OF_MASKS = ("*.mask", "*_mask", "mask_*")  # of a picture called *, without the mask's own ending
_DYNAMIC_MASK = "dynamic_mask_"  # instant-ngp: what moves is not 0


@dataclasses.dataclass(frozen=True)
class UnlistedMask:
    """A mask, where it was found as messages say it, and whether what is not 0 in it is left out instead of what is."""

    path: Path
    place: str
    masks_out: bool = False


class MaskFinder:
    """Finds masks in and beside ``folder``, in which a dataset's list is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finders = [PictureFinder(entry) for entry in _mask_folders(folder)]
        self._beside: dict[Path, list[PictureFinder]] = {}
        self._in_folder: dict[Path, PictureFinder] = {}

    def find(self, image: Path) -> UnlistedMask | None:
        """The mask of a picture."""
        beside = self._in_folder.setdefault(image.parent, PictureFinder(image.parent))
        if (dynamic := beside.find_exactly(f"{_DYNAMIC_MASK}{image.stem}.png")) is not None:
            return UnlistedMask(dynamic, f"{_DYNAMIC_MASK}*.png", masks_out=True)
        for finder in (*self._finders, *self._finders_beside(image.parent)):
            for listed in self._names(image):
                if (found := finder.find_below(listed)) is not None and found != image:
                    return UnlistedMask(found, f"{finder.folder.name}/")
        for pattern in _NAMES_OF_MASKS:
            for name in (image.stem, image.name):
                if (found := beside.find_exactly(pattern.replace("*", name) + ".png")) is not None:
                    return UnlistedMask(found, f"{pattern}.png")
        return None

    def tell_unused(self, pictures: Iterable[Path], masks: Iterable[Path], remarks: Remarks) -> None:
        """Note what looks like masks, beside ``pictures`` and their folders, and is none of the ``masks`` in use."""
        pictures, used = set(pictures), set(masks)
        used_folders = {folder for path in (*used, *pictures) for folder in path.parents}
        around = {picture.parent for picture in pictures} | {self._folder}
        for folder in sorted(around | {each.parent for each in around if self._folder in each.parents}):
            same_masks = set(_mask_folders(folder)) if used_folders & set(_mask_folders(folder)) else set()  # scaled
            entries = [entry for entry in _entries(folder) if _LOOKS_LIKE_A_MASK.search(fold(entry.stem))]
            remarks.add_all(
                f"{folder}: pictures that look like masks ({{count}}, first {{first}}) aren't used: to leave out what "
                "is 0 in them, name them as mask_path of frames, or put them into a folder masks/ under the pictures' "
                "names",
                (entry.name for entry in entries if _is_picture(entry) and entry not in pictures | used),
            )
            for inner in entries:
                if inner.is_dir() and inner not in used_folders | same_masks:
                    remarks.add_all(
                        f"{inner}: pictures that look like masks ({{count}}, first {{first}}) aren't used: to leave "
                        "out what is 0 in them, name them as mask_path of frames, or call the folder masks/ and them "
                        f"as the pictures; to leave out what isn't, call them {_DYNAMIC_MASK}NAME.png beside these",
                        (file.name for file in sorted(inner.rglob("*")) if _is_picture(file)),
                    )

    def _names(self, image: Path) -> list[str]:
        """What a mask may be called in its folder: as the picture with .png behind it (COLMAP), or with any ending."""
        try:
            parts = image.relative_to(self._folder).parts
        except ValueError:
            parts = (image.name,)
        paths = ["/".join(parts)]
        if len(parts) > 1 and parts[0].lower() not in _SPLIT_FOLDERS:  # whose pictures have the same names
            paths.append("/".join(parts[1:]))
        names = []
        for path in paths:
            stem = path.removesuffix(image.suffix)
            # Last, COLMAP's of pictures that have been stored again since, in another format.
            names += [f"{path}.png", path, stem, *(f"{stem}{suffix}.png" for suffix in IMAGE_SUFFIXES)]
            inner = path.removesuffix(image.name)
            for pattern in _NAMES_OF_MASKS:
                names += [inner + pattern.replace("*", name) for name in (image.stem, image.name)]
        return names

    def _finders_beside(self, folder: Path) -> list[PictureFinder]:
        if folder == self._folder:
            return []
        if folder not in self._beside:
            known = {finder.folder for finder in self._finders}
            self._beside[folder] = [
                PictureFinder(entry) for entry in _mask_folders(folder.parent) if entry not in known
            ]
        return self._beside[folder]


def _mask_folders(folder: Path) -> list[Path]:
    """The folders for masks in ``folder``, whatever case their names are in: those of full size first."""
    found = [entry for entry in _entries(folder) if _FOLDER.fullmatch(fold(entry.name)) and entry.is_dir()]
    return sorted(found, key=lambda entry: (len(entry.name), entry.name))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in (*IMAGE_SUFFIXES, ".npy") and path.is_file()


@dataclasses.dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels are to be looked at, ``kept`` [H, W] bool. ``takes_nearly_black``: whether what is
    nearly 0 is taken for it."""

    kept: npt.NDArray[np.bool_]
    takes_nearly_black: bool = False


def read_mask(path: Path) -> Mask:
    """Pixels of value 0 aren't looked at.

    Where the picture's compression is lossy, those below half of its range: 0 has not stayed 0. Where there is white,
    too, and more is nearly black than between these, that is taken for black. A picture that says nothing but in its
    alpha is read by that. Raises DatasetError that names the file.
    """
    read_header(path)
    is_lossy = False
    match path.suffix.lower():
        case ".exr":
            grey = _brightest(next(iter(exr_channels(path).values())))
        case ".npy":
            grey = np.array(map_array(path))
        case _:
            grey, is_lossy = _read_grey(path)
    if is_lossy:
        return Mask(grey > 127)
    values = np.nan_to_num(grey.astype(np.float32))
    most = float(values.max())
    share = values / next((white for white in _WHITES if most <= white), most)
    is_dark = (share > 0.0) & (share <= _NEARLY_BLACK)
    dark, between = float(is_dark.mean()), float(((share > _NEARLY_BLACK) & (share < 1.0 - _NEARLY_BLACK)).mean())
    if share.max() > 0.5 and dark > max(_MUCH, between):
        return Mask((share > 0.0) & ~is_dark, takes_nearly_black=True)
    return Mask(grey > 0)


def _read_grey(path: Path) -> tuple[Numbers, bool]:
    """The values of a mask picture [H, W], and whether its compression is lossy."""
    try:
        with stored_image(path) as image:
            is_lossy = image.format in _LOSSY_FORMATS
            if image.mode in ("LA", "RGBA", "PA"):
                rgba = np.asarray(image.convert("RGBA"))
                grey, alpha = _brightest(rgba), rgba[..., 3]
                says_nothing = grey.min() == grey.max() and alpha.min() != alpha.max()
                return (alpha if says_nothing else grey), is_lossy
            pixels = np.asarray(image.convert("RGB") if image.mode in ("1", "P") else image)
            return _brightest(pixels), is_lossy
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path}: the mask can't be read ({error})") from None


def _brightest(pixels: Numbers) -> Numbers:
    """The largest of up to three colours: [H, W]."""
    return pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
