"""A throw-away copy of the scene to capture in.

The copy shares the scene's objects and collections but owns its render settings, view layers, compositor, active
camera, markers and frame: whatever a capture sets, it sets there, and the user's scene can't be left changed. Only our
picture planes have to be hidden for real, and are shown again at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

from .. import roles
from . import compat

NAME = "Hashlight Capture"


@contextlib.contextmanager
def temporary_copy(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, width: int, height: int, use_depth: bool
) -> Iterator[str]:
    """The name of a copy of ``scene`` set up to render ``view_layer`` at ``width`` x ``height``, for as long as the
    context lasts. Everything is put back when it ends, also after an error or a cancelled capture."""
    scene_name, frame = scene.name, (scene.frame_current, scene.frame_subframe)
    with _hidden_from_renders([obj.name for obj in roles.objects_of(scene, "plane")]):
        copy = scene.copy()
        copy.name = NAME
        name = copy.name
        try:
            _set_up(copy, view_layer.name, width, height, use_depth)
            yield name
        finally:
            moved = _remove(name, frame)
            original = bpy.data.scenes.get(scene_name)
            if moved and original is not None:
                # Another frame's values were written to the objects that both scenes share.
                original.frame_set(frame[0], subframe=frame[1])


def _set_up(scene: bpy.types.Scene, view_layer_name: str, width: int, height: int, use_depth: bool) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.use_border = False
    render.use_multiview = False
    render.use_sequencer = False
    render.use_compositing = True
    render.use_stamp = False
    render.film_transparent = True
    render.use_persistent_data = True  # only the camera moves from view to view
    compat.use_cpu_compositor(scene)
    scene.timeline_markers.clear()  # those that switch cameras would win over the camera of the view
    for layer in scene.view_layers:
        layer.use = layer.name == view_layer_name
    if use_depth:
        scene.view_layers[view_layer_name].use_pass_z = True


def _remove(name: str, frame: tuple[int, float]) -> bool:
    """Remove the copy; whether it stood at another frame."""
    copy = bpy.data.scenes.get(name)
    if copy is None:  # an undo took it
        return True
    moved = (copy.frame_current, copy.frame_subframe) != frame
    copy.render.use_persistent_data = False  # frees what the renderer kept
    compat.remove_compositor(copy)
    bpy.data.scenes.remove(copy)
    return moved


@contextlib.contextmanager
def _hidden_from_renders(names: list[str]) -> Iterator[None]:
    """Hide objects from renders for as long as the context lasts; by name, since undo invalidates references."""
    before = {name: bpy.data.objects[name].hide_render for name in names}
    for name in names:
        bpy.data.objects[name].hide_render = True
    try:
        yield
    finally:
        for name, hidden in before.items():
            if (obj := bpy.data.objects.get(name)) is not None:
                obj.hide_render = hidden
