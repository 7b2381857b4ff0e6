"""A tiny analytic scene for tests: a coloured sphere at the origin seen from cameras around it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.data.color import to_uint8
from engine.data.dataset import Dataset
from engine.data.views import View
from engine.link.color import encode_srgb
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace

RADIUS = 0.8
ANGLE_OF_VIEW = 0.8
TEST_OFFSET = 0.3


def orbit_camera(index: float, count: int, size: int = 24, distance: float = 4.0) -> Camera:
    """Camera ``index`` of ``count`` on a rising spiral around the origin."""
    azimuth = 2 * math.pi * index / count
    elevation = -0.4 + 1.2 * index / max(count - 1, 1)
    back = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
    pose[:3, 3] = back * distance
    focal = 0.5 * size / math.tan(ANGLE_OF_VIEW / 2)
    return Camera(pose, size, size, focal, focal, size / 2, size / 2)


def render_sphere(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Linear premultiplied colour [H, W, 4] float32 and planar depth [H, W] float32 of the sphere."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    local = np.stack([(x - camera.cx) / camera.fx, -(y - camera.cy) / camera.fy, -np.ones_like(x)], axis=-1)
    directions = local @ camera.camera_to_world[:3, :3].T
    a = (directions**2).sum(-1)
    b = (directions * camera.position).sum(-1)
    c = (camera.position**2).sum() - RADIUS**2
    root = b * b - a * c
    depth = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    hit = np.isfinite(depth)
    points = camera.position + directions * np.where(hit, depth, 0.0)[..., None]
    color = np.zeros((camera.height, camera.width, 4), np.float32)
    color[..., :3] = np.where(hit[..., None], 0.5 + 0.4 * points / RADIUS, 0.0)
    color[..., 3] = hit
    return color, depth.astype(np.float32)


def sphere_view(
    index: float, count: int, color_space: ColorSpace = "linear", size: int = 24, depth: bool = True
) -> View:
    """View ``index`` of ``count``."""
    camera = orbit_camera(index, count, size)
    linear, planar = render_sphere(camera)
    if color_space == "linear":
        color = linear.astype(np.float16)
    else:
        color = to_uint8(np.dstack([encode_srgb(linear[..., :3]), linear[..., 3]]))
    return View(f"view_{index:03.0f}", camera, color, color_space, planar if depth else None)


def sphere_dataset(count: int = 6, held_out: int = 2, color_space: ColorSpace = "linear", size: int = 24) -> Dataset:
    """A dataset of the sphere; the last ``held_out`` views are the test split."""
    views = [sphere_view(index, count, color_space, size) for index in range(count)]
    test = [View(v.name, v.camera, v.color, v.color_space, v.depth, "test") for v in views[count - held_out :]]
    bounds = Bounds(np.full(3, -1.0), np.full(3, 1.0))
    return Dataset(views[: count - held_out], test, bounds, color_space, [], Path())


def write_nerf_synthetic(folder: Path, train: int = 4, test: int = 2, suffix: str = ".png", size: int = 24) -> Path:
    """The sphere in the layout of NeRF-synthetic: file paths without extension, ``camera_angle_x`` alone. Test views
    are from between the others' places."""
    for split, count, first in (("train", train, 0.0), ("test", test, TEST_OFFSET)):
        (folder / split).mkdir(parents=True, exist_ok=True)
        frames = []
        for index in range(count):
            view = sphere_view(index + first, count, "srgb", size)
            Image.fromarray(view.color).save(folder / split / f"r_{index}{suffix}", lossless=True)
            frames.append(
                {"file_path": f"./{split}/r_{index}", "transform_matrix": view.camera.camera_to_world.tolist()}
            )
        write_json(folder / f"transforms_{split}.json", {"camera_angle_x": ANGLE_OF_VIEW, "frames": frames})
    return folder


def write_json(path: Path, values: object) -> Path:
    """Write ``values`` as JSON, NaN allowed, as broken files hold it."""
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def write_transforms(folder: Path, count: int = 4, **extra: Any) -> dict[str, Any]:
    """A single transforms.json with global intrinsics and PNG pictures of the sphere; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for index in range(count):
        view = sphere_view(index, count, "srgb")
        Image.fromarray(view.color).save(folder / f"{index:04d}.png")
        frames.append({"file_path": f"{index:04d}.png", "transform_matrix": view.camera.camera_to_world.tolist()})
    camera = orbit_camera(0, count)
    values = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": 12.5, "cy": 11.0, "w": 24, "h": 24, "frames": frames} | extra
    write_json(folder / "transforms.json", values)
    return values


def edit_first_frame(path: Path, **changes: Any) -> None:
    """Change fields of the first frame of a transforms file."""
    values = json.loads(path.read_text())
    values["frames"][0] |= changes
    write_json(path, values)


def warning_about(dataset: Dataset, *words: str) -> str:
    """The one warning that has all of ``words``."""
    (found,) = [warning for warning in dataset.warnings if all(word in warning for word in words)]
    return found
