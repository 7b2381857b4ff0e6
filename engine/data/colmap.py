"""COLMAP's reconstructions: which folder holds a sparse model, where its pictures are, and its views."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import colmap_binary, colmap_text
from engine.data.colmap_records import ModelCamera
from engine.data.dataset import DatasetError
from engine.data.reconstructions import PICTURES, Reconstruction, find_pictures
from engine.data.remarks import Remarks
from engine.link.values import shorten

# Where a model lies in a project's folder; in the folder itself last.
_PLACES = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", ".")
FILES = {f"{name}{suffix}" for name in ("cameras", "images", "points3D") for suffix in (".bin", ".txt")}
_READERS = {".bin": colmap_binary, ".txt": colmap_text}
_SCALED = re.compile(r"images_\d{1,2}")
_FOCAL = {"fx": ("fl_x",), "fy": ("fl_y",), "f": ("fl_x", "fl_y")}
_MOST_PARENTS = 3  # of a model's folder, in which its pictures may be: colmap/sparse/0


def read(folder: Path, remarks: Remarks) -> Reconstruction | None:
    """The sparse model in ``folder``: a project's, a model's own, or that of its pictures scaled down (images_4). None
    where there is none. Raises DatasetError."""
    project, chosen = folder, ""
    model = _find_model(project)
    if model is None and _SCALED.fullmatch(folder.name):
        project, chosen = folder.parent, folder.name
        model = _find_model(project)
    if model is None:
        return None
    try:
        return _read_model(model, project, chosen, remarks)
    except OSError as error:
        raise DatasetError(f"{error.filename or model}: can't be read ({error.strerror or error})") from None


def _read_model(model: Path, project: Path, chosen: str, remarks: Remarks) -> Reconstruction:
    suffix = _suffix_of(model)
    assert suffix is not None
    reader = _READERS[suffix]
    path, points_path = model / f"images{suffix}", model / f"points3D{suffix}"
    cameras, images = reader.read_cameras(model / f"cameras{suffix}"), reader.read_images(path)
    if not images:
        raise DatasetError(f"{path}: no views: no picture in it was placed")
    for image in images:
        if image.camera not in cameras:
            raise DatasetError(f"{path}: image {shorten(image.name)}: no camera {image.camera} in cameras{suffix}")
    seen = reader.read_points(points_path) if points_path.is_file() else np.empty((0, 3))
    _tell_other_models(model, remarks)
    if model == project:
        project = _project_of(model, images[0].name)
    place = chosen or find_pictures(project, images[0].name) or PICTURES[0]
    lenses = {number: _describe(camera) for number, camera in cameras.items()}
    frames = [{"file_path": f"{place}/{image.name}"} | lenses[image.camera] for image in images]
    return Reconstruction(path, project, frames, np.array([image.camera_to_world for image in images]), seen)


def _find_model(project: Path) -> Path | None:
    places = [project if place == "." else project / place for place in _PLACES]
    numbered = sorted((project / "sparse").glob("[0-9]*")) if (project / "sparse").is_dir() else []
    return next((place for place in (*places[:2], *numbered, *places[2:]) if _suffix_of(place) is not None), None)


def _suffix_of(folder: Path) -> str | None:
    """As what a model's files are in ``folder``; None where it has none."""
    for suffix in _READERS:
        if all((folder / f"{name}{suffix}").is_file() for name in ("cameras", "images")):
            return suffix
    return None


def _tell_other_models(model: Path, remarks: Remarks) -> None:
    """Note reconstructions of pictures that COLMAP couldn't join to this one."""
    if model.name.isdigit():
        others = (other for other in sorted(model.parent.iterdir()) if other != model and other.name.isdigit())
        remarks.add_all(
            f"other models beside {model} ({{count}}, first {{first}}) aren't read: to train on one, give its folder",
            (str(other) for other in others if _suffix_of(other) is not None),
        )


def _project_of(model: Path, first: str) -> Path:
    """In which folder the pictures of a model are that was given itself: in it, or one around it."""
    for folder in (model, *list(model.absolute().parents)[:_MOST_PARENTS]):
        if find_pictures(folder, first) is not None:
            return folder
    return model


def _describe(camera: ModelCamera) -> dict[str, Any]:
    """A lens in the words of a transforms.json."""
    values: dict[str, Any] = {"w": camera.width, "h": camera.height}
    for name, value in camera.values.items():
        values |= dict.fromkeys(_FOCAL.get(name, (name,)), value)
    return values | {"camera_model": "OPENCV_FISHEYE" if camera.model.is_fisheye else "OPENCV"}
