"""Views from which nothing is to be learnt, black, white or empty: told by a capture after the first of them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from capture_jobs import start_capture
from small_scenes import new_material

Import = Callable[[str], ModuleType]


def paint(name: str, color: tuple[float, float, float]) -> None:
    """Have all objects give light of ``color`` and nothing else."""
    material = new_material(name)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    light = nodes.new("ShaderNodeEmission")
    light.inputs["Color"].default_value = (*color, 1.0)
    output = next(node for node in nodes if node.bl_idname == "ShaderNodeOutputMaterial")
    links.new(light.outputs[0], output.inputs["Surface"])
    for obj in bpy.context.scene.objects:
        if obj.type == "MESH":
            obj.data.materials.clear()
            obj.data.materials.append(material)


@pytest.mark.parametrize(
    ("color", "exposure", "words"),
    [
        ((0.0, 0.0, 0.0), 0.0, "4 of 4 views are black"),
        ((0.01, 0.01, 0.01), -8.0, "4 of 4 views are black"),
        ((0.0002, 0.0, 0.0), 8.0, ""),
        ((20.0, 20.0, 20.0), 0.0, "4 of 4 views are white all over"),
        ((20.0, 20.0, 20.0), -3.0, ""),
        ((0.5, 0.2, 0.1), 0.0, ""),  # an outline teaches a shape
    ],
)
def test_views_that_teach_nothing_are_told_after_the_first(
    addon: Import,
    planned_scene: bpy.types.Scene,
    color: tuple[float, float, float],
    exposure: float,
    words: str,
) -> None:
    paint("Light", color)
    planned_scene.view_settings.exposure = exposure
    with start_capture(addon, planned_scene) as job:
        next(job)
        first = "\n".join(warning.words for warning in job.warnings)
        list(job)
        last = "\n".join(warning.words for warning in job.warnings)
    assert ("1 of 4" + words.removeprefix("4 of 4") in first) if words else first == ""
    assert (words in last) if words else last == ""


def test_views_of_one_colour_all_over_are_told(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=50.0)
    paint("Light", (0.5, 0.2, 0.1))
    with start_capture(addon, planned_scene) as job:
        list(job)
        assert any(each.words.startswith("4 of 4 views are of one colour all over (") for each in job.warnings)


def test_an_empty_view_is_told_by_name(addon: Import, planned_scene: bpy.types.Scene) -> None:
    camera = bpy.data.objects["train_001"]
    camera.rotation_euler = (0.0, 0.0, 0.0)
    camera.location = (0.0, 0.0, -30.0)
    with start_capture(addon, planned_scene) as job:
        list(job)
        assert any("1 of 4 views show nothing (train_001): " in each.words for each in job.warnings)
