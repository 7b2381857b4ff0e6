"""The ``transforms.json`` family: NeRF-synthetic, instant-ngp, nerfstudio and Hashlight's own captures.

All of them store camera-to-world poses for a camera that looks down -Z with +Y up, which is this project's convention
too, so poses are taken as they stand. ``applied_transform`` (nerfstudio) has already been applied by the file's
writer and isn't undone. What differs between the formats is where intrinsics, image sizes and bounds come from.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from engine.data.dataset import DatasetError
from engine.link.geometry import Camera, GeometryError

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".exr")
INTRINSICS = ("camera_angle_x", "camera_angle_y", "fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "p1", "p2")
UNSUPPORTED_DISTORTION = ("k3", "k4", "k5", "k6")
PINHOLE_MODELS = {"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE"}
DEFAULT_DEPTH_UNIT = 0.001  # nerfstudio's: millimetres


@dataclasses.dataclass(frozen=True, eq=False)
class FrameRecord:
    """One entry of ``frames``, checked but with its picture not yet read. ``label`` names it in errors."""

    label: str
    file_path: str
    image: Path
    depth: Path | None
    depth_unit: float
    pose: np.ndarray
    intrinsics: Mapping[str, float]

    def camera(self, width: int, height: int) -> Camera:
        """The camera of a ``width`` x ``height`` picture. Raises DatasetError where the file says another size."""
        given = self.intrinsics
        said = (int(given.get("w", width)), int(given.get("h", height)))
        if said != (width, height):
            raise DatasetError(
                f"{self.label}: {self.image} is {width}x{height}, but the camera says {said[0]}x{said[1]}"
            )
        fx, fy = self._focal_lengths(width, height)
        try:
            return Camera(
                camera_to_world=self.pose,
                width=width,
                height=height,
                fx=fx,
                fy=fy,
                cx=given.get("cx", width / 2),
                cy=given.get("cy", height / 2),
                **{name: given.get(name, 0.0) for name in ("k1", "k2", "p1", "p2")},
            )
        except GeometryError as error:
            raise DatasetError(f"{self.label}: {error}") from None

    def _focal_lengths(self, width: int, height: int) -> tuple[float, float]:
        given = self.intrinsics
        fx = given.get("fl_x", self._focal_from_angle("camera_angle_x", width))
        fy = given.get("fl_y", self._focal_from_angle("camera_angle_y", height))
        if fx is None and fy is None:
            raise DatasetError(f"{self.label}: no focal length (fl_x or camera_angle_x)")
        return (fx if fx is not None else fy, fy if fy is not None else fx)  # type: ignore[return-value]

    def _focal_from_angle(self, field: str, pixels: int) -> float | None:
        angle = self.intrinsics.get(field)
        if angle is None:
            return None
        if not 0.0 < angle < math.pi:
            raise DatasetError(f"{self.label}: {field}: an angle of view lies between 0 and pi, got {angle}")
        return 0.5 * pixels / math.tan(0.5 * angle)


@dataclasses.dataclass(frozen=True, eq=False)
class Transforms:
    """One read file: ``values`` is its whole JSON object."""

    path: Path
    values: Mapping[str, Any]
    frames: list[FrameRecord]
    warnings: list[str]


def read_transforms(path: Path) -> Transforms:
    """Read and check one file. Every pose, focal length and number is checked here, before any picture is read.

    Raises DatasetError naming the file, the frame and the field.
    """
    values = read_json_object(path)
    frames = values.get("frames")
    if not isinstance(frames, list):
        raise DatasetError(f'{path}: no list "frames" in it')
    if not frames:
        raise DatasetError(f'{path}: no views: "frames" is empty')
    common = _intrinsics(values, str(path))
    records = [_read_frame(path, index, frame, values, common) for index, frame in enumerate(frames)]
    return Transforms(path, values, records, _distortion_warnings(path, values))


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object. Raises DatasetError that names the file and the line."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: not a JSON file (not text in UTF-8)") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not a JSON file (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise DatasetError(f"{path}: not a usable JSON file (nested too deeply)") from None
    if not isinstance(values, dict):
        raise DatasetError(f"{path}: expected a JSON object, got {type(values).__name__}")
    return values


def number(values: Mapping[str, Any], field: str, where: str) -> float | None:
    """A finite number from a JSON object, or None where the field is missing. Raises DatasetError otherwise."""
    value = values.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DatasetError(f"{where}: {field}: expected a finite number, got {value!r}")
    return float(value)


def _read_frame(
    path: Path, index: int, frame: Any, values: Mapping[str, Any], common: Mapping[str, float]
) -> FrameRecord:
    label = f"{path}: frame {index}"
    if not isinstance(frame, dict):
        raise DatasetError(f"{label}: expected an object, got {type(frame).__name__}")
    file_path = frame.get("file_path")
    if not isinstance(file_path, str) or not PureWindowsPath(file_path).name:
        raise DatasetError(f"{label}: no file_path")
    label = f"{label} ({file_path})"
    model = frame.get("camera_model", values.get("camera_model", "OPENCV"))
    if model not in PINHOLE_MODELS:
        raise DatasetError(
            f"{label}: camera_model {model!r} isn't supported, only pinhole cameras with OpenCV distortion"
        )
    depth_path = frame.get("depth_file_path", frame.get("depth_path"))
    if depth_path is not None and not isinstance(depth_path, str):
        raise DatasetError(f"{label}: depth_file_path: expected text, got {type(depth_path).__name__}")
    record = FrameRecord(
        label=label,
        file_path=file_path,
        image=_find_image(path.parent, file_path),
        depth=_resolve(path.parent, depth_path) if depth_path else None,
        depth_unit=_depth_unit(values, str(path)),
        pose=_pose(frame.get("transform_matrix"), label),
        intrinsics={**common, **_intrinsics(frame, label)},
    )
    # Builds a camera of a stand-in size where the file names none, so that bad poses and lenses show before decoding.
    record.camera(*(int(record.intrinsics.get(side, 1)) for side in ("w", "h")))
    return record


def _intrinsics(values: Mapping[str, Any], where: str) -> dict[str, float]:
    found = {field: value for field in INTRINSICS if (value := number(values, field, where)) is not None}
    for side in ("w", "h"):
        if side in found and found[side] != int(found[side]):
            raise DatasetError(f"{where}: {side}: expected a whole number of pixels, got {found[side]}")
    return found


def _pose(matrix: Any, label: str) -> np.ndarray:
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise DatasetError(f"{label}: transform_matrix: not a matrix of numbers") from None
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4):
        raise DatasetError(f"{label}: transform_matrix: expected 4x4 numbers, got shape {list(pose.shape)}")
    return pose


def _depth_unit(values: Mapping[str, Any], where: str) -> float:
    for field in ("depth_unit_scale_factor", "integer_depth_scale"):
        unit = number(values, field, where)
        if unit is not None and unit > 0.0:
            return unit
    return DEFAULT_DEPTH_UNIT


def _distortion_warnings(path: Path, values: Mapping[str, Any]) -> list[str]:
    ignored = [field for field in UNSUPPORTED_DISTORTION if number(values, field, str(path))]
    return [f"{path}: the distortion terms {', '.join(ignored)} are ignored; k1 k2 p1 p2 are used"] if ignored else []


def _resolve(folder: Path, file_path: str) -> Path:
    # A file written on Windows may hold backslashes; PureWindowsPath takes both kinds on every system.
    return folder / PureWindowsPath(file_path).as_posix()


def _find_image(folder: Path, file_path: str) -> Path:
    path = _resolve(folder, file_path)
    if path.is_file() or path.suffix.lower() in (*IMAGE_SUFFIXES, ".hdr"):
        return path
    # Without an extension .png is meant; datasets that were re-encoded to save space keep the old names.
    candidates = [path.with_name(path.name + suffix) for suffix in IMAGE_SUFFIXES]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])
