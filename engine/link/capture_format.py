"""The capture folder, which both programs write: what its files are called, and what is in its JSON files.

``manifest.json`` lists every planned view, ``transforms_train.json`` and ``transforms_test.json`` the finished ones
with their intrinsics, as instant-ngp's and nerfstudio's readers understand them, too. ``images/NAME.exr`` is half RGBA,
scene-linear, premultiplied, ``images/NAME.png`` 8-bit sRGB with straight alpha; ``depth/NAME.exr`` has one 32-bit
channel V, planar z in metres, +inf where there is nothing, 0 where it isn't known, and -inf where the pixel is masked:
neither trained on nor scored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats
from engine.link.geometry import FISHEYE_TERMS, PINHOLE_TERMS, Bounds, Camera
from engine.link.messages import ColorSpace, Split

CAPTURE = "capture"  # the folder, beside that of the run it was made for
MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest
FOLDERS = ("images", "depth")

Settings = Mapping[str, str | int | float | bool]


@dataclasses.dataclass
class ViewRecord:
    """One view of the manifest. ``source``: what it was seen through; ``frame`` None: the frame does not matter;
    ``render_seconds`` None: not captured yet; ``depth`` None: whether there is depth is the same for all views.
    ``cpu_seconds``: the processor time that rendering took, of all cores together; None where that says nothing about
    it, as a graphics card did it."""

    name: str
    split: Split
    camera: Camera
    source: str
    frame: int | None = None
    render_seconds: float | None = None
    depth: bool | None = None
    cpu_seconds: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether its pictures are on disk."""
        return self.render_seconds is not None

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return values | {"camera": self.camera.to_json(), "done": self.is_done}


def image_file(view: str, color_space: ColorSpace) -> str:
    """Where in the folder the colour of ``view`` is."""
    return f"images/{view}.{'exr' if color_space == 'linear' else 'png'}"


def depth_file(view: str) -> str:
    """Where in the folder the depth of ``view`` is."""
    return f"depth/{view}.exr"


def transforms_file(split: Split) -> str:
    """Where in the folder the finished views of ``split`` are listed."""
    return f"transforms_{split}.json"


def describe_manifest(
    settings: Settings,
    bounds: Bounds,
    views: Iterable[ViewRecord],
    *,
    subject: Floats | None = None,
    objects: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What the manifest says. ``settings``: all that decides how pictures look, or where they were imported from.
    ``subject``: extreme points [n, 3] of what was visible inside ``bounds``, world space; None: not known. ``objects``:
    the names of Blender's objects that the pictures show inside the bounds, None where there were none."""
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "settings": dict(settings),
        "bounds": bounds.to_json(),
        "views": [view.to_json() for view in views],
    }
    if subject is not None:
        manifest["subject"] = np.round(subject, 6).tolist()
    if objects is not None:
        manifest["objects"] = list(objects)
    return manifest


def subject_from_json(manifest: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
    """The points [n, 3] float64 that ``describe_manifest`` was given; None where a manifest has none that can be used,
    as those of earlier versions and of imported datasets."""
    try:
        points = np.array(manifest["subject"], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return points if points.ndim == 2 and points.shape[1] == 3 and len(points) and np.isfinite(points).all() else None


def describe_transforms(
    color_space: ColorSpace, bounds: Bounds, frames: Iterable[Mapping[str, Any]], cascades: int = 1
) -> dict[str, Any]:
    """What a list of finished views says, each as ``describe_frame`` has it. ``cascades``: how many cubes, each twice
    as large as the one before, hold what there is."""
    values: dict[str, Any] = {
        "color_space": color_space,
        "camera_axes": "opengl",
        "aabb": [bounds.minimum.tolist(), bounds.maximum.tolist()],
    }
    if cascades > 1:
        values["aabb_scale"] = 2 ** (cascades - 1)
    return values | {"frames": list(frames)}


def describe_frame(view: str, camera: Camera, color_space: ColorSpace, has_depth: bool) -> dict[str, Any]:
    """A view as it is listed among the finished ones."""
    frame: dict[str, Any] = {"file_path": image_file(view, color_space)}
    if has_depth:
        frame["depth_file_path"] = depth_file(view)
    frame |= {
        "transform_matrix": camera.camera_to_world.tolist(),
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
    }
    if camera.is_fisheye:
        frame |= {"camera_model": "OPENCV_FISHEYE"}
    if camera.is_distorted:
        frame |= dict(zip(FISHEYE_TERMS if camera.is_fisheye else PINHOLE_TERMS, camera.lens_terms, strict=True))
    return frame
