"""Baked frames as a strip in the sequencer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ..baked import STRIP_KEY
from .sequence import stored_path


def show_strip(scene: bpy.types.Scene, name: str, files: Sequence[Path], frame_start: int) -> bpy.types.Strip:
    """Put numbered frames, all in one folder, into the scene's sequencer, the first at ``frame_start``.

    The strip of an earlier bake of this name is replaced. It goes into the lowest channel that is free there, and lets
    through what its alpha leaves. Raises RuntimeError when the frames can't be read.
    """
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    for former in [strip for strip in strips if strip.get(STRIP_KEY) == name]:
        strips.remove(former)
    channel = _free_channel(strips, frame_start, frame_start + len(files))
    strip = strips.new_image(
        name=name, filepath=stored_path(files[0]), channel=channel, frame_start=frame_start, fit_method="FIT"
    )
    for file in files[1:]:
        strip.elements.append(file.name)
    strip[STRIP_KEY] = name
    strip.blend_type = "ALPHA_OVER"
    is_exr = files[0].suffix.lower() == ".exr"
    strip.alpha_mode = "PREMUL" if is_exr else "STRAIGHT"
    strip.colorspace_settings.name = "Linear Rec.709" if is_exr else "sRGB"
    return strip


def occupied_frames(strip: bpy.types.Strip) -> range:
    """The scene's frames at which a strip is there."""
    if hasattr(strip, "left_handle"):  # in 5.2; the former names are to go in 6.0
        return range(strip.left_handle, strip.right_handle)
    return range(strip.frame_final_start, strip.frame_final_end)


def _free_channel(strips: bpy.types.bpy_prop_collection, first: int, end: int) -> int:
    occupied = ((strip.channel, occupied_frames(strip)) for strip in strips)
    taken = {channel for channel, frames in occupied if frames.start < end and frames.stop > first}
    return next(channel for channel in range(1, 129) if channel not in taken)
