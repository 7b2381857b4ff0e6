"""Which objects a capture shows inside its bounds, and what its folder keeps of that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


def _within(addon: Import, low: float, high: float) -> list[str]:
    from engine.link.geometry import Bounds

    bpy.context.view_layer.update()
    bounds = Bounds(np.full(3, low), np.full(3, high))
    layer = bpy.context.view_layer
    surroundings = addon("capture.as_rendered").gather_as_rendered(layer, layer.depsgraph)
    return addon("capture.contents").objects_within(bounds, surroundings)


def _add_cube(name: str, size: float, location: tuple[float, float, float]) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    bpy.context.object.name = name
    return bpy.context.object


def test_what_reaches_into_the_bounds_counts_and_what_surrounds_them_does_not(
    addon: Import, scene: bpy.types.Scene
) -> None:
    _add_cube("Within", 0.5, (0.0, 0.0, 0.0))
    _add_cube("Half", 1.0, (1.0, 0.0, 0.0))
    _add_cube("Beside", 1.0, (3.0, 0.0, 0.0))
    _add_cube("Room", 10.0, (0.0, 0.0, 0.0))  # around the bounds, its walls far away
    bpy.ops.mesh.primitive_plane_add(size=50.0, location=(0.0, 0.0, -0.5))  # all its corners are far away
    bpy.context.object.name = "Floor"
    bpy.ops.mesh.primitive_plane_add(size=50.0, location=(0.0, 0.0, -1.5))
    bpy.context.object.name = "Cellar"
    assert _within(addon, -1.0, 1.0) == ["Floor", "Half", "Within"]


def test_instances_count_for_the_object_that_shows_them(addon: Import, scene: bpy.types.Scene) -> None:
    source = bpy.data.collections.new("Source")
    source.objects.link(bpy.data.objects.new("Leaf", _add_cube("Far", 0.5, (9.0, 0.0, 0.0)).data))
    instancer = bpy.data.objects.new("Tree", None)
    instancer.instance_type, instancer.instance_collection = "COLLECTION", source
    scene.collection.objects.link(instancer)
    assert _within(addon, -1.0, 1.0) == ["Tree"]


def test_what_is_not_rendered_does_not_count(addon: Import, scene: bpy.types.Scene) -> None:
    _add_cube("Hidden", 0.5, (0.0, 0.0, 0.0)).hide_render = True
    addon("roles").mark(_add_cube("Ours", 0.5, (0.0, 0.0, 0.0)), "plane")
    scene.collection.objects.link(bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT")))
    assert _within(addon, -1.0, 1.0) == []


def test_a_capture_keeps_their_names(addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    _add_cube("Aside", 0.5, (30.0, 0.0, 0.0))
    folder = addon("folders").capture_folder(planned_scene)
    with start_capture(addon, planned_scene) as job:
        next(job)
    read_objects = addon("capture.dataset").read_objects
    assert read_objects(folder) == ("Ball", "Cube")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["objects"]  # as an older version wrote it
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert read_objects(folder) is None
    with pytest.raises(addon("capture.errors").CaptureError, match=r"manifest.json"):
        read_objects(tmp_path / "elsewhere")
