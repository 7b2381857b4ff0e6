"""A scene as the path tracer takes it: what is in it, and what it can't follow, in one warning."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix

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


def test_instances_of_different_objects_each_have_their_own_mesh(addon: Addon, empty: bpy.types.Scene) -> None:
    sizes = [1.0, 2.0, 3.0, 4.0]
    group = bpy.data.collections.new("Group")
    for size in sizes:
        plane = _add_plane(f"Plane {size}", (10.0 * size, 0.0, 0.0), {"Roughness": 0.1 * size})
        plane.data.transform(Matrix.Scale(size / 2.0, 4))
        empty.collection.objects.unlink(plane)
        group.objects.link(plane)
    for height in (0.0, 5.0):
        holder = bpy.data.objects.new("Holder", None)
        holder.instance_type, holder.instance_collection, holder.location.z = "COLLECTION", group, height
        empty.collection.objects.link(holder)
    data, warning = _gather(addon, empty)
    assert warning == "" and data.corners.shape == (16, 3, 3)
    widths = np.ptp(data.corners[..., 0], axis=1)
    places = 0.5 * (data.corners[..., 0].min(axis=1) + data.corners[..., 0].max(axis=1))
    assert sorted(set(widths.round(3).tolist())) == sizes and places == pytest.approx(10.0 * widths)
    assert data.roughness[data.material_ids] == pytest.approx(0.1 * widths)


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
    _show_texture(plane, image)
    empty.world = bpy.data.worlds.new("World")
    empty.world.use_nodes = True
    empty.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.1, 0.2, 0.4, 1.0)
    empty.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 2.0
    data, warning = _gather(addon, empty)
    assert warning == ""
    assert data.material_textures[data.material_ids[0], 0] == 0 and data.texture_sizes.tolist() == [[1, 2]]
    assert data.texels[:, 0] == pytest.approx([0.5, 1.0], abs=5e-3) and data.texture_encodings.tolist() == [1]
    assert data.environment == pytest.approx(np.array([[[0.2, 0.4, 0.8]]]))


def test_switched_off_nodes_leave_a_material_and_the_world_their_colours(addon: Addon, empty: bpy.types.Scene) -> None:
    material = _add_plane("Plane", (0.0, 0.0, 0.0), {"Base Color": (0.9, 0.9, 0.9, 1.0)}).data.materials[0]
    empty.world = bpy.data.worlds.new("World")
    empty.world.use_nodes = True
    empty.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.9, 0.9, 1.0)
    material.use_nodes = empty.world.use_nodes = False
    material.diffuse_color, empty.world.color = (0.1, 0.2, 0.3, 1.0), (0.1, 0.2, 0.3)
    # From Blender 5.0 on they can't be switched off.
    wanted = (0.1, 0.2, 0.3) if bpy.app.version < (5, 0, 0) else (0.9, 0.9, 0.9)
    data, warning = _gather(addon, empty)
    assert warning == "" and data.base_colors[data.material_ids[0]] == pytest.approx(wanted)
    assert data.environment[0, 0] == pytest.approx(wanted)


def _show_picture(world: bpy.types.World, image: bpy.types.Image) -> None:
    world.use_nodes = True
    tree = world.node_tree
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = image
    tree.links.new(node.outputs["Color"], tree.nodes["Background"].inputs["Color"])


def _show_texture(plane: bpy.types.Object, image: bpy.types.Image) -> None:
    tree = plane.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], _principled(plane.data.materials[0]).inputs["Base Color"])


def test_a_missing_picture_of_the_world_is_named(addon: Addon, empty: bpy.types.Scene) -> None:
    _add_plane("Plane", (0.0, 0.0, 0.0), {})
    image = bpy.data.images.new("Sky", 1, 1)
    image.source, image.filepath = "FILE", "//nowhere.exr"
    empty.world = bpy.data.worlds.new("World")
    _show_picture(empty.world, image)
    data, warning = _gather(addon, empty)
    assert "pictures of the World that are missing (Sky)" in warning and data.environment.shape == (1, 1, 3)


def test_pictures_are_numbers_each_one_its_own_and_other_colour_spaces_are_named(
    addon: Addon, empty: bpy.types.Scene, tmp_path: Path
) -> None:
    """Two pictures of one name, from two files; a picture with pixels that aren't numbers; one of Rec.2020."""
    for level in (0.2, 0.6):
        image = bpy.data.images.new("Picture", 1, 1, float_buffer=True)
        image.pixels[:] = (level, level, math.nan, 1.0)
        image.pack()
        bpy.data.libraries.write(str(tmp_path / f"{level}.blend"), {image}, fake_user=True)
        bpy.data.images.remove(image)
    for level in (0.2, 0.6):
        with bpy.data.libraries.load(str(tmp_path / f"{level}.blend"), link=True) as (_, wanted):
            wanted.images = ["Picture"]
        _show_texture(_add_plane("Plane", (level, 0.0, 0.0), {}), wanted.images[0])
    wide = bpy.data.images.new("Wide", 1, 1)
    wide.colorspace_settings.name = "Linear Rec.2020"
    empty.world = bpy.data.worlds.new("World")
    _show_picture(empty.world, wide)
    data, warning = _gather(addon, empty)
    assert data.texels[:, 0] == pytest.approx([0.2, 0.6], abs=1e-3) and (data.texels[:, 2] == 0.0).all()
    assert "the colour space Linear Rec.2020 (Wide)" in warning


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
