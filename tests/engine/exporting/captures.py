"""Captures to export: a sphere known by formula, with exact depth, through a shifted lens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.data.capture_folder import save_dataset
from engine.data.dataset import Dataset
from engine.data.views import View
from engine.exporting.exporters import DatasetOptions, ExportedDataset, exporter_for
from engine.link.geometry import Camera
from tests.scenes import CENTER, RADIUS, sphere_bounds, sphere_cameras, sphere_views

SIZE = 64


def shifted(camera: Camera) -> Camera:
    """The same camera with pixels that aren't square and its lens off the middle."""
    return dataclasses.replace(camera, cx=camera.cx + 3.5, cy=camera.cy - 2.25, fy=camera.fy * 1.02)


def sphere_capture(count: int = 8, held_out: int = 2, change: Callable[[Camera], Camera] = shifted) -> Dataset:
    """Views of the sphere; the last ``held_out`` are the test split."""
    views = sphere_views(count, SIZE, [change(camera) for camera in sphere_cameras(count, SIZE)])
    test = [dataclasses.replace(view, split="test") for view in views[count - held_out :]]
    return Dataset(views[: count - held_out], test, sphere_bounds(), "linear", [], Path())


def write_capture(folder: Path, dataset: Dataset | None = None) -> Path:
    """A capture's folder."""
    save_dataset(folder, dataset or sphere_capture())
    return folder


def with_views(dataset: Dataset, change: Callable[[View], View]) -> Dataset:
    """The same with all views changed."""
    train, test = ([change(view) for view in part] for part in (dataset.train, dataset.test))
    return dataclasses.replace(dataset, train=train, test=test, color_space=train[0].color_space)


def export(name: str, source: Path, target: Path, options: DatasetOptions | None = None) -> ExportedDataset:
    """Export without anybody to tell how far it has come."""
    return exporter_for(name).export(source, target, options or DatasetOptions(points=400), lambda *_: None)


def off_sphere(points: np.ndarray) -> np.ndarray:
    """How far points are from the sphere's surface, metres."""
    return np.abs(np.linalg.norm(points - CENTER, axis=1) - RADIUS)
