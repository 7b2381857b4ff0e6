"""The view transform of a bake's PNG frames and videos."""

from __future__ import annotations

from typing import Any

import bpy

from ..capture.captured_views import known_capture
from ..capture.errors import CaptureError
from ..view_transform import tables

_MAX_AGE = 10.0  # seconds: of what a panel knows


def display_fields(scene: bpy.types.Scene) -> dict[str, Any]:
    """The fields of ``BakeSpec`` that say how light is displayed, as the scene's settings have it. Raises
    CaptureError."""
    choice = scene.hashlight.bake.view_transform
    if choice != "SCENE":
        return {"display": choice.lower()}
    try:
        transform = tables.view_transform(scene)
    except (OSError, RuntimeError) as error:
        raise CaptureError(
            f"The scene's view transform can't be had from Blender ({error}): choose Standard as its View Transform"
        ) from None
    return {
        "display": "table",
        "view_table": transform.table,
        "view_exposure": transform.exposure,
        "view_exponent": transform.exponent,
    }


def shows_light(scene: bpy.types.Scene) -> bool:
    """Whether the scene's views hold light, which a view transform is for, as far as that is known: imported 8-bit
    pictures hold display values already."""
    settings, _ = known_capture(scene, _MAX_AGE)
    return settings.get("color_space") != "srgb"
