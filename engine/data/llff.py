"""LLFF's datasets: ``poses_bounds.npy`` and a folder of pictures, in the order of their names.

A row of the file is a matrix [3, 5], row by row, and the depths between which nearly all lies that the view sees. The
matrix has in its columns where a camera's axes point, down, right and backwards, where it stands, and height, width and
focal length in pixels of the full size. (Mildenhall et al.: Local Light Field Fusion, 2019, and its published code.)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError
from engine.data.numpy_files import map_array
from engine.data.picture_finder import IMAGE_SUFFIXES
from engine.data.reconstructions import Reconstruction
from engine.data.remarks import Remarks
from engine.link.geometry import MAX_COORDINATE
from engine.link.values import shorten
from engine.link.wording import counted

FILE = "poses_bounds.npy"
_COLUMNS = 17
_FOLDERS = ("images", "images_2", "images_4", "images_8")
_MOST_VIEWS = 65_536
_DEPTHS, _CORNERS = 8, ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))


def read(folder: Path, remarks: Remarks) -> Reconstruction | None:
    """The views in ``folder``; None where it has no poses_bounds.npy. Raises DatasetError."""
    path = folder / FILE
    chosen = ""
    if not path.is_file() and folder.name in _FOLDERS:
        path, chosen, folder = folder.parent / FILE, folder.name, folder.parent
    if not path.is_file():
        return None
    rows = _read_rows(path)
    place, names = _pictures(folder, (chosen,) if chosen else _FOLDERS, path, len(rows), remarks)
    matrices = rows[:, :15].reshape(-1, 3, 5)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    down, right, backwards = (matrices[:, :, axis] for axis in range(3))
    poses[:, :3] = np.stack([right, -down, backwards, matrices[:, :, 3]], axis=2)
    frames = []
    for name, (height, width, focal) in zip(names, matrices[:, :, 4], strict=True):
        frames.append({"file_path": f"{place}/{name}", "w": width, "h": height, "fl_x": focal, "fl_y": focal})
    return Reconstruction(path, folder, frames, poses, _seen(poses, matrices[:, :, 4], rows[:, 15:]))


def _read_rows(path: Path) -> npt.NDArray[np.float64]:
    array = map_array(path)
    if array.shape[1] != _COLUMNS or not 0 < len(array) <= _MOST_VIEWS:
        raise DatasetError(f"{path}: expected [views, {_COLUMNS}] numbers, got {list(array.shape)}")
    rows = np.array(array, np.float64)
    for number, row in enumerate(rows, 1):
        if not np.abs(row).max() <= MAX_COORDINATE:
            raise DatasetError(f"{path}: view number {number}: not made of usable numbers: {shorten(row.tolist())}")
        if not (row[[4, 9, 14]] > 0.0).all():
            raise DatasetError(
                f"{path}: view number {number}: height, width and focal length must be positive, got "
                f"{shorten(row[[4, 9, 14]].tolist())}"
            )
        if not 0.0 < row[15] < row[16]:
            raise DatasetError(
                f"{path}: view number {number}: near and far depth must be positive, the first the smaller one, got "
                f"{shorten(row[15:].tolist())}"
            )
    return rows


def _pictures(folder: Path, places: tuple[str, ...], path: Path, count: int, remarks: Remarks) -> tuple[str, list[str]]:
    """In the first of ``places`` that has as many, where the pictures are, and what they are called, in order."""
    misfit = ""
    for place in places:
        if (folder / place).is_dir():
            files = (file for file in (folder / place).iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
            names = sorted(file.name for file in files if file.is_file())
            if len(names) == count:
                if misfit:
                    remarks.add(f"{misfit}: those in {folder / place} are read, which are as many")
                return place, names
            if names and not misfit:
                held = counted(len(names), "picture")
                misfit = f"{path}: poses of {counted(count, 'view')}, and {folder / place} holds {held}"
    if misfit:
        raise DatasetError(f"{misfit}: which one each is of, their order says alone, so there must be as many")
    raise DatasetError(f"{path}: no pictures in a folder images, or images_4 and the like, beside it")


def _seen(
    poses: npt.NDArray[np.float64], lenses: npt.NDArray[np.float64], depths: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The corners of what each view sees, at some depths from the nearest to the farthest, which are even in disparity,
    as most of what is seen is near: [n, 3]."""
    height, width, focal = lenses.T
    across, down = width / focal / 2, height / focal / 2
    near, far = 1.0 / depths.T
    planes = 1.0 / np.linspace(near, far, _DEPTHS)  # [depths, views]
    seen = []
    for x, y in _CORNERS:
        rays = np.stack([x * across, y * down, -np.ones_like(across)], axis=1)
        world = np.einsum("vij,vj->vi", poses[:, :3, :3], rays)
        seen.append(poses[:, :3, 3] + world * planes[..., None])
    corners: npt.NDArray[np.float64] = np.concatenate(seen).reshape(-1, 3)
    return corners
