"""The captured dataset on disk (``engine.link.capture_format``), and the manifest by which a capture is resumed.

Every file is there whole or not at all, and nothing is ever deleted. A dataset that the engine imported lies in such a
folder, too: its pictures may be sRGB, and its cameras may have lens distortion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.link.capture_format import (
    FOLDERS,
    FORMAT,
    MANIFEST,
    Settings,
    ViewRecord,
    depth_file,
    describe_frame,
    describe_manifest,
    describe_transforms,
    image_file,
    transforms_file,
)
from engine.link.geometry import Bounds, Camera, GeometryError
from engine.link.messages import ColorSpace, Split

from ..picture_files.exr import write_atomically, write_exr
from ..picture_files.png import decode_png
from .errors import CaptureError
from .passes import read_exr


class CaptureDataset:
    """A capture folder: which views it is to hold, which it holds already, and their pictures."""

    def __init__(self, folder: Path, settings: Settings, bounds: Bounds, views: Sequence[ViewRecord]) -> None:
        """Start a capture of ``views`` in ``folder``, or resume the one that is there.

        ``settings`` are all that decide how pictures look. Raises CaptureError when the folder can't be written, or
        holds a capture with other settings or cameras: the two would be mixed.
        """
        self.folder = folder
        self.settings = dict(settings)
        self.bounds = bounds
        self.views = {view.name: view for view in views}
        self._adopt_finished()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in FOLDERS:
                (self.folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self._write_json()

    @classmethod
    def open(cls, folder: Path) -> CaptureDataset:
        """The capture that is in ``folder``, to read from; nothing is written. Raises CaptureError if there is none."""
        dataset = cls.__new__(cls)
        dataset.folder = folder
        dataset.settings, dataset.bounds, views = _read_manifest(folder / MANIFEST)
        dataset.views = {view.name: view for view in views}
        return dataset

    @property
    def color_space(self) -> ColorSpace:
        """What the pictures are: scene-linear EXR, or sRGB PNG."""
        return "srgb" if self.settings.get("color_space") == "srgb" else "linear"

    @property
    def imported_from(self) -> str:
        """The dataset that this is a copy of; "" for a capture of Blender's."""
        return str(self.settings.get("imported_from", ""))

    def image_path(self, name: str) -> Path:
        """Where the colour of view ``name`` is."""
        return self.folder / image_file(name, self.color_space)

    def depth_path(self, name: str) -> Path:
        """Where the depth of view ``name`` is."""
        return self.folder / depth_file(name)

    def write(self, name: str, color: np.ndarray, depth: np.ndarray | None, render_seconds: float) -> None:
        """Store a finished view: ``color`` [H, W, 4] float16, ``depth`` [H, W] float32. From any thread. Raises
        CaptureError."""
        try:
            write_exr(self.image_path(name), {channel: color[..., i] for i, channel in enumerate("RGBA")})
            if depth is not None:
                write_exr(self.depth_path(name), {"V": depth})
        except OSError as error:
            raise _unwritable(self.image_path(name), error) from None
        self.views[name].render_seconds = render_seconds
        self._write_json()

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        """The pictures of a finished view, as they were written: colour [H, W, 4], float16 or for sRGB uint8, and
        depth. From any thread. Raises CaptureError that names a file which is no good."""
        view = self.views[name]
        color = self._read_picture(self.image_path(name), view.camera)
        if self.color_space == "linear":
            color = color.astype(np.float16, copy=False)
        if not (self.settings.get("depth") if view.depth is None else view.depth):
            return color, None
        return color, self._read_picture(self.depth_path(name), view.camera)[..., 0].astype(np.float32)

    @staticmethod
    def _read_picture(path: Path, camera: Camera) -> np.ndarray:
        pixels = read_exr(path) if path.suffix == ".exr" else read_png(path)
        if pixels.shape[:2] != (camera.height, camera.width):
            size = f"{pixels.shape[1]}x{pixels.shape[0]}"
            raise CaptureError(f"{path}: is {size} pixels, its camera says {camera.width}x{camera.height}")
        return pixels

    def _adopt_finished(self) -> None:
        """Take over what an interrupted capture in this folder has finished."""
        path = self.folder / MANIFEST
        if not path.is_file():
            return
        former_settings, _, former_views = _read_manifest(path)
        if source := former_settings.get("imported_from"):
            raise CaptureError(
                f"{self.folder} holds the dataset imported from {source}: choose another folder to capture into"
            )
        for key in sorted({*former_settings, *self.settings}):
            before, now = former_settings.get(key), self.settings.get(key)
            if before != now:
                raise CaptureError(
                    f"{self.folder} holds a capture with {key} {before!r}, now it is {now!r}: "
                    "set it back to resume, or choose another folder"
                )
        for former in former_views:
            view = self.views.get(former.name)
            if view is not None and not _same_view(view, former):
                raise CaptureError(
                    f"{self.folder} holds a capture in which view {former.name} has another camera: "
                    "choose another folder for this one"
                )
            if former.is_done and self.image_path(former.name).is_file():
                if view is None:
                    self.views[former.name] = former  # no longer planned, but as good as the others
                else:
                    view.render_seconds = former.render_seconds

    def _write_json(self) -> None:
        files = {MANIFEST: describe_manifest(self.settings, self.bounds, self.views.values())}
        splits: tuple[Split, ...] = ("train", "test")
        for split in splits:
            finished = [view for view in self.views.values() if view.split == split and view.is_done]
            has_depth = bool(self.settings.get("depth"))
            frames = [describe_frame(view.name, view.camera, self.color_space, has_depth) for view in finished]
            files[transforms_file(split)] = describe_transforms(self.color_space, self.bounds, frames)
        for name, content in files.items():
            try:
                write_atomically(self.folder / name, json.dumps(content, indent=1).encode())
            except OSError as error:
                raise _unwritable(self.folder / name, error) from None


def read_png(path: Path) -> np.ndarray:
    """A picture of an imported dataset: [H, W, 4] uint8 sRGB, straight alpha. From any thread. Raises CaptureError."""
    try:
        pixels = decode_png(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return pixels if pixels.shape[2] == 4 else np.dstack((pixels, np.full(pixels.shape[:2], 255, np.uint8)))


def _read_manifest(path: Path) -> tuple[dict[str, Any], Bounds, list[ViewRecord]]:
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise CaptureError(f"{path}: written by another version of Hashlight: choose another folder")
        views = [ViewRecord.from_json(view) for view in manifest["views"]]
        return dict(manifest["settings"]), Bounds.from_json(manifest["bounds"]), views
    except OSError as error:
        raise CaptureError(f"{path}: can't be read ({error.strerror})") from None
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError, GeometryError):
        raise CaptureError(f"{path}: not a capture's manifest: choose another folder") from None


def _same_view(one: ViewRecord, other: ViewRecord) -> bool:
    intrinsics = [[c.width, c.height, c.fx, c.fy, c.cx, c.cy] for c in (one.camera, other.camera)]
    return (
        (one.split, one.frame) == (other.split, other.frame)
        and np.allclose(*intrinsics, rtol=0.0, atol=1e-3)
        and np.allclose(one.camera.camera_to_world, other.camera.camera_to_world, rtol=0.0, atol=1e-5)
    )


def _unwritable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(f"{path}: can't be written ({error.strerror or error})")
