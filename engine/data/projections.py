"""Which projection a transforms file says that a lens has, under whatever name: a pinhole's, OpenCV's fisheye, or
another one, which is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from engine.data.dataset import DatasetError
from engine.data.json_object import JsonObject, is_on, name_key
from engine.data.remarks import Remarks
from engine.link.geometry import Projection
from engine.link.values import shorten

PINHOLE_MODELS = {
    "opencv",
    "fullopencv",
    "pinhole",
    "simplepinhole",
    "radial",
    "simpleradial",
    "perspective",
    "persp",
    "brown",
    "brownconrady",
    "plumbbob",
    "radtan",
    "radialtangential",
    "rationalpolynomial",
}
_UNDISTORTED_MODELS = {"pinhole", "simplepinhole"}  # as COLMAP calls them
# OpenCV's fisheye, as a camera model (nerfstudio) and as a switch (instant-ngp).
_FISHEYE_MODEL, _FISHEYE_SWITCHES = "opencvfisheye", ("isfisheye", "fisheye")
# What names another projection, as a part of a switch's name or of a camera model's.
OTHER_PROJECTIONS = (
    "fisheye",
    "equidistant",
    "equisolid",
    "stereographic",
    "kannala",
    "doublesphere",
    "cylindric",
    "equirect",
    "latlon",
    "ftheta",
    "orthograph",
    "orthophoto",
    "omnidirectional",
    "cubemap",
    "vr180",
)
# Names that mean the same only as a whole, or behind an "is".
_PANORAMAS = {"spherical", "panorama", "panoramic", "pano", "360", "omni"}
_OTHER_PROJECTIONS_ALONE = {
    *_PANORAMAS,
    *("sphere", "ortho", "erp", "kb", "kb4", "equi", "ucm", "eucm", "mei", "ocam", "scaramuzza"),
}
# What is called like a lens and is none, unless it is a yes, a no or a name: the ball that holds a scene, and how far
# from its middle a fisheye's picture is used.
_NO_LENSES = {"sphere", "fisheyecropradius"}
# Texts that say what the lens is are called something with one of these, or something that ends in "type", as much else
# does.
_LENS_WORDS = ("camera", "lens", "projection", "model", "distort", "mode", "intrinsic")
_DEEPEST, _LONGEST = 4, 1000  # objects and lists within each other that are looked into, and how far


def read_projection(values: JsonObject, remarks: Remarks) -> Projection | None:
    """What ``values``, a file or one of its frames, says; None where it says nothing. A switch goes before a camera
    model. Raises DatasetError for another projection than these two."""
    model = values.text("camera_model")
    projection: Projection | None = None
    if model:
        if name_key(model) not in (*PINHOLE_MODELS, _FISHEYE_MODEL):
            raise _refuse(values, f"camera_model {shorten(model)!r}")
        projection = "fisheye" if name_key(model) == _FISHEYE_MODEL else "pinhole"
    for name in values:
        key = name_key(name)
        if key in _NO_LENSES and not isinstance(values.peek(name), bool | str):
            continue
        if _is_other_projection(key):
            is_switched_on = is_on(values.get(name))
            if is_switched_on and key not in _FISHEYE_SWITCHES:
                raise _refuse(values, shorten(name))
            if key in _FISHEYE_SWITCHES:
                if projection == ("pinhole" if is_switched_on else "fisheye"):
                    remarks.add(
                        f"camera_model {shorten(model)!r} and {shorten(name)} disagree ({{count}}, first {{first}}): "
                        "the lens is taken for a fisheye; remove the wrong one from the file",
                        values.where,
                    )
                projection = "fisheye" if is_switched_on else projection or "pinhole"
        elif name != "camera_model":
            for text in _lens_names(name, values.peek(name)):
                if _is_other_projection(name_key(text)):
                    raise _refuse(values, f"{shorten(name)} {shorten(text)!r}")
                if name_key(text) in PINHOLE_MODELS and _says_no_more(values.peek(name)):
                    values.get(name)  # as was taken for granted
    return projection


def names_no_distortion(values: JsonObject) -> bool:
    """Whether the camera model that ``values`` names has no distortion."""
    model = values.peek("camera_model")
    return isinstance(model, str) and name_key(model) in _UNDISTORTED_MODELS


def _says_no_more(value: Any, depth: int = 0) -> bool:
    """Whether ``value``, in which a pinhole is named, says nothing else: no number, and no switch that is on."""
    if isinstance(value, str):
        return name_key(value) in PINHOLE_MODELS
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return depth < _DEEPEST and all(_says_no_more(item, depth + 1) for item in items)
    return not value


def _lens_names(name: str, value: Any, is_lens: bool = False, depth: int = 0) -> Iterator[str]:
    """Texts that may say what the lens is, in what is called ``name`` or within it, and the names of switches there
    that are on. ``is_lens``: what that is in is called as lenses are."""
    key = name_key(name)
    is_lens = is_lens or any(word in key for word in _LENS_WORDS)
    if isinstance(value, str):
        text = value[:100]
        if is_lens or (key.endswith("type") and _is_unmistakable(name_key(text))):
            yield text
    elif depth < _DEEPEST and isinstance(value, dict):
        for inner, item in itertools.islice(value.items(), _LONGEST):
            is_switch = name_key(inner) not in _NO_LENSES and any(part in name_key(inner) for part in OTHER_PROJECTIONS)
            if is_switch and is_on(item):
                yield inner[:100]
            yield from _lens_names(inner, item, is_lens, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list) and name != "frames":
        for item in itertools.islice(value, _LONGEST):
            if isinstance(item, str | list | dict):
                yield from _lens_names(name, item, is_lens, depth + 1)


def _refuse(values: JsonObject, what: str) -> DatasetError:
    return DatasetError(
        f"{values.where}: {what} isn't supported, only pinhole cameras with OpenCV distortion (k1 k2 p1 p2) and "
        "OpenCV's fisheye (camera_model OPENCV_FISHEYE): turn the pictures into such first, for example by COLMAP's "
        "image_undistorter, or by ns-process-data for 360-degree ones"
    )


def _is_other_projection(key: str) -> bool:
    return key.removeprefix("is") in _OTHER_PROJECTIONS_ALONE or any(part in key for part in OTHER_PROJECTIONS)


def _is_unmistakable(key: str) -> bool:
    """Whether a text names another projection, even where it may be said of something else."""
    return key in _PANORAMAS or any(part in key for part in OTHER_PROJECTIONS)
