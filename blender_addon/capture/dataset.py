"""The captured dataset on disk (``engine.link.capture_format``), and the manifest by which a capture is resumed.

Every file is there whole or not at all, and nothing is ever deleted. A dataset that the engine imported lies in such a
folder, too: its pictures may be sRGB, and its cameras may have lens distortion.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.link.capture_format import (
    FOLDERS,
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
from engine.link.disk import sync_folder
from engine.link.geometry import Bounds, Camera
from engine.link.manifest import Manifest, ManifestError, read_manifest
from engine.link.messages import ColorSpace, Split
from engine.link.part_files import remove_leftovers, write_whole

from ..blender_libraries import LibraryMissing, open_image_io
from ..picture_files.exr import write_exr
from ..picture_files.png import read_png as read_png_file
from .errors import CaptureError, ChangedPlanError
from .passes import read_exr
from .render_cost import RenderCost


class CaptureDataset:
    """A capture folder: which views it is to hold, which it holds already, and their pictures."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        bounds: Bounds,
        views: Sequence[ViewRecord],
        *,
        subject: np.ndarray | None = None,
        objects: Sequence[str] | None = None,
    ) -> None:
        """Start a capture of ``views`` in ``folder``, or resume the one that is there.

        ``settings`` are all that decide how pictures look, ``subject`` is extreme points [n, 3] of what is visible
        inside ``bounds``, ``objects`` the names of those that the views show there; see ``read_objects``. Raises
        CaptureError when the folder can't be written, ChangedPlanError when it holds a capture with other settings,
        bounds or cameras: the two would be mixed.
        """
        try:
            open_image_io()  # better missed now than after the first view
        except LibraryMissing as error:
            raise CaptureError(str(error)) from None
        self.folder = folder
        self.settings = dict(settings)
        self.bounds = bounds
        self.subject = subject
        self.views = {view.name: view for view in views}
        self._objects = objects
        self._adopt_finished()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder)
            for name in FOLDERS:
                (self.folder / name).mkdir(exist_ok=True)
                remove_leftovers(self.folder / name)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self._write_json("train", "test")

    @classmethod
    def open(cls, folder: Path) -> CaptureDataset:
        """The capture that is in ``folder``, to read from; nothing is written. Raises CaptureError if there is none."""
        dataset = cls.__new__(cls)
        dataset.folder = folder
        manifest = _read_manifest(folder / MANIFEST)
        dataset.settings, dataset.bounds, dataset.subject = dict(manifest.settings), manifest.bounds, manifest.subject
        dataset.views = {view.name: view for view in manifest.views}
        return dataset

    @classmethod
    def open_shared(cls, folder: Path) -> CaptureDataset:
        """As ``open``, but the same one until the capture goes on: not to be changed. From any thread."""
        path = folder / MANIFEST
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from None
        return _open_version(folder, (status.st_ino, status.st_mtime_ns, status.st_size))

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

    def has_depth(self, name: str) -> bool:
        """Whether there is a depth file beside the picture of the finished view ``name``."""
        view = self.views[name]
        return bool(self.settings.get("depth") if view.depth is None else view.depth)

    def write(self, name: str, color: np.ndarray, depth: np.ndarray | None, cost: RenderCost) -> None:
        """Store a finished view: ``color`` [H, W, 4] float16, ``depth`` [H, W] float32 or None. From any thread. Raises
        CaptureError."""
        try:
            write_exr(self.image_path(name), {channel: color[..., i] for i, channel in enumerate("RGBA")})
            if depth is not None:
                write_exr(self.depth_path(name), {"V": depth})
        except OSError as error:
            raise _unwritable(self.image_path(name), error) from None
        view = self.views[name]
        for path in {self.image_path(name).parent, self.depth_path(name).parent}:
            sync_folder(path)  # before the manifest says that it is there
        view.depth, view.render_seconds, view.cpu_seconds = depth is not None, cost.seconds, cost.cpu_seconds
        self._write_json(view.split)

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        """The pictures of a finished view, as they were written: colour [H, W, 4], float16 or for sRGB uint8, and
        depth. From any thread. Raises CaptureError that names a file which is no good."""
        view = self.views[name]
        color = self._read_picture(self.image_path(name), view.camera)
        if self.color_space == "linear":
            color = color.astype(np.float16, copy=False)
        if not self.has_depth(name):
            return color, None
        return color, self._read_picture(self.depth_path(name), view.camera)[..., 0].astype(np.float32)

    @staticmethod
    def _read_picture(path: Path, camera: Camera) -> np.ndarray:
        size = camera.width, camera.height
        return read_exr(path, size) if path.suffix == ".exr" else read_png(path, size)

    def _adopt_finished(self) -> None:
        """Take over what an interrupted capture in this folder has finished."""
        path = self.folder / MANIFEST
        if not path.is_file():
            return
        former_manifest = _read_manifest(path)
        former_settings, former_views = former_manifest.settings, former_manifest.views
        if source := former_settings.get("imported_from"):
            advice = "use Train, or capture into a new take"
            raise ChangedPlanError(self.folder, f"the dataset imported from {source}", advice)
        finished = {view.name for view in former_views if view.is_done and self.image_path(view.name).is_file()}
        if not finished:
            return  # nothing that another plan could be mixed with
        for key in sorted({*former_settings, *self.settings}):
            before, now = former_settings.get(key), self.settings.get(key)
            if before != now:
                advice = "set it back to resume, or capture into a new take"
                raise ChangedPlanError(self.folder, f"a capture with {key} {before!r}, now it is {now!r}", advice)
        if not former_manifest.bounds.is_close(self.bounds):
            raise ChangedPlanError(self.folder, "a capture of other bounds")
        for former in former_views:
            view = self.views.get(former.name)
            if view is not None and not _same_view(view, former):
                raise ChangedPlanError(self.folder, f"a capture in which view {former.name} has another camera")
            if former.name in finished:
                if view is None:
                    self.views[former.name] = former  # no longer planned, but as good as the others
                else:
                    view.depth, view.render_seconds = former.depth, former.render_seconds
                    view.cpu_seconds = former.cpu_seconds

    def _write_json(self, *splits: Split) -> None:
        """The manifest, and the lists of ``splits``, which have changed."""
        manifest = describe_manifest(
            self.settings, self.bounds, self.views.values(), subject=self.subject, objects=self._objects
        )
        files = {MANIFEST: manifest}
        for split in splits:
            finished = [view for view in self.views.values() if view.split == split and view.is_done]
            frames = [
                describe_frame(view.name, view.camera, self.color_space, self.has_depth(view.name)) for view in finished
            ]
            files[transforms_file(split)] = describe_transforms(self.color_space, self.bounds, frames)
        for name, content in files.items():
            try:
                write_whole(self.folder / name, json.dumps(content, indent=1).encode())
            except OSError as error:
                raise _unwritable(self.folder / name, error) from None
        sync_folder(self.folder)


@functools.lru_cache(maxsize=2)
def _open_version(folder: Path, version: tuple[int, int, int]) -> CaptureDataset:
    """The capture in ``folder`` whose manifest is the one with these numbers of the file system."""
    return CaptureDataset.open(folder)


def read_objects(folder: Path) -> tuple[str, ...] | None:
    """The names that the objects had which the capture in ``folder`` shows inside its bounds; none for an imported
    dataset, None where an older version captured, which did not keep them. Raises CaptureError."""
    manifest = _read_manifest(folder / MANIFEST)
    return () if manifest.settings.get("imported_from") else manifest.objects


def read_png(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """A picture of an imported dataset: [H, W, 4] uint8 sRGB, straight alpha. From any thread. Raises CaptureError."""
    try:
        pixels = read_png_file(path, size)
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return pixels if pixels.shape[2] == 4 else np.dstack((pixels, np.full(pixels.shape[:2], 255, np.uint8)))


def _read_manifest(path: Path) -> Manifest:
    try:
        return read_manifest(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except ManifestError as error:
        if error.is_other_version:
            raise CaptureError(f"{path}: written by another version of Hashlight: capture into a new take") from None
        raise CaptureError(f"{error}: not a capture's manifest: capture into a new take") from None


def _same_view(one: ViewRecord, other: ViewRecord) -> bool:
    intrinsics = [[c.width, c.height, c.fx, c.fy, c.cx, c.cy] for c in (one.camera, other.camera)]
    return (
        (one.split, one.frame) == (other.split, other.frame)
        and np.allclose(*intrinsics, rtol=0.0, atol=1e-3)
        and np.allclose(one.camera.camera_to_world, other.camera.camera_to_world, rtol=0.0, atol=1e-5)
    )


def _unreadable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(f"{path}: can't be read ({error.strerror})")


def _unwritable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(f"{path}: can't be written ({error.strerror or error})")
