"""Marks on the objects, collections and materials that Hashlight puts into a scene.

A mark is a custom property on the object, so it survives saving, undo, renaming and copying between files. Undo makes
every Python reference to an object invalid: find objects by role or name again instead of keeping them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import bpy

Role = Literal["bounds", "camera", "cameras", "plane", "viewer", "turntable"]

_KEY = "hashlight_role"


def mark(item: bpy.types.ID, role: Role) -> None:
    """Make an object, a collection or a material known as one of ours. Captures never see such an object, and bounds
    are never fitted to it."""
    item[_KEY] = role


def role_of(item: bpy.types.ID) -> str | None:
    """The role that something was marked with, None for the user's own."""
    return item.get(_KEY)


def is_looked_through(space: bpy.types.SpaceView3D, role: Role) -> bool:
    """Whether a viewport looks through an object of ``role`` that is its own camera, not the scene's."""
    is_own = space.use_local_camera and space.camera is not None and role_of(space.camera) == role
    return is_own and space.region_3d.view_perspective == "CAMERA"


def objects_of(scene: bpy.types.Scene, role: Role | None = None) -> Iterator[bpy.types.Object]:
    """Our objects in ``scene``: those of one role, or all."""
    for obj in scene.objects:
        found = role_of(obj)
        if found is not None and role in (None, found):
            yield obj
