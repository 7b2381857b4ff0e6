"""What is not there as renders would have it: files that are gone, simulations that aren't baked. Both are told with
their number and names, before anything is rendered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from capture_jobs import start_capture
from cures import labels, plan
from mathutils import Vector
from small_scenes import add_material

Import = Callable[[str], ModuleType]


def add_picture(scene: bpy.types.Scene, image: bpy.types.Image) -> bpy.types.Node:
    """Have the cube show a picture."""
    tree = add_material("Cube", "Screen").node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return node


def new_picture(path: Path, source: str = "FILE") -> bpy.types.Image:
    image = bpy.data.images.new("Picture", 4, 4)
    image.source, image.filepath = source, str(path)
    return image


@pytest.mark.parametrize("kind", ["material", "world", "tile", "volume", "library"])
def test_missing_files_are_told_by_name(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path, kind: str
) -> None:
    scene, name = planned_scene, "gone.png"
    if kind == "material":
        add_picture(scene, new_picture(tmp_path / name))
    elif kind == "world":
        scene.world = bpy.data.worlds.new("World")
        if scene.world.node_tree is None:
            scene.world.use_nodes = True
        tree = scene.world.node_tree
        node = tree.nodes.new("ShaderNodeTexEnvironment")
        node.image = new_picture(tmp_path / name)
        tree.links.new(node.outputs[0], tree.nodes["Background"].inputs["Color"])
        scene.render.film_transparent = True
    elif kind == "tile":
        name = "gone.1001.png"
        add_picture(scene, new_picture(tmp_path / "gone.<UDIM>.png", "TILED"))
    elif kind == "volume":
        name = "gone.vdb"
        volume = bpy.data.volumes.new("Smoke")
        volume.filepath = str(tmp_path / name)
        scene.collection.objects.link(bpy.data.objects.new("Smoke", volume))
    else:
        name = "gone.blend"
        bpy.data.libraries.write(str(tmp_path / name), {scene.objects["Ball"]})
        with bpy.data.libraries.load(str(tmp_path / name), link=True) as (_, wanted):
            wanted.objects = ["Ball"]
        scene.collection.objects.link(wanted.objects[0])
        (tmp_path / name).unlink()
    words = f"1 file is missing ({name}): renders show pink, or nothing, instead. Find it"
    assert plan(scene) == words
    assert labels(addon, scene, words) == ["Find Missing Files"]


@pytest.mark.parametrize("kind", ["there", "packed", "painted", "tiles", "not linked", "no file"])
def test_pictures_that_need_no_file_are_not_missing(planned_scene: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    image = bpy.data.images.new("Picture", 4, 4)
    image.filepath_raw, image.file_format = str(tmp_path / "picture.png"), "PNG"
    if kind != "painted":
        image.save()
        image.source = "FILE"
    if kind == "packed":
        image.pack()
    elif kind == "tiles":
        image.filepath_raw = str(tmp_path / "picture.u1_v1.png")
        image.save()
        image = new_picture(tmp_path / "picture.<UVTILE>.png", "TILED")
    node = add_picture(planned_scene, image)
    if kind in {"packed", "not linked"}:
        (tmp_path / "picture.png").unlink()
    if kind == "not linked":
        image.reload()
        node.id_data.links.remove(node.outputs[0].links[0])
    if kind == "no file":
        node.image = None
    assert plan(planned_scene) == ""


def add_rigid_body(scene: bpy.types.Scene) -> None:
    ball = scene.objects["Ball"]
    ball.location.z = 3.0
    bpy.context.view_layer.objects.active = ball
    bpy.ops.rigidbody.object_add()


def bake(cache: bpy.types.PointCache) -> None:
    with bpy.context.temp_override(point_cache=cache):
        bpy.ops.ptcache.bake(bake=True)


@pytest.mark.parametrize("kind", ["baked", "played"])
def test_rigid_bodies_are_captured_where_they_are_and_told_if_they_are_not_baked(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    scene = planned_scene
    scene.frame_end = 20
    add_rigid_body(scene)
    assert "All Dynamics" not in plan(scene), "the simulation begins at this frame"
    for frame in range(1, 11):
        scene.frame_set(frame)
    words = "1 rigid body has no permanent cache (Ball): captures go through 10 frames of the simulation first"
    assert words in plan(scene)
    assert labels(addon, scene, words) == ["Bake All Dynamics", "Select"]
    if kind == "baked":
        bake(scene.rigidbody_world.point_cache)
        scene.frame_set(10)
        assert "All Dynamics" not in plan(scene)
    height = scene.objects["Ball"].evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation.z
    assert height < 2.9
    bpy.ops.hashlight.fit_bounds()
    scene.hashlight.capture.rig, scene.hashlight.capture.held_out_views = "SCENE_CAMERAS", 0
    with start_capture(addon, scene) as job:
        color, depth = (view := next(job)).color, view.depth
        assert job.bounds.maximum[2] == pytest.approx(height + 0.4, abs=0.2)
    at = scene.camera.matrix_world.inverted() @ Vector((0.9, 0.2, height))  # the ball's middle, as the camera sees it
    record = job.poses[0]
    row, column = (
        int(24 - 24 * at[axis] / -at.z / slope) for axis, slope in ((1, record.slopes[1]), (0, -record.slopes[0]))
    )
    assert color[row, column, 3] == 1.0
    assert depth[row, column] == pytest.approx(-at.z - 0.4, abs=0.1)
    assert scene.frame_current == 10 and scene.rigidbody_world.point_cache.is_baked == (kind == "baked")
    bpy.context.view_layer.update()
    assert scene.objects["Ball"].evaluated_get(
        bpy.context.evaluated_depsgraph_get()
    ).matrix_world.translation.z == pytest.approx(height), "it is shown where it was"


@pytest.mark.parametrize("kind", ["CLOTH", "SOFT_BODY", "particles", "nodes"])
def test_simulations_that_are_not_baked_are_told_where_several_frames_are_captured(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    scene, ball = planned_scene, planned_scene.objects["Ball"]
    if kind == "particles":
        modifier = ball.modifiers.new("Sim", "PARTICLE_SYSTEM")
    elif kind == "nodes":
        modifier = ball.modifiers.new("Sim", "NODES")
        modifier.node_group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        group = modifier.node_group
        for side in ("INPUT", "OUTPUT"):
            group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
        group.links.new(group.nodes.new("NodeGroupInput").outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
        start = group.nodes.new("GeometryNodeSimulationInput")
        start.pair_with_output(group.nodes.new("GeometryNodeSimulationOutput"))
    else:
        modifier = ball.modifiers.new("Sim", kind)
    for frame, x in ((1, -1.0), (20, 1.0)):
        scene.camera.location.x = x
        scene.camera.keyframe_insert("location", index=0, frame=frame)
    scene.frame_start, scene.frame_end = 1, 20
    assert "All Dynamics" not in plan(scene), "what is captured of one frame is as renders have it"
    scene.hashlight.capture.rig = "ANIMATION"
    words = f"1 simulation has no cache of all frames, as far as Blender tells (Ball: {modifier.name})"
    assert words in plan(scene)
    assert labels(addon, scene, words) == ["Bake All Dynamics", "Select"]
    modifier.show_render = False
    assert "All Dynamics" not in plan(scene)
    modifier.show_render = True
    if kind == "CLOTH":
        for frame in range(1, 21):
            scene.frame_set(frame)
        scene.frame_set(1)
        assert "All Dynamics" not in plan(scene), "all frames were played"
        modifier.point_cache.frame_end = 5
        scene.frame_end = 40
        assert "All Dynamics" not in plan(scene), "it ends before"
        modifier.point_cache.frame_end = 30
        assert words in plan(scene), "it goes on after what was played"
        bake(modifier.point_cache)
        assert "All Dynamics" not in plan(scene)
