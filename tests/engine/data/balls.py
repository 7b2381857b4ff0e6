"""Three balls before nothing, for tests: a subject that looks another way from everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.data.color import to_uint8
from engine.data.exr import write_exr
from engine.link.geometry import Camera
from engine.link.projection import pixel_directions
from tests.engine.data.scenes import orbit_camera, write_json

BALLS = (((0.4, 0.0, -0.3), 0.5), ((-0.3, 0.5, 0.1), 0.35), ((-0.2, -0.4, 0.5), 0.3))
SIZE = 48


def balls_depth(camera: Camera) -> np.ndarray:
    """Planar depth [H, W], +inf where nothing is."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
    depth = np.full(x.shape, np.inf)
    for center, radius in BALLS:
        away = camera.position - np.array(center)
        a, b, c = (rays**2).sum(axis=-1), rays @ away, away @ away - radius**2
        root = b * b - a * c
        there = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0.0))) / a, np.inf)
        depth = np.minimum(depth, there)
    return depth


def balls_color(camera: Camera) -> np.ndarray:
    """Colour by place, with alpha: [H, W, 4] uint8."""
    depth = balls_depth(camera)
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
    hit = np.isfinite(depth)
    points = camera.position + rays * np.where(hit, depth, 0.0)[..., None]
    color = np.where(hit[..., None], 0.5 + 0.4 * np.sin(4.0 * points), 0.0)
    return to_uint8(np.dstack([color, hit]))


def orbit(count: int, offset: float = 0.0) -> list[Camera]:
    """Cameras on a spiral around the balls."""
    return [orbit_camera(index + offset, count, SIZE) for index in range(count)]


def write_balls(
    path: Path, cameras: list[Camera], poses: list[np.ndarray] | None = None, depth: bool = False, **extra: Any
) -> None:
    """A list at ``path`` with pictures beside it, from ``cameras``, that says ``poses`` of them."""
    frames = []
    for index, camera in enumerate(cameras):
        name = f"{path.stem}_{index:02d}"
        Image.fromarray(balls_color(camera)).save(path.with_name(f"{name}.png"))
        pose = camera.camera_to_world if poses is None else poses[index]
        frames.append({"file_path": f"{name}.png", "transform_matrix": pose.tolist()})
        if depth:
            write_exr(path.with_name(f"{name}.exr"), {"V": balls_depth(camera).astype(np.float32)})
            frames[-1]["depth_file_path"] = f"{name}.exr"
    write_json(path, {"fl_x": cameras[0].fx, "aabb": [[-1, -1, -1], [1, 1, 1]], "frames": frames} | extra)
