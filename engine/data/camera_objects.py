"""Lenses that a list has in objects of their own: ``camera`` of a file or frame, or one of ``cameras`` by its id."""

from __future__ import annotations

from typing import Any

from engine.data.json_object import JsonObject, name_key
from engine.data.remarks import Remarks
from engine.link.values import shorten
from engine.link.wording import counted

_OBJECTS = ("camera", "cam", "lens", "sensor", "camera_params", "calibration")
_LISTS, _IDS = ("cameras", "sensors"), ("camera_id", "cam_id", "sensor_id", "camera", "sensor")
# What an object may say of a lens: by the names of a file, and by those that are only clear within a camera.
_NAMES = {"fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_angle_y", "k1", "k2", "p1", "p2"}
_SHORT = {"fx": "fl_x", "fy": "fl_y", "width": "w", "height": "h"}


def own_camera(values: JsonObject) -> JsonObject | None:
    """The object in ``values`` that says what the lens is."""
    for name in values.spelled(_OBJECTS):
        if (camera := _as_camera(values.peek(name), f"{values.where}: {name}")) is not None:
            values.get(name)
            return camera
    return None


def shared_cameras(values: JsonObject) -> dict[str, JsonObject]:
    """The cameras that a file lists, by their id, or by their number from 0."""
    found: dict[str, JsonObject] = {}
    for name in values.spelled(_LISTS):
        listed = values.peek(name)
        items = dict(enumerate(listed)) if isinstance(listed, list) else listed
        for key, item in items.items() if isinstance(items, dict) else ():
            if (camera := _as_camera(item, f"{values.where}: {name} {shorten(str(key))}")) is not None:
                values.get(name)
                stated = next((camera.get(each) for each in ("id", *_IDS) if each in camera), key)
                found[str(stated)] = camera
    return found


def camera_of(entry: JsonObject, cameras: dict[str, Any]) -> str | None:
    """Which of ``cameras`` a frame names; the only one where it names none. Raises DatasetError for one that isn't
    there."""
    for name in entry.spelled(_IDS) if cameras else ():
        if isinstance(key := entry.peek(name), str | int):
            entry.get(name)
            if str(key) not in cameras:
                raise entry.refuse(name, f"expected one of the file's cameras ({shorten(', '.join(cameras))})", key)
            return str(key)
    return next(iter(cameras)) if len(cameras) == 1 else None


def tell_unused_of(camera: JsonObject, remarks: Remarks) -> None:
    """Note what an object of a lens says and isn't used."""
    if unused := camera.unused():
        remarks.add(
            f"descriptions of cameras hold {counted(len(unused), 'value that isn', 'values that aren')}'t used "
            f"({shorten(', '.join(unused))}; {{times}}, first in {{first}}): if one matters, name it as in the user "
            "guide",
            camera.where,
        )


def _as_camera(value: Any, where: str) -> JsonObject | None:
    if not isinstance(value, dict):
        return None
    renamed = {_SHORT.get(name_key(name), name): item for name, item in value.items()}
    camera = JsonObject(renamed, where)
    return camera if len(renamed) == len(value) and camera.spelled(sorted(_NAMES)) else None
