"""Baked frames in the scene: an image-sequence plane that plays with the timeline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import bpy
import numpy as np
from mathutils import Matrix

from ..preview.material import ensure_material, picture_node
from ..preview.picture import note_change
from ..preview.plane import ensure_plane


def frame_files(files: Sequence[Path], kind: Literal["frame", "depth"] = "frame", suffix: str = "") -> list[Path]:
    """The numbered pictures of one kind, and of one suffix if that is given, among a bake's files, in order."""
    pictures = [file for file in files if file.name.startswith(f"{kind}_") and file.suffix.endswith(suffix)]
    return sorted(pictures, key=frame_number)


def show_sequence(scene: bpy.types.Scene, files: Sequence[Path], frame_start: int, cyclic: bool) -> bpy.types.Object:
    """Put numbered frames onto the scene's bake plane, the first at ``frame_start``.

    After the last it begins again when ``cyclic``, or stands still. The frames stay where they are on disk. Raises
    RuntimeError when they can't be read.
    """
    plane = ensure_plane(scene, "bake")
    is_exr = files[0].suffix.lower() == ".exr"
    node = picture_node(ensure_material(plane, "premultiplied" if is_exr else "straight"))
    former = node.image
    image = bpy.data.images.load(stored_path(files[0]), check_existing=False)
    image.name = plane.name
    image.source = "SEQUENCE"
    if is_exr:
        image.colorspace_settings.name = "Non-Color"  # scene-linear as it is
        image.alpha_mode = "CHANNEL_PACKED"
    node.image = image
    if former is not None and former.users == 0:
        bpy.data.images.remove(former)
        image.name = plane.name
    user = node.image_user
    user.frame_start = frame_start
    user.frame_duration = len(files)
    user.frame_offset = frame_number(files[0]) - 1  # Blender counts from 1
    user.use_cyclic = cyclic
    user.use_auto_refresh = True
    note_change(image)
    return plane


def animate_object(obj: bpy.types.Object, matrices: Sequence[np.ndarray], frame_start: int) -> None:
    """Key ``obj`` to one matrix [4, 4] (square to world) a frame; a single matrix leaves it standing still."""
    former = obj.animation_data.action if obj.animation_data is not None else None
    obj.animation_data_clear()
    if former is not None and former.users == 0:
        bpy.data.actions.remove(former)
    obj.matrix_world = Matrix(matrices[0])
    if len(matrices) == 1:
        return
    rotation = None
    for frame, matrix in enumerate(matrices, start=frame_start):
        location, new_rotation, scale = Matrix(matrix).decompose()
        if rotation is not None:
            new_rotation.make_compatible(rotation)
        rotation = new_rotation
        obj.location, obj.rotation_quaternion, obj.scale = location, rotation, scale
        for channel in ("location", "rotation_quaternion", "scale"):
            obj.keyframe_insert(channel, frame=frame)
    obj.update_tag(refresh={"TIME"})  # to where it is at the scene's frame: it stands where the last key is


def frame_number(path: Path) -> int:
    """The number in a frame's name."""
    return int(re.search(r"\d*$", path.stem)[0] or 1)


def stored_path(path: Path) -> str:
    """``path`` as Blender is to keep it: relative to the .blend where there is one, so that both can be moved."""
    if bpy.data.filepath:
        try:
            return bpy.path.relpath(str(path))
        except ValueError:  # another drive
            pass
    return str(path)
