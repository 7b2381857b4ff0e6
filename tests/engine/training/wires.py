"""Views of thin wires above a ground plate, antialiased, with alpha and depth as Blender captures them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from engine.data.views import View
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Split
from tests.scenes import CENTER, sphere_cameras

DISTANCE = 3.4
# Samples along a pixel's side.
_SAMPLES = 4
_PLATE_HEIGHT = -0.55
_PLATE_RADIUS = 1.0


def wire_bounds() -> Bounds:
    """The box that holds the wires and, if there is one, the plate."""
    half = np.array([1.05, 1.05, 0.6])
    return Bounds(CENTER - half, CENTER + half)


def make_wires(widths: list[float], size: int, seed: int = 3) -> np.ndarray:
    """Segments [n, 7] (from, to, radius), eight of each of ``widths``, in pixels of a picture ``size`` pixels wide."""
    random = np.random.default_rng(seed)
    pixel = DISTANCE / (1.5 * size)  # sphere_cameras' focal length
    segments = []
    for width in widths:
        for _ in range(8):
            azimuth, lean = random.uniform(0, 2 * math.pi), random.uniform(-0.5, 0.5, 2)
            foot = np.array([0.75 * math.cos(azimuth), 0.75 * math.sin(azimuth), 0.0]) * random.uniform(0.2, 1.0)
            start = foot + np.array([0.0, 0.0, _PLATE_HEIGHT])
            end = foot * 0.9 + 0.5 * np.array([lean[0], lean[1], 1.0])
            segments.append([*(start + CENTER), *(end + CENTER), 0.5 * width * pixel])
    return np.array(segments)


def make_views(
    widths: list[float], size: int, count: int, *, with_plate: bool, with_depth: bool = True, split: Split = "train"
) -> list[View]:
    """``count`` views from all around, scene-linear."""
    wires = make_wires(widths, size)
    turn = 0.0 if split == "train" else 0.37
    return [
        _render(_turned(camera, turn), f"{split}_{index:03d}", wires, with_plate, with_depth, split)
        for index, camera in enumerate(sphere_cameras(count, size, distance=DISTANCE))
    ]


def _turned(camera: Camera, angle: float) -> Camera:
    c, s = math.cos(angle), math.sin(angle)
    turn, move = np.eye(4), np.eye(4)
    turn[:2, :2], move[:3, 3] = [[c, -s], [s, c]], CENTER
    return dataclasses.replace(camera, camera_to_world=move @ turn @ np.linalg.inv(move) @ camera.camera_to_world)


def _render(camera: Camera, name: str, wires: np.ndarray, with_plate: bool, with_depth: bool, split: Split) -> View:
    side = _SAMPLES * camera.width
    fine = camera.resized(side, _SAMPLES * camera.height)
    y, x = np.mgrid[: fine.height, : fine.width] + 0.5
    local = np.stack([(x - fine.cx) / fine.fx, -(y - fine.cy) / fine.fy, -np.ones_like(x)], axis=-1)
    directions = (local @ camera.camera_to_world[:3, :3].T).reshape(-1, 3)
    origin = camera.camera_to_world[:3, 3]
    depth = np.full(len(directions), np.inf)
    color = np.zeros((len(directions), 3))
    if with_plate:
        t = (CENTER[2] + _PLATE_HEIGHT - origin[2]) / directions[:, 2]
        hit = origin + directions * t[:, None] - CENTER
        on = (t > 0) & (np.hypot(hit[:, 0], hit[:, 1]) < _PLATE_RADIUS)
        depth[on] = t[on]
        color[on] = 0.35 + 0.1 * np.sin(9 * hit[on, :1])
    for index, (*ends, radius) in enumerate(wires):
        start, axis = np.array(ends[:3]), np.array(ends[3:]) - np.array(ends[:3])
        rays = _rays_near(fine, np.array([start, start + axis]), radius)
        t, along, gap = _closest(origin, directions[rays], start, axis)
        is_hit = (gap < radius) & (along > 0.0) & (along < 1.0) & (t < depth[rays])
        depth[rays[is_hit]] = t[is_hit]
        color[rays[is_hit]] = 0.1 + 0.8 * np.array([index % 2, index // 2 % 2, index // 4 % 2])
    covered = np.isfinite(depth).astype(np.float64)
    pixels = np.concatenate([color * covered[:, None], covered[:, None]], axis=1)
    blocks = (camera.height, _SAMPLES, camera.width, _SAMPLES)
    mean = pixels.reshape(*blocks, 4).mean(axis=(1, 3)).astype(np.float16)
    # As Cycles' pass: one of the pixel's samples, whichever meets something.
    nearest = depth.reshape(blocks).min(axis=(1, 3)).astype(np.float32)
    return View(name, camera, mean, "linear", nearest if with_depth else None, split)


def _rays_near(camera: Camera, ends: np.ndarray, radius: float) -> np.ndarray:
    """Numbers of the picture's pixels in the rectangle around a segment between ``ends`` [2, 3]: no others can meet
    it."""
    local = (ends - camera.position) @ camera.camera_to_world[:3, :3]
    distance = -local[:, 2]
    margin = 2.0 * radius * camera.fx / distance.min() + 1.0
    x = camera.cx + camera.fx * local[:, 0] / distance
    y = camera.cy - camera.fy * local[:, 1] / distance
    columns = np.arange(*_inside(x.min() - margin, x.max() + margin, camera.width))
    rows = np.arange(*_inside(y.min() - margin, y.max() + margin, camera.height))
    return (rows[:, None] * camera.width + columns).ravel()


def _inside(first: float, last: float, size: int) -> tuple[int, int]:
    return max(math.floor(first), 0), min(math.ceil(last), size)


def _closest(
    origin: np.ndarray, directions: np.ndarray, start: np.ndarray, axis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rays pass a segment's line most closely: along the ray, along the segment (0 to 1), and how closely."""
    w = origin - start
    a, b, c = (directions**2).sum(1), directions @ axis, axis @ axis
    d, e = directions @ w, w @ axis
    determinant = a * c - b * b
    t = (b * e - c * d) / determinant
    along = np.clip((a * e - b * d) / determinant, 0.0, 1.0)
    gap = np.linalg.norm(w + directions * t[:, None] - along[:, None] * axis, axis=1)
    return t, (a * e - b * d) / determinant, gap
