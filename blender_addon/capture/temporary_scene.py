"""A throw-away copy of the scene to capture in.

The copy shares the scene's objects and collections but owns its render settings, view layers, compositor, active
camera, markers and frame: whatever a capture sets, it sets there, and the user's scene can't be left changed. Only our
picture planes have to be hidden for real, and are shown again at the end.
"""

from __future__ import annotations

import contextlib

import bpy

from .. import roles
from . import capture_collection, compat, fast_capture

NAME = "Hashlight Capture"
_MARK = "hashlight_temporary"


class TemporaryScene:
    """A copy of ``scene`` set up to render ``view_layer`` at ``width`` x ``height``, until ``close``."""

    def __init__(
        self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, width: int, height: int, use_depth: bool
    ) -> None:
        self._original = scene.name
        self._frame = (scene.frame_current, scene.frame_subframe)
        self._hidden = _hide_from_renders([obj.name for obj in roles.objects_of(scene, "plane")])
        copy = copy_scene(scene)
        self.name = copy.name
        self._is_open = True
        try:
            _set_up(copy, view_layer.name, width, height, use_depth)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the copy and put everything back, also after an error, a cancelled capture or an undo."""
        if not self._is_open:
            return
        self._is_open = False
        moved = _remove(bpy.data.scenes.get(self.name), self._frame)
        original = bpy.data.scenes.get(self._original)
        if moved and original is not None:
            # Another frame's values were written to the objects that both scenes share.
            original.frame_set(self._frame[0], subframe=self._frame[1])
        for name, hidden in self._hidden.items():
            if (obj := bpy.data.objects.get(name)) is not None:
                obj.hide_render = hidden

    def forget(self) -> None:
        """Make ``close`` do nothing: another file takes this one's place, and the copy goes with it."""
        self._is_open = False


def copy_scene(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A copy of ``scene`` that shares its objects and is known for ours, to be removed soon."""
    copy = scene.copy()
    copy.name = NAME
    copy[_MARK] = True
    return copy


def remove_scene(copy: bpy.types.Scene) -> None:
    """Remove a copy."""
    with _in_window():
        bpy.data.scenes.remove(copy)


def is_ours(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` is a copy that is there for a capture alone."""
    return bool(scene.get(_MARK))


def is_there() -> bool:
    """Whether a capture is in progress, or a file was saved in the middle of one."""
    return any(map(is_ours, bpy.data.scenes))


def remove_leftovers() -> None:
    """Remove the copies from a file that was saved in the middle of a capture."""
    for scene in filter(is_ours, list(bpy.data.scenes)):
        if len(bpy.data.scenes) > 1:
            _remove(scene, (scene.frame_current, scene.frame_subframe))
    capture_collection.gather_up()


def _set_up(scene: bpy.types.Scene, view_layer_name: str, width: int, height: int, use_depth: bool) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.use_border = False
    render.use_multiview = False
    render.use_sequencer = False
    render.use_compositing = True
    render.use_stamp = False
    render.use_freestyle = False  # lines that are drawn on each picture anew lie on no surface
    render.use_lock_interface = False  # nothing can be edited meanwhile anyway, and the window stays usable
    render.film_transparent = True
    render.use_persistent_data = True  # only the camera moves from view to view
    render.compositor_device = "CPU"  # a headless Blender can't reach the graphics card
    if hasattr(scene, "cycles"):  # what Simplify culls differs from view to view
        scene.cycles.use_camera_cull = scene.cycles.use_distance_cull = False
    scene.timeline_markers.clear()  # those that switch cameras would win over the camera of the view
    for layer in scene.view_layers:
        layer.use = layer.name == view_layer_name
    _choose_passes(scene.view_layers[view_layer_name], use_depth)
    fast_capture.set_up(scene, scene.view_layers[view_layer_name])
    capture_collection.set_apart(scene, view_layer_name)


def _choose_passes(view_layer: bpy.types.ViewLayer, use_depth: bool) -> None:
    """Have only that rendered which is captured: passes for a compositing that does not take place cost memory, and
    time, also before a render that is cancelled has ended."""
    for owner in (view_layer, getattr(view_layer, "cycles", None), view_layer.eevee):
        for prop in owner.bl_rna.properties if owner is not None else ():
            # With a pass of its own, Grease Pencil is not in the picture; that is for the user to say.
            if prop.identifier.startswith("use_pass_") and prop.identifier != "use_pass_grease_pencil":
                setattr(owner, prop.identifier, False)
    if hasattr(view_layer, "cycles"):
        view_layer.cycles.denoising_store_passes = False
    for aov in list(view_layer.aovs):
        view_layer.aovs.remove(aov)
    view_layer.use_pass_combined = True
    view_layer.use_pass_z = use_depth


def _remove(copy: bpy.types.Scene | None, frame: tuple[int, float]) -> bool:
    """Remove the copy; whether it stood at another frame."""
    if copy is None:  # an undo took it
        capture_collection.gather_up()
        return True
    moved = (copy.frame_current, copy.frame_subframe) != frame
    copy.render.use_persistent_data = False  # frees what the renderer kept
    compat.remove_compositor(copy)
    remove_scene(copy)
    capture_collection.gather_up()
    return moved


def _in_window() -> contextlib.AbstractContextManager[object]:
    """A context with the file's window: a command is called without one, and removing a scene then crashes Blender."""
    windows = bpy.context.window_manager.windows
    if bpy.context.window is not None or not windows:
        return contextlib.nullcontext()
    return bpy.context.temp_override(window=windows[0])


def _hide_from_renders(names: list[str]) -> dict[str, bool]:
    """Hide objects from renders; returns what they were. By name, since undo invalidates references."""
    before = {name: bpy.data.objects[name].hide_render for name in names}
    for name in names:
        bpy.data.objects[name].hide_render = True
    return before
