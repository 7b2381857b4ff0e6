"""A textured sphere, seen from close up, on a ground plane that goes on far beyond the pictures."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

import numpy as np

from engine.data.color import composite_for_display
from engine.data.views import View
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Split
from engine.link.projection import pixel_directions
from engine.link.scoring import psnr
from engine.link.view_settings import view_settings
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from tests.engine.training.small_run import train
from tests.engine.training.textured_sphere import paint
from tests.scenes import CENTER, RADIUS, looking_at_center

DISTANCE = 3.4 * RADIUS
_SAMPLES = 3  # along a pixel's side
_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
_VIEWS, _HELD_OUT = 24, 5


class PlaneScores(NamedTuple):
    """Mean PSNR of held-out views in dB, display-referred: of the sphere's pixels alone, and of whole pictures."""

    sphere: float
    whole: float


def train_on_plane(device: str, reach: float, *, size: int, steps: int) -> PlaneScores:
    """Train on views of ``size`` pixels a side; ``reach``: see ``scene_bounds``."""
    bounds, views = scene_bounds(reach), make_views(reach, size, _VIEWS)
    settings = view_settings([view.camera for view in views], bounds)
    trainer = Trainer(make_primitive(choose_preset("auto", device, settings), bounds, "linear", device))
    for view in views:
        trainer.primitive.add(view)
    train(trainer, steps)
    renderer, scores = trainer.primitive.viewer(), []
    for view in make_views(reach, size, _HELD_OUT, "test"):
        found = composite_for_display(renderer.render(view.camera).color.cpu().numpy(), "linear", "black")
        truth = composite_for_display(view.color, "linear", "black")
        scores.append(PlaneScores(psnr(found, truth, show_sphere(view)), psnr(found, truth)))
    return PlaneScores(*(statistics.fmean(each) for each in zip(*scores, strict=True)))


def scene_bounds(reach: float) -> Bounds:
    """Of a plane that reaches ``reach`` of the sphere's radii from its centre; 0: of the sphere alone."""
    half = np.array([1.2, 1.2, 1.1]) if not reach else np.array([reach, reach, 1.1])
    return Bounds(CENTER - half * RADIUS, CENTER + half * RADIUS)


def make_views(reach: float, size: int, count: int, split: Split = "train") -> list[View]:
    """``count`` views from all around and above, scene-linear, with alpha and depth as Blender captures them."""
    turn = 0.0 if split == "train" else 0.5
    views = []
    for index in range(count):
        azimuth = (index + turn) * _GOLDEN_ANGLE
        elevation = math.radians(8.0 + 47.0 * (index + 0.5) / count)
        direction = np.array([math.cos(azimuth), math.sin(azimuth), 0.0]) * math.cos(elevation)
        direction[2] = math.sin(elevation)
        pose = looking_at_center(CENTER + DISTANCE * direction)
        camera = Camera(pose, size, size, 1.3 * size, 1.3 * size, size / 2, size / 2)
        views.append(_render(camera, reach, f"{split}_{index:03d}", split))
    return views


def show_sphere(view: View) -> np.ndarray:
    """Which pixels [H, W] of a view show the sphere and nothing else, by its depth."""
    camera = view.camera
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    directions = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
    assert view.depth is not None
    points = camera.position + directions * np.where(np.isfinite(view.depth), view.depth, 0.0)[..., None]
    on = np.linalg.norm(points - CENTER, axis=-1) < 1.01 * RADIUS
    inner = on.copy()
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        inner &= np.roll(on, shift, axis)
    return np.asarray(inner)


def _render(camera: Camera, reach: float, name: str, split: Split) -> View:
    fine = camera.resized(_SAMPLES * camera.width, _SAMPLES * camera.height)
    color, depth = _trace(fine, reach)
    covered = np.isfinite(depth)[..., None].astype(np.float64)
    pixels = np.concatenate([color * covered, covered], axis=-1)
    blocks = (camera.height, _SAMPLES, camera.width, _SAMPLES)
    mean = pixels.reshape(*blocks, 4).mean(axis=(1, 3)).astype(np.float16)
    nearest = depth.reshape(blocks).min(axis=(1, 3)).astype(np.float32)
    return View(name, camera, mean, "linear", nearest, split)


def _trace(camera: Camera, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Colour [H, W, 3] and planar depth [H, W], +inf where nothing is."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T  # planar depth 1 along each
    offset = camera.position - CENTER
    a, b = (rays * rays).sum(-1), rays @ offset
    discriminant = b * b - a * (offset @ offset - RADIUS * RADIUS)
    depth = np.where(discriminant > 0, (-b - np.sqrt(np.maximum(discriminant, 0))) / a, np.inf)
    normals = (offset + rays * np.where(np.isfinite(depth), depth, 0.0)[..., None]) / RADIUS
    dots = np.sin(19.0 * normals).prod(axis=-1, keepdims=True)
    color = paint(normals, has_highlights=False) * (1.0 + 0.6 * dots)
    if reach:
        t = (-RADIUS - offset[2]) / rays[..., 2]
        hit = (offset + rays * np.where(t > 0, t, 0.0)[..., None])[..., :2] / RADIUS
        on = (t > 0) & (t < depth) & (np.abs(hit).max(axis=-1) < reach)
        depth = np.where(on, t, depth)
        planks = 0.3 + 0.12 * np.sin(9.0 * hit[..., :1]) * np.sin(2.0 * hit[..., 1:])
        color = np.where(on[..., None], planks * np.array([1.0, 0.8, 0.6]), color)
    return color, depth
