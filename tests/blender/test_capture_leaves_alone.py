"""What a capture never shows, and how it leaves the scene."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


def test_our_planes_are_never_captured(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_plane_add(size=20.0, location=(0, 0, -0.01))
    plane = bpy.context.object
    addon("roles").mark(plane, "plane")
    with start_capture(addon, planned_scene) as job:
        assert plane.hide_render
        view = next(job)
    assert (view.color[..., 3] == 0).any()
    assert not plane.hide_render


def test_nothing_but_color_and_depth_is_rendered(addon: Import, planned_scene: bpy.types.Scene) -> None:
    layer = bpy.context.view_layer
    layer.use_pass_combined = False
    layer.use_pass_normal = layer.use_pass_cryptomatte_object = layer.cycles.denoising_store_passes = True
    layer.aovs.add().name = "roughness"
    with start_capture(addon, planned_scene) as job:
        copy = bpy.data.scenes["Hashlight Capture"].view_layers[layer.name]
        on = {name for name in dir(copy) if name.startswith("use_pass_") and getattr(copy, name)}
        assert on == {"use_pass_combined", "use_pass_z"}
        assert not copy.cycles.denoising_store_passes and not copy.aovs
        view = next(job)
    assert (view.color[..., 3] == 1).any() and np.isfinite(view.depth).any()
    assert layer.use_pass_normal and layer.use_pass_cryptomatte_object and layer.cycles.denoising_store_passes
    assert not layer.use_pass_combined and [aov.name for aov in layer.aovs] == ["roughness"]


def test_views_agree_on_what_simplify_would_cull(addon: Import, planned_scene: bpy.types.Scene) -> None:
    cycles = planned_scene.cycles
    planned_scene.render.use_simplify = True
    for obj in planned_scene.objects:
        obj.cycles.use_distance_cull = True
    cycles.use_camera_cull = cycles.use_distance_cull = True
    cycles.distance_cull_margin = 0.01
    with start_capture(addon, planned_scene) as job:
        view = next(job)
    assert (view.color[..., 3] == 1).any()
    assert cycles.use_camera_cull and cycles.use_distance_cull


# No settings; the last two say which files are the scene's once it has any.
NOT_COMPARED = {"rna_type", "depsgraph", "session_uid", "original", "library_weak_reference"}
NOT_COMPARED |= {"folder_owner", "folder_part"}


def snapshot(struct: bpy.types.bpy_struct, depth: int = 3) -> dict[str, object]:
    """Every property of an RNA struct, those of the structs it owns included."""
    values: dict[str, object] = {}
    for prop in struct.bl_rna.properties:
        if prop.identifier in NOT_COMPARED:
            continue
        value = getattr(struct, prop.identifier, None)
        if prop.type == "POINTER":
            if isinstance(value, bpy.types.ID):
                values[prop.identifier] = value.name
            elif value is not None and depth:
                for key, inner in snapshot(value, depth - 1).items():
                    values[f"{prop.identifier}.{key}"] = inner
        elif prop.type == "COLLECTION":
            items = list(value)
            values[f"{prop.identifier}.count"] = len(items)
            for index, item in enumerate(items):
                if isinstance(item, bpy.types.ID):
                    values[f"{prop.identifier}.{index}"] = item.name
                elif depth:
                    for key, inner in snapshot(item, depth - 1).items():
                        values[f"{prop.identifier}.{index}.{key}"] = inner
        else:
            values[prop.identifier] = tuple(value) if getattr(prop, "is_array", False) else value
    return values


def everything(scene: bpy.types.Scene) -> dict[str, object]:
    values = snapshot(scene)
    for obj in scene.objects:
        for key, value in snapshot(obj, 0).items():
            values[f"object {obj.name}.{key}"] = value
        values[f"object {obj.name} selected"] = obj.select_get()
        values[f"object {obj.name} hidden"] = obj.hide_get()
    if tree := getattr(scene, "compositing_node_group", None) or getattr(scene, "node_tree", None):
        values["compositor"] = sorted((node.name, node.type, node.mute) for node in tree.nodes)
        values["links"] = len(tree.links)
    for kind in ("scenes", "objects", "cameras", "images", "node_groups", "collections", "worlds", "actions"):
        names = {item.name for item in getattr(bpy.data, kind)}
        values[f"data.{kind}"] = sorted(names - {"Render Result"})
    return values


def give_it_a_compositor(scene: bpy.types.Scene) -> None:
    if bpy.app.version >= (5, 0, 0):
        scene.compositing_node_group = bpy.data.node_groups.new("Mine", "CompositorNodeTree")
        scene.compositing_node_group.nodes.new("CompositorNodeRLayers")
    else:
        scene.use_nodes = True
        scene.node_tree.nodes.new("CompositorNodeBlur")


@pytest.mark.parametrize("ending", ["success", "cancel", "error"])
def test_nothing_is_left_changed(addon: Import, planned_scene: bpy.types.Scene, ending: str) -> None:
    scene = planned_scene
    give_it_a_compositor(scene)
    scene.timeline_markers.new("Other", frame=3).camera = scene.camera
    scene.camera.keyframe_insert("location", frame=1)
    scene.camera.location.x += 2.0
    scene.camera.keyframe_insert("location", frame=9)
    scene.frame_start, scene.frame_end = 1, 9
    scene.frame_set(5, subframe=0.25)
    scene.hashlight.capture.rig = "ANIMATION"
    scene.hashlight.capture.frame_step = 2
    bpy.ops.mesh.primitive_plane_add(location=(0, 0, 9))
    addon("roles").mark(bpy.context.object, "plane")
    bpy.context.view_layer.update()

    def listen(*_view: object) -> None:
        if ending == "error":
            raise KeyError("the listener's own fault")

    before = everything(scene)
    if ending == "error":
        with pytest.raises(KeyError), start_capture(addon, scene, on_view=listen) as job:
            next(job)
    else:
        job = start_capture(addon, scene, on_view=listen)
        next(job)
        if ending == "success":
            assert len(list(job)) == 4
        job.close()
    after = everything(scene)
    assert {key: (value, after.get(key)) for key, value in before.items() if after.get(key) != value} == {}
    assert set(after) == set(before)
