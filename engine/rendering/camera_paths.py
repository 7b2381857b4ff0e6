"""Camera paths to render along: turntables, JSON files, and films between key cameras."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.link.camera_paths import MAX_FRAMES, Framing, Orbit, turntable
from engine.link.geometry import Camera, GeometryError
from engine.link.json_files import JsonError, read_json
from engine.link.part_files import written_atomically

__all__ = ["CameraPathError", "Framing", "Orbit", "interpolate", "load_camera_path", "save_camera_path", "turntable"]


class CameraPathError(ValueError):
    """A camera path that can't be used; the message names the file, and the camera and field at fault."""


def load_camera_path(path: Path) -> list[Camera]:
    """Read a JSON file with a list of cameras (``Camera.to_json`` each), or an object with that list in "cameras"."""
    try:
        values: Any = read_json(path)
    except OSError as error:
        raise CameraPathError(f"{path}: can't be read ({error.strerror or error})") from None
    except JsonError as error:
        raise CameraPathError(f"{path}: not a JSON file ({error})") from None
    entries = values.get("cameras") if isinstance(values, dict) else values
    if not isinstance(entries, list) or not entries:
        raise CameraPathError(f'{path}: expected a list of cameras, or an object with one in "cameras"')
    if len(entries) > MAX_FRAMES:
        raise CameraPathError(f"{path}: {len(entries)} cameras, more than {MAX_FRAMES}")
    cameras = []
    for index, entry in enumerate(entries):
        try:
            cameras.append(Camera.from_json(entry))
        except GeometryError as error:
            raise CameraPathError(f"{path}: camera {index}: {error}") from None
    return cameras


def save_camera_path(path: Path, cameras: Sequence[Camera]) -> None:
    """Write ``cameras`` so that ``load_camera_path`` reads them back exactly."""
    with written_atomically(path) as temporary:
        temporary.write_text(json.dumps([camera.to_json() for camera in cameras], indent=1), encoding="utf-8")


def interpolate(keys: Sequence[Camera], frames: int) -> list[Camera]:
    """``frames`` cameras from the first key to the last, evenly spaced in key number.

    Positions and lenses follow a cubic spline through the keys, rotations the shortest turn between them. The pictures
    keep the first key's size. Raises CameraPathError for fewer than two keys or a number of frames out of range.
    """
    from scipy.interpolate import CubicSpline
    from scipy.spatial.transform import Rotation, Slerp

    if len(keys) < 2:
        raise CameraPathError("a path to interpolate needs two cameras or more")
    if not 1 <= frames <= MAX_FRAMES:
        raise CameraPathError(f"frames: {frames} is outside 1..{MAX_FRAMES}")
    width, height = keys[0].width, keys[0].height
    keys = [key.resized(width, height) for key in keys]
    times = np.linspace(0.0, len(keys) - 1.0, frames)
    numbers = np.arange(len(keys))
    positions = CubicSpline(numbers, [key.position for key in keys])(times)
    rotations = Slerp(numbers, Rotation.from_matrix([key.camera_to_world[:3, :3] for key in keys]))(times).as_matrix()
    lenses = CubicSpline(numbers, [(key.fx, key.fy, key.cx, key.cy) for key in keys])(times)
    cameras = []
    for position, rotation, (fx, fy, cx, cy) in zip(positions, rotations, lenses, strict=True):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, position
        cameras.append(Camera(pose, width, height, fx, fy, cx, cy))
    return cameras
