"""What is told of scenes with too little light, before they are rendered and after."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from capture_jobs import start_capture
from cures import plan, press
from small_scenes import new_material, new_world

Import = Callable[[str], ModuleType]


DARK = ["removed", "hidden", "excluded", "without power", "black world", "light of another engine's world"]


@pytest.mark.parametrize("kind", DARK)
def test_a_scene_without_light_is_told_before_it_is_rendered(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    lamp = planned_scene.objects["Lamp"]
    if kind == "hidden":
        lamp.hide_render = True
    elif kind == "excluded":
        collection = bpy.data.collections.new("Lights")
        planned_scene.collection.children.link(collection)
        collection.objects.link(lamp)
        planned_scene.collection.objects.unlink(lamp)
        collection.hide_render = True
    elif kind == "without power":
        lamp.data.energy = 0.0
    else:
        bpy.data.objects.remove(lamp)
        if kind == "black world":
            planned_scene.world = new_world(0.0)
    words = plan(planned_scene)
    assert "Nothing gives light in renders, no lamp, no world and no material: all views will be black" in words
    assert ("1 lamp is hidden from renders or without power: Lamp" in words) == (kind in DARK[1:4])
    press(addon, planned_scene, "Nothing gives light", "Add Sun")
    assert plan(planned_scene) == ""


@pytest.mark.parametrize("kind", ["lamp", "world", "material", "instanced lamp", "nodes", "left out lamp", "workbench"])
def test_every_kind_of_light_counts(addon: Import, planned_scene: bpy.types.Scene, kind: str) -> None:
    lamp, cube = planned_scene.objects["Lamp"], bpy.data.objects["Cube"]
    if kind == "left out lamp":
        collection = bpy.data.collections.new("Captured")
        for name in ("Cube", "Ball"):
            collection.objects.link(bpy.data.objects[name])
        planned_scene.hashlight.capture.collection = collection
    elif kind == "instanced lamp":
        source = bpy.data.collections.new("Source")
        source.objects.link(lamp)
        planned_scene.collection.objects.unlink(lamp)
        instance = bpy.data.objects.new("Instance", None)
        instance.instance_type, instance.instance_collection = "COLLECTION", source
        planned_scene.collection.objects.link(instance)
    elif kind != "lamp":
        bpy.data.objects.remove(lamp)
    if kind == "world":
        planned_scene.world = new_world(0.5)
    elif kind == "material":
        cube.data.materials.append(new_material("Glow", Emission_Strength=0.5, Emission_Color=(1.0, 1.0, 1.0, 1.0)))
    elif kind == "nodes":
        group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        group.nodes.new("GeometryNodeSetMaterial").inputs["Material"].default_value = new_material(
            "Glow", Emission_Strength=0.5, Emission_Color=(1.0, 1.0, 1.0, 1.0)
        )
        cube.modifiers.new("Nodes", "NODES").node_group = group
    elif kind == "workbench":
        planned_scene.render.engine = "BLENDER_WORKBENCH"
    assert "Nothing gives light" not in plan(planned_scene)


FAINT = {
    "film": "Exposure (Film) multiplies all light by 0: all views will be black. Set it to 1",
    "lamp": "What gives light gives little: a white surface shows ",
    "sun": "What gives light gives little: a white surface shows 3.2e-07 of white: all views will be black",
    "world": "What gives light gives little: a white surface shows 1e-05 of white: all views will be black",
    "display": "Exposure (Color Management) multiplies all that is displayed by 3.1e-05: all views will be black",
}


@pytest.mark.parametrize("kind", FAINT)
def test_too_little_light_is_told_before_it_is_rendered_and_after_with_its_cause(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    scene, lamp = planned_scene, planned_scene.objects["Lamp"]
    if kind == "film":
        scene.cycles.film_exposure = 0.0
    elif kind == "display":
        scene.view_settings.exposure = -15.0  # 3e-5
    else:
        lamp.data.energy = 0.0 if kind == "world" else 1e-6
        if kind == "lamp":
            lamp.data.type, lamp.data.energy = "POINT", 1e-6
        elif kind == "world":
            scene.world = new_world(1e-5)
            scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 0.5, 0.0, 1.0)
    words = plan(scene)
    assert words.startswith(FAINT[kind]) and "all views will be black" in words and "\n" not in words
    with start_capture(addon, scene) as job:
        next(job)
        (told,) = job.warnings
    assert told.words.startswith("1 of 4 views are black (") and FAINT[kind].split(":")[0] in told.words
    if kind in ("film", "display"):
        press(addon, scene, "Exposure", f"Set Exposure to {1 if kind == 'film' else 0}")
        assert plan(scene) == ""
    elif kind == "lamp":
        lamp.data.energy = 100.0
        assert plan(scene) == ""


def test_how_much_light_there_is_goes_by_the_size_of_the_scene_and_by_exposure(planned_scene: bpy.types.Scene) -> None:
    planned_scene.objects["Lamp"].data.energy = 1e-3
    assert "gives little" in plan(planned_scene)
    planned_scene.view_settings.exposure = 5.0
    assert plan(planned_scene) == "", "it is displayed 32 times as bright"
    planned_scene.view_settings.exposure, planned_scene.cycles.film_exposure = 0.0, 10.0
    assert plan(planned_scene) == "", "and rendered so here"
    planned_scene.cycles.film_exposure = 1.0
    planned_scene.objects["Lamp"].data.type, planned_scene.objects["Lamp"].data.energy = "POINT", 1e-5
    assert "gives little" in plan(planned_scene)
    for obj in planned_scene.objects:
        obj.location, obj.scale = obj.location * 0.01, obj.scale * 0.01
    bpy.ops.hashlight.fit_bounds()
    assert "gives little" not in plan(planned_scene), "of a scene of centimetres that is enough"
