"""The views that a scene's run was captured from."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from engine.link.capture_format import MANIFEST, Settings, ViewRecord
from engine.link.color import decode_srgb
from engine.link.geometry import Bounds, extent_of
from engine.link.messages import ColorSpace

from ..background import Task
from ..folders import capture_folder
from ..picture_files.exr import read_exr as read_channels
from .dataset import CaptureDataset, read_png
from .errors import CaptureError
from .passes import read_exr
from .plan_warnings import list_names


@dataclass(frozen=True)
class _Capture:
    """A capture as its manifest was when it was last read."""

    key: tuple[Path, int]
    dataset: CaptureDataset
    views: dict[str, ViewRecord]


_cached: _Capture | None = None
_reading: Task[_Capture | None] | None = None  # for panels
_looked: tuple[Path | None, float] = None, 0.0  # at which manifest, and when


def has_views(scene: bpy.types.Scene) -> bool:
    """Whether any view is captured. Cheap: for panels, which are drawn again and again during a capture."""
    try:
        with os.scandir(capture_folder(scene) / "images") as entries:
            return any(entry.name.endswith((".exr", ".png")) for entry in entries)
    except (OSError, ValueError):
        return False


def captured_views(scene: bpy.types.Scene) -> dict[str, ViewRecord]:
    """The finished views of the scene's capture by name, training views first; empty when there are none.

    The manifest is only read again after it has changed.
    """
    capture = _read_capture(scene)
    return {} if capture is None else capture.views


def known_capture(scene: bpy.types.Scene, max_age: float) -> tuple[Settings, dict[str, ViewRecord]]:
    """What the scene's capture was rendered with and its finished views, as ``known_dataset``; empty while that is not
    known."""
    dataset = known_dataset(scene, max_age)
    if dataset is None or _cached is None:
        return {}, {}
    return dataset.settings, _cached.views


def known_dataset(scene: bpy.types.Scene, max_age: float) -> CaptureDataset | None:
    """The scene's capture, as it was ``max_age`` seconds ago or later; None while that is not known.

    For panels: where there is a window the manifest, which may be long, is read in a thread.
    """
    global _cached, _reading, _looked
    try:
        path = capture_folder(scene) / MANIFEST
    except ValueError:
        return None
    if _reading is not None and not _reading.is_running:
        _cached, _reading = _reading.result() or _cached, None
    now = time.monotonic()
    if _reading is None and not (_looked[0] == path and now - _looked[1] < max_age):
        _looked = path, now
        if bpy.app.background:
            _cached = _read_manifest(path, _cached) or _cached
        else:
            _reading = Task(functools.partial(_read_manifest, path, _cached), "hashlight-manifest")
    if _cached is None or _cached.key[0] != path:
        return None
    return _cached.dataset


def find_truth(scene: bpy.types.Scene, name: str) -> tuple[Path, ColorSpace]:
    """Where the captured picture of view ``name`` is, and what it holds. Raises CaptureError when there is no such
    view."""
    dataset = _dataset_with(scene, name)
    return dataset.image_path(name), dataset.color_space


def find_depth(scene: bpy.types.Scene, name: str) -> Path | None:
    """Where the captured depth of view ``name`` is, None if it has none. Raises CaptureError when there is no such
    view."""
    dataset = _dataset_with(scene, name)
    return dataset.depth_path(name) if dataset.has_depth(name) else None


def find_extent(scene: bpy.types.Scene, name: str) -> Bounds:
    """The box outside of which a field of the capture that view ``name`` belongs to is empty. Raises CaptureError when
    there is no such view."""
    dataset = _dataset_with(scene, name)
    return extent_of(dataset.bounds, int(dataset.settings.get("cascades", 1)))


def _dataset_with(scene: bpy.types.Scene, name: str) -> CaptureDataset:
    find_view(scene, name)
    assert _cached is not None
    return _cached.dataset


def _read_capture(scene: bpy.types.Scene) -> _Capture | None:
    global _cached
    try:
        capture = _read_manifest(capture_folder(scene) / MANIFEST, _cached)
    except ValueError:
        return None
    _cached = capture or _cached
    return capture


def _read_manifest(path: Path, former: _Capture | None) -> _Capture | None:
    """The capture whose manifest is at ``path``, if there is one; ``former`` will do if that is still true. From any
    thread."""
    try:
        key = path, path.stat().st_mtime_ns
        if former is not None and former.key == key:
            return former
        dataset = CaptureDataset.open_shared(path.parent)
    except (OSError, ValueError):
        return None
    finished = [view for view in dataset.views.values() if view.is_done]
    finished.sort(key=lambda view: (view.split != "train", view.name))
    return _Capture(key, dataset, {view.name: view for view in finished})


def find_view(scene: bpy.types.Scene, name: str) -> ViewRecord:
    """The captured view called ``name``. Raises CaptureError when there is none."""
    views = captured_views(scene)
    if name not in views:
        there = f": there are {list_names(list(views))}" if views else ", nor any other"
        raise CaptureError(f"There is no captured view {name!r}{there}" if name else "No captured view is chosen")
    return views[name]


def neighbour(scene: bpy.types.Scene, name: str, step: int) -> str:
    """The captured view that many places after ``name``, around the end; the first for an unknown name. Raises
    CaptureError when nothing is captured."""
    names = list(captured_views(scene))
    if not names:
        raise CaptureError("Nothing is captured yet")
    return names[(names.index(name) + step) % len(names)] if name in names else names[0]


def read_truth(path: Path) -> np.ndarray:
    """A captured picture: [H, W, 4] float16, scene-linear, premultiplied. Any thread. Raises CaptureError naming it."""
    if path.suffix == ".png":
        return _to_linear(read_png(path))
    try:
        channels = read_channels(path)
        return np.stack([channels[name].astype(np.float16) for name in "RGBA"], axis=2)
    except OSError as error:
        raise CaptureError(f"{path}: can't be read ({error.strerror or error})") from None
    except KeyError as error:
        raise CaptureError(f"{path}: has no channel {error.args[0]}") from None
    except ValueError as error:
        raise CaptureError(f"{path}: {error}") from None


def read_depth(path: Path) -> np.ndarray:
    """A captured depth: [H, W] float32, planar z in metres. From any thread. Raises CaptureError naming it."""
    return read_exr(path)[..., 0].astype(np.float32)


def _to_linear(color: np.ndarray) -> np.ndarray:
    """Scene-linear premultiplied [H, W, 4] float16 of sRGB [H, W, 4] uint8 with straight alpha."""
    linear = decode_srgb(np.arange(256, dtype=np.float32) / 255)[color[..., :3]]
    alpha = color[..., 3:].astype(np.float32) / 255
    return np.concatenate((linear * alpha, alpha), axis=2).astype(np.float16)
