"""A scene as the path tracer takes it: what is in it, and what it can't follow, in one warning."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

Addon = Callable[[str], ModuleType]


def _gather(addon: Addon, scene: bpy.types.Scene) -> tuple[Any, str]:
    bpy.context.view_layer.update()
    return addon("path_scene.gathering").gather_scene(scene, bpy.context.evaluated_depsgraph_get(), (32, 32))


def _principled(material: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")


def _add_plane(name: str, place: tuple[float, float, float], inputs: dict[str, Any]) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=2.0, location=place)
    plane = bpy.context.object
    plane.name = name
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    for socket, value in inputs.items():
        _principled(material).inputs[socket].default_value = value
    plane.data.materials.append(material)
    return plane


@pytest.fixture
def empty(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A scene with a camera alone."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0.0, 0.0, 5.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def test_meshes_are_handed_over_as_renders_have_them(addon: Addon, empty: bpy.types.Scene) -> None:
    plane = _add_plane(
        "Plane", (1.0, 2.0, 3.0), {"Base Color": (0.1, 0.2, 0.3, 1.0), "Roughness": 0.7, "Metallic": 1.0}
    )
    _add_plane("Hidden", (0.0, 0.0, 0.0), {}).hide_render = True
    plane.modifiers.new("Array", "ARRAY").count = 3
    mirrored = plane.copy()  # the same mesh, inside out
    mirrored.scale.x, mirrored.location.z = -1.0, 9.0
    empty.collection.objects.link(mirrored)
    data, warning = _gather(addon, empty)
    assert warning == "" and data.corners.shape == (12, 3, 3)
    first = data.corners[:6].reshape(-1, 3)
    assert first.min(axis=0) == pytest.approx([0.0, 1.0, 3.0]) and first.max(axis=0) == pytest.approx([6.0, 3.0, 3.0])
    sides = np.cross(data.corners[:, 1] - data.corners[:, 0], data.corners[:, 2] - data.corners[:, 0])
    assert (sides[:, 2] > 0.0).all() and (data.normals[..., 2] > 0.999).all()
    assert data.uvs.min() >= 0.0 and data.uvs.max() == pytest.approx(1.0)
    row = int(data.material_ids[0])
    assert (data.material_ids == row).all()
    assert data.base_colors[row] == pytest.approx([0.1, 0.2, 0.3])
    assert (data.roughness[row], data.metallic[row]) == pytest.approx((0.7, 1.0))


def test_lamps_become_lights_of_their_power(addon: Addon, empty: bpy.types.Scene) -> None:
    _add_plane("Plane", (0.0, 0.0, 0.0), {"Emission Color": (1.0, 0.5, 0.0, 1.0), "Emission Strength": 4.0})
    for kind, power in (("POINT", 10.0), ("AREA", 10.0), ("SUN", 3.0), ("POINT", 10.0)):
        lamp = bpy.data.objects.new(kind, bpy.data.lights.new(kind, kind))
        lamp.data.energy, lamp.location = power, (0.0, 0.0, 4.0)
        empty.collection.objects.link(lamp)
    bpy.data.lights["POINT"].shadow_soft_size = 0.0
    bpy.data.lights["POINT.001"].shadow_soft_size = 0.5
    bpy.data.lights["AREA"].size = 2.0
    bpy.data.lights["SUN"].angle = 0.1
    data, warning = _gather(addon, empty)
    assert warning == ""
    assert data.point_intensities == pytest.approx(np.full((1, 3), 10.0 / (4.0 * math.pi)))
    assert data.sun_directions == pytest.approx(np.array([[0.0, 0.0, 1.0]])) and data.sun_angles[0] == pytest.approx(
        0.1
    )
    emission = data.emissions[data.material_ids]
    edges = data.corners[:, 1:] - data.corners[:, :1]
    areas = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    is_lamp = data.is_lamp[data.material_ids] == 1
    powers = areas * math.pi * emission[:, 0]
    # The area light and the ball of light give 10 W each, whatever their size; the plane's material is what it is.
    assert powers[is_lamp].sum() == pytest.approx(20.0, rel=1e-4)
    assert emission[~is_lamp] == pytest.approx(np.tile([4.0, 2.0, 0.0], (2, 1)))
    facing = np.cross(edges[:, 0], edges[:, 1])[is_lamp][:, 2]
    assert (facing[areas[is_lamp] > 1.0] < 0.0).all()  # the area light shines down


def test_textures_and_the_world_are_handed_over(addon: Addon, empty: bpy.types.Scene) -> None:
    plane = _add_plane("Plane", (0.0, 0.0, 0.0), {})
    image = bpy.data.images.new("Picture", 2, 1)
    image.pixels[:] = [0.5, 0.5, 0.5, 1.0, 1.0, 0.0, 0.0, 1.0]
    tree = plane.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], _principled(plane.data.materials[0]).inputs["Base Color"])
    empty.world = bpy.data.worlds.new("World")
    empty.world.use_nodes = True
    empty.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.1, 0.2, 0.4, 1.0)
    empty.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 2.0
    data, warning = _gather(addon, empty)
    assert warning == ""
    assert data.material_textures[data.material_ids[0], 0] == 0 and data.texture_sizes.tolist() == [[1, 2]]
    assert data.texels[:, 0] == pytest.approx([0.5, 1.0], abs=5e-3) and data.texture_encodings.tolist() == [1]
    assert data.environment == pytest.approx(np.array([[[0.2, 0.4, 0.8]]]))


def test_what_is_not_followed_is_named_in_one_warning(addon: Addon, empty: bpy.types.Scene) -> None:
    _add_plane("Lacquer", (0.0, 0.0, 0.0), {"Coat Weight": 0.5, "Alpha": 0.5})
    plane = _add_plane("Noisy", (0.0, 0.0, 0.0), {})
    tree = plane.data.materials[0].node_tree
    noise = tree.nodes.new("ShaderNodeTexNoise")
    tree.links.new(noise.outputs["Color"], _principled(plane.data.materials[0]).inputs["Base Color"])
    spot = bpy.data.objects.new("Spot", bpy.data.lights.new("Spot", "SPOT"))
    empty.collection.objects.link(spot)
    _, warning = _gather(addon, empty)
    for words in ("Coat Weight (Lacquer)", "Alpha (Lacquer)", "nodes before Base Color (Noisy)", "spot lights (Spot)"):
        assert words in warning


def test_a_scene_without_camera_or_surface_is_refused_in_words(addon: Addon, empty: bpy.types.Scene) -> None:
    error = addon("capture.errors").CaptureError
    with pytest.raises(error, match="Renders show no surface"):
        _gather(addon, empty)
    empty.camera = None
    with pytest.raises(error, match="The scene has no camera"):
        _gather(addon, empty)
