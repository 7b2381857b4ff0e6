"""What a scene looks like to renders, where that is not what the viewport shows.

Blender evaluates a scene for renders by itself, and gives that to render engines alone. So an engine that draws nothing
is made for a moment, and looks at what it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import bpy

from . import temporary_scene
from .errors import CaptureError
from .render_differences import objects_that_differ
from .surroundings import Surroundings

T = TypeVar("T")
Look = Callable[[bpy.types.Depsgraph], T]

_ENGINE = "HASHLIGHT_LOOK"


def look_as_rendered(view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, look: Look[T]) -> T:
    """What ``look`` returns of the view layer's scene as renders have it. Where they show what the viewport does, that
    is ``depsgraph``, which is already there; else the scene is evaluated once more, and Blender waits for it. Raises
    CaptureError."""
    if not objects_that_differ(view_layer) or bpy.app.is_job_running("RENDER"):
        return look(depsgraph)
    return _evaluate_for_renders(view_layer.id_data, view_layer.name, look)


def gather_as_rendered(
    view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, most_instances: int | None = None
) -> Surroundings:
    """All that renders show, gathered in one go. Raises CaptureError."""

    def look(depsgraph: bpy.types.Depsgraph) -> Surroundings:
        surroundings = Surroundings(most_instances)
        surroundings.gather(view_layer, depsgraph, math.inf)
        return surroundings

    return look_as_rendered(view_layer, depsgraph, look)


def _evaluate_for_renders(scene: bpy.types.Scene, view_layer_name: str, look: Look[T]) -> T:
    found: list[T] = []
    faults: list[Exception] = []

    class Engine(bpy.types.RenderEngine):
        bl_idname = _ENGINE
        bl_label = "Hashlight"

        def render(self, depsgraph: bpy.types.Depsgraph) -> None:
            try:
                found.append(look(depsgraph))
            except Exception as error:  # Blender would print it and go on
                faults.append(error)

    bpy.utils.register_class(Engine)  # for this moment: it would be offered to the user else
    try:
        with _copy_to_look_at(scene, view_layer_name) as name:
            # By name, not in another context: calling an operator there may end Blender while a thread of Python runs.
            bpy.ops.render.render("EXEC_DEFAULT", scene=name)
    except RuntimeError as error:
        raise CaptureError(f"Scene {scene.name} can't be evaluated for renders: {error}") from None
    finally:
        bpy.utils.unregister_class(Engine)
    if faults:
        raise faults[0]
    if not found:
        raise CaptureError(f"Scene {scene.name} can't be evaluated for renders; Blender's console may say why")
    return found[0]


@contextmanager
def _copy_to_look_at(scene: bpy.types.Scene, view_layer_name: str) -> Iterator[str]:
    """The name of a copy of ``scene``, at the same frame, to be rendered with nothing but the evaluation left to do."""
    camera = None
    copy = temporary_scene.copy_scene(scene)
    try:
        render = copy.render
        render.engine = _ENGINE
        render.resolution_x = render.resolution_y = 4
        render.resolution_percentage = 100
        render.use_border = render.use_multiview = render.use_sequencer = render.use_compositing = False
        render.use_freestyle = render.use_persistent_data = False
        copy.timeline_markers.clear()
        for layer in copy.view_layers:
            layer.use = layer.name == view_layer_name
        if copy.camera is None:  # Blender renders nothing without one
            camera = copy.camera = bpy.data.objects.new(
                temporary_scene.NAME, bpy.data.cameras.new(temporary_scene.NAME)
            )
        yield copy.name
    finally:
        temporary_scene.remove_scene(copy)
        if camera is not None:
            bpy.data.cameras.remove(camera.data)  # and the object with it
