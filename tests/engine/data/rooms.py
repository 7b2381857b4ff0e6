"""A painted room for tests, which photographs show all around."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.data.color import to_uint8
from engine.link.geometry import Camera
from engine.link.projection import pixel_directions
from tests.engine.data.scenes import write_json

SIZE = 48


def look(position: tuple[float, float, float], at: tuple[float, float, float]) -> Camera:
    """A camera of 60 degrees, upright."""
    back = np.array(position) - at
    back /= np.linalg.norm(back)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(back, right), back, position], axis=1)
    focal = 0.5 * SIZE / math.tan(math.radians(30.0))
    return Camera(pose, SIZE, SIZE, focal, focal, SIZE / 2, SIZE / 2)


def room_depth(camera: Camera) -> np.ndarray:
    """Planar depth [H, W] of a cube of 6 m, from within."""
    with np.errstate(divide="ignore"):
        return ((3.0 * np.sign(_rays(camera)) - camera.position) / _rays(camera)).min(axis=-1)


def in_room(camera: Camera) -> np.ndarray:
    """A photograph [H, W, 3] in a painted cube of 6 m."""
    points = camera.position + _rays(camera) * room_depth(camera)[..., None]
    random = np.random.default_rng(1)
    paint = [np.sin(points @ random.normal(0.0, 4.0, 3) + random.uniform(0.0, 6.0)) for _ in range(12)]
    return np.stack([0.5 + 0.1 * np.sum(paint[channel::3], axis=0) for channel in range(3)], axis=-1)


def _rays(camera: Camera) -> np.ndarray:
    """To each pixel, 1 m deep: [H, W, 3] in world space."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T


def ring(count: int, radius: float, reach: float) -> list[Camera]:
    """Cameras on a circle that look at one of radius ``reach`` around the same middle."""
    angles = np.linspace(0.0, 2 * math.pi, count, endpoint=False)
    return [
        look((radius * math.cos(a), radius * math.sin(a), 0.6), (reach * math.cos(a), reach * math.sin(a), 0.0))
        for a in angles
    ]


def wall(columns: int, rows: int) -> list[Camera]:
    """Cameras side by side and above each other that look the same way."""
    places = [(0.5 * column - 1.0, 0.5 * row - 0.5) for column in range(columns) for row in range(rows)]
    return [look((x, -1.0, z), (x, 3.0, z)) for x, z in places]


CAMERAS: dict[str, Callable[[], list[Camera]]] = {
    "around": lambda: ring(12, 2.0, 0.0),
    "outwards": lambda: ring(16, 0.4, 2.0),
    "side by side": lambda: wall(5, 3),
}


def write_photographs(folder: Path, cameras: list[Camera], **extra: Any) -> Path:
    frames = []
    for index, camera in enumerate(cameras):
        Image.fromarray(to_uint8(in_room(camera))).save(folder / f"{index:02d}.png")
        frames.append({"file_path": f"{index:02d}.png", "transform_matrix": camera.camera_to_world.tolist()})
    return write_json(folder / "transforms.json", {"fl_x": cameras[0].fx, "aabb_scale": 4, "frames": frames} | extra)
