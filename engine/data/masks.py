"""Masks: how they are read, and where those are that no list names: beside a picture, as nerfstudio, COLMAP and
instant-ngp look for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from engine.data.dataset import DatasetError
from engine.data.images import opened_image, read_header
from engine.data.picture_finder import PictureFinder

_LOSSY_FORMATS = {"JPEG", "MPO", "WEBP", "AVIF"}
_FOLDERS = ("masks", "mask")
_SPLIT_FOLDERS = ("train", "val", "test")
_DYNAMIC_MASK = "dynamic_mask_"  # instant-ngp: what moves is not 0


@dataclasses.dataclass(frozen=True)
class UnlistedMask:
    """A mask, the place it was found at in words, and whether what is not 0 in it is left out instead of what is."""

    path: Path
    place: str
    masks_out: bool = False


class MaskFolder:
    """The masks that lie in or beside ``folder``, in which a dataset's list is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finders = [PictureFinder(folder / name) for name in _FOLDERS if (folder / name).is_dir()]
        self._beside: dict[Path, list[PictureFinder]] = {}

    def find(self, image: Path) -> UnlistedMask | None:
        """The mask of a picture."""
        dynamic = image.with_name(f"{_DYNAMIC_MASK}{image.stem}.png")
        if dynamic.is_file():
            return UnlistedMask(dynamic, f"{_DYNAMIC_MASK}*.png", masks_out=True)
        for finder in (*self._finders, *self._finders_beside(image.parent)):
            for listed in self._names(image):
                if (found := finder.find_below(listed)) is not None and found != image:
                    return UnlistedMask(found, f"{finder.folder.name}/")
        return None

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
            names += [f"{path}.png", path, path.removesuffix(image.suffix)]
        return names

    def _finders_beside(self, folder: Path) -> list[PictureFinder]:
        if folder not in self._beside:
            places = [folder.parent / name for name in _FOLDERS]
            known = {finder.folder for finder in self._finders}
            self._beside[folder] = [PictureFinder(place) for place in places if place not in known and place.is_dir()]
        return self._beside[folder]


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Which pixels are to be looked at: [H, W] bool. Those of value 0 aren't.

    Where the picture's compression is lossy, those below half of its range: 0 has not stayed 0. A picture that says
    nothing but in its alpha is read by that. Raises DatasetError that names the file.
    """
    read_header(path)
    try:
        with opened_image(path) as image:
            is_lossy = image.format in _LOSSY_FORMATS
            if image.mode in ("LA", "RGBA", "PA"):
                rgba = np.asarray(image.convert("RGBA"))
                grey, alpha = rgba[..., :3].max(axis=2), rgba[..., 3]
                if grey.min() == grey.max() and alpha.min() != alpha.max():
                    grey = alpha
            elif image.mode in ("1", "P"):
                grey = np.asarray(image.convert("RGB")).max(axis=2)
            else:
                pixels = np.asarray(image)
                grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path}: the mask can't be read ({error})") from None
    mask: npt.NDArray[np.bool_] = grey > (127 if is_lossy else 0)
    return mask
