"""Training and held-out views of the analytic sphere with a texture, with or without highlights, depth and alpha."""

from __future__ import annotations

import functools

import numpy as np

from engine.data.color import to_uint8
from engine.data.views import View
from engine.link.color import encode_srgb
from engine.link.geometry import Camera
from engine.link.messages import ColorSpace, Split
from tests.scenes import picture_of_sphere, sphere_cameras

# How bright the brightest spots are, scene-linear.
HIGHLIGHT = 6.0
# Samples along a pixel's side.
_SAMPLES = 4


def paint(normals: np.ndarray, has_highlights: bool) -> np.ndarray:
    """Scene-linear colour [..., 3] of the sphere where its surface points along ``normals``."""
    stripes = 0.5 + 0.5 * np.sin(7.0 * normals[..., :1]) * np.cos(6.0 * normals[..., 1:2])
    base = 0.15 + 0.35 * (1.0 + normals) * (0.3 + 0.7 * stripes)
    spot = np.exp(-20.0 * (1.0 - normals @ np.array([0.6, 0.0, 0.8])))
    return base + (HIGHLIGHT if has_highlights else 0.0) * spot[..., None]


def make_view(
    camera: Camera,
    name: str,
    color_space: ColorSpace,
    *,
    has_highlights: bool = False,
    with_depth: bool = True,
    with_alpha: bool = True,
    split: Split = "train",
) -> View:
    """The picture from ``camera``, antialiased, depth at pixel centres. Without alpha the background is black."""
    fine = picture_of_sphere(camera.resized(_SAMPLES * camera.width, _SAMPLES * camera.height))[0]
    normals = fine[..., :3].astype(np.float64) * 2.0 - 1.0
    alpha = _average(fine[..., 3:].astype(np.float64))
    linear = _average(paint(normals, has_highlights) * fine[..., 3:])
    depth = picture_of_sphere(camera)[1]
    if not with_alpha:
        alpha = np.ones_like(alpha)
    if color_space == "linear":
        pixels = np.concatenate([linear, alpha], axis=-1).astype(np.float16)
    else:
        straight = linear / np.maximum(alpha, 1e-6)
        pixels = to_uint8(np.concatenate([encode_srgb(straight), alpha], axis=-1))
    return View(name, camera, pixels, color_space, depth if with_depth else None, split)


def training_views(color_space: ColorSpace, count: int = 24, size: int = 48, **options: bool) -> list[View]:
    """``count`` views from all around. They are made once a process: nobody writes into their pixels."""
    return list(_training_views(color_space, count, size, **options))


def held_out_views(color_space: ColorSpace, size: int = 48, count: int = 5, **options: bool) -> list[View]:
    """Views from where no training camera stands, so near that the sphere fills them: they measure its texture.
    A silhouette 48 pixels wide measures above all which side of a pixel's centre the edge falls on."""
    return list(_held_out_views(color_space, size, count, **options))


@functools.cache
def _training_views(color_space: ColorSpace, count: int, size: int, **options: bool) -> tuple[View, ...]:
    cameras = sphere_cameras(count, size)
    return tuple(make_view(camera, f"v{i:03d}", color_space, **options) for i, camera in enumerate(cameras))


@functools.cache
def _held_out_views(color_space: ColorSpace, size: int, count: int, **options: bool) -> tuple[View, ...]:
    cameras = sphere_cameras(count, size, distance=1.15)
    return tuple(make_view(c, f"t{i:03d}", color_space, split="test", **options) for i, c in enumerate(cameras))


def _average(fine: np.ndarray) -> np.ndarray:
    """The mean [H, W, C] float32 over each pixel's samples [H * _SAMPLES, W * _SAMPLES, C]."""
    height, width, channels = fine.shape
    blocks = fine.reshape(height // _SAMPLES, _SAMPLES, width // _SAMPLES, _SAMPLES, channels)
    return blocks.mean(axis=(1, 3)).astype(np.float32)
