"""Small scenes known by formula, so that pictures of them are exact: colour, alpha and depth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from engine.data.views import View
from engine.link.geometry import Bounds, Camera
from engine.link.messages import RadianceFieldSpec
from engine.link.presets import DEFAULT_FIELD
from engine.link.projection import pixel_directions

RADIUS = 0.5
CENTER = np.array([0.2, -0.1, 0.3])


def sphere_bounds() -> Bounds:
    """A box with some room around the sphere."""
    return Bounds(CENTER - 1.2 * RADIUS, CENTER + 1.2 * RADIUS)


def sphere_field(field: str = DEFAULT_FIELD) -> RadianceFieldSpec:
    """What a run that learns the sphere is asked for with."""
    return RadianceFieldSpec(bounds=sphere_bounds(), field=field)


def sphere_cameras(count: int, size: int, distance: float = 2.0) -> list[Camera]:
    """``count`` cameras spread evenly around the sphere, all looking at its centre, ``size`` pixels square."""
    golden = math.pi * (3 - math.sqrt(5))
    heights = [1 - (2 * index + 1) / count for index in range(count)]
    directions = [
        np.array([math.cos(golden * i) * math.sqrt(1 - z * z), math.sin(golden * i) * math.sqrt(1 - z * z), z])
        for i, z in enumerate(heights)
    ]
    focal = size * 1.5
    return [
        Camera(looking_at_center(CENTER + distance * direction), size, size, focal, focal, size / 2, size / 2)
        for direction in directions
    ]


def picture_of_sphere(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Colour [H, W, 4] float16 premultiplied scene-linear and planar depth [H, W] float32 of the sphere, sampled at
    pixel centres. Its colour is smooth: (1 + normal) / 2."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T  # planar depth 1 along each
    offset = camera.position - CENTER
    a = (rays * rays).sum(-1)
    b = rays @ offset
    discriminant = b * b - a * (offset @ offset - RADIUS * RADIUS)
    is_hit = discriminant > 0
    depth = np.where(is_hit, (-b - np.sqrt(np.maximum(discriminant, 0))) / a, np.inf)
    points = camera.position + rays * np.where(is_hit, depth, 0.0)[..., None]
    color = np.concatenate([(1 + (points - CENTER) / RADIUS) / 2, np.ones((*is_hit.shape, 1))], axis=-1)
    return np.where(is_hit[..., None], color, 0.0).astype(np.float16), depth.astype(np.float32)


def as_fisheye(camera: Camera) -> Camera:
    """A wide fisheye camera in the place of ``camera``."""
    terms = {"k1": -0.03, "k2": 0.008, "k3": -0.003, "k4": 0.0004}
    wide = {"fx": 0.4 * camera.width, "fy": 0.4 * camera.width}
    return dataclasses.replace(camera, projection="fisheye", **wide, **terms)


def sphere_views(count: int, size: int, cameras: Sequence[Camera] | None = None) -> list[View]:
    """Training views of the sphere with exact colour, alpha and depth, named v000, v001, ..."""
    cameras = cameras or sphere_cameras(count, size)
    return [
        View(f"v{index:03d}", camera, color, "linear", depth)
        for index, camera in enumerate(cameras)
        for color, depth in [picture_of_sphere(camera)]
    ]


def looking_at_center(position: np.ndarray) -> np.ndarray:
    backward = position - CENTER
    backward = backward / np.linalg.norm(backward)
    up = np.array([0.0, 0.0, 1.0]) if abs(backward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backward, right), backward], axis=1)
    pose[:3, 3] = position
    return pose
