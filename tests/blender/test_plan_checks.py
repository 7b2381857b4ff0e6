"""What is said of a plan before anything is rendered, and that the plan follows the scene."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from small_scenes import furnish_room, open_window

Import = Callable[[str], ModuleType]


@pytest.fixture
def planned_scene(planned_scene: bpy.types.Scene) -> bpy.types.Scene:
    """With 5 + 1 planned cameras."""
    planned_scene.hashlight.capture.training_views = 5
    bpy.context.view_layer.update()
    return planned_scene


def warnings(scene: bpy.types.Scene) -> str:
    """What Plan Cameras says now."""
    bpy.ops.hashlight.plan_cameras()
    return scene.hashlight.capture.plan_warnings


def at(name: str) -> tuple[float, float, float]:
    return tuple(bpy.data.objects[name].matrix_world.translation)


def look_away(scene: bpy.types.Scene) -> bpy.types.Object:
    """Leave nothing but one camera of the scene's own, which looks along -Y from the origin."""
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.matrix_world = Matrix.Rotation(-np.pi / 2, 4, "X") @ Matrix.Rotation(np.pi, 4, "Z")
    scene.collection.objects.link(camera)
    scene.hashlight.capture.rig = "SCENE_CAMERAS"
    return camera


def test_a_good_plan_is_not_found_fault_with(planned_scene: bpy.types.Scene) -> None:
    assert warnings(planned_scene) == ""


def test_a_camera_in_a_mesh_is_told_by_name(planned_scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_monkey_add(size=4.0, location=at("train_002"))
    bpy.ops.object.modifier_add(type="SUBSURF")
    assert "Inside a mesh: train_002" in warnings(planned_scene)
    bpy.context.object.hide_render = True
    assert "Inside" not in warnings(planned_scene), "what is not rendered hides nothing"


def test_a_camera_in_a_mirrored_instance_is_told(planned_scene: bpy.types.Scene) -> None:
    source = bpy.data.collections.new("Source")
    bpy.ops.mesh.primitive_ico_sphere_add(radius=0.3)
    ball = bpy.context.object
    source.objects.link(ball)
    planned_scene.collection.objects.unlink(ball)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    instance.location, instance.scale = at("test_000"), (-1.0, 1.0, 2.0)
    planned_scene.collection.objects.link(instance)
    assert "Inside a mesh: test_000" in warnings(planned_scene)


def test_a_camera_beside_a_mesh_is_not_inside(planned_scene: bpy.types.Scene) -> None:
    x, y, z = at("train_002")
    bpy.ops.mesh.primitive_torus_add(major_radius=1.0, minor_radius=0.2, location=(x, y, z))  # in its hole
    bpy.ops.mesh.primitive_plane_add(size=3.0, location=(x, y, z - 0.1), rotation=(np.pi, 0.0, 0.0))
    assert "Inside" not in warnings(planned_scene)


@pytest.mark.parametrize("kind", ["mesh", "bezier", "text", "metaball", "hair", "instances", "edges only"])
def test_every_kind_of_surface_can_be_seen(scene: bpy.types.Scene, kind: str) -> None:
    look_away(scene)
    behind, before = (0.0, 6.0, 0.0), (0.0, -6.0, 0.0)
    if kind == "mesh":
        bpy.ops.mesh.primitive_cube_add(location=behind)
    elif kind == "bezier":
        bpy.ops.curve.primitive_bezier_circle_add(location=behind)
        bpy.context.object.data.bevel_depth = 0.1
    elif kind == "text":
        bpy.ops.object.text_add(location=behind)
    elif kind == "metaball":
        bpy.ops.object.metaball_add(location=behind)
    elif kind == "hair":
        curves = bpy.data.hair_curves.new("Hair")
        curves.add_curves([2])
        curves.points[1].position = (0.0, 0.0, 1.0)
        scene.collection.objects.link(bpy.data.objects.new("Hair", curves))
        bpy.context.view_layer.objects.active = bpy.data.objects["Hair"]
        bpy.data.objects["Hair"].location = behind
    elif kind == "instances":
        bpy.ops.mesh.primitive_cube_add(size=0.2)
        cube = bpy.context.object
        bpy.ops.mesh.primitive_plane_add(location=behind)
        cube.parent, cube.hide_render = bpy.context.object, False
        bpy.context.object.instance_type = "VERTS"
        bpy.context.object.show_instancer_for_render = bpy.context.object.show_instancer_for_viewport = False
    else:
        edge = bpy.data.meshes.new("Edge")
        edge.from_pydata([(-1, 0, 0), (1, 0, 0)], [(0, 1)], [])
        scene.collection.objects.link(bpy.data.objects.new("Edge", edge))
        bpy.context.view_layer.objects.active = bpy.data.objects["Edge"]
    obj = bpy.context.view_layer.objects.active
    assert "Seeing nothing: Camera" in warnings(scene)
    obj.location = before
    assert ("Seeing nothing" in warnings(scene)) == (kind == "edges only")


def test_a_large_face_without_a_corner_in_the_picture_is_seen(scene: bpy.types.Scene) -> None:
    look_away(scene)
    bpy.ops.mesh.primitive_plane_add(size=400.0, location=(0.0, -6.0, 0.0), rotation=(np.pi / 2, 0.0, 0.0))
    assert "Seeing nothing" not in warnings(scene)


def test_gathering_by_and_by_finds_the_same(
    addon: Import, planned_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon("capture.surroundings"), "_SLOW", 60.0)  # however slow the machine is just now
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=10, y_subdivisions=10)
    bpy.ops.mesh.primitive_cube_add(size=0.1)
    bpy.context.object.parent = bpy.data.objects["Grid"]
    bpy.data.objects["Grid"].instance_type = "VERTS"
    depsgraph = bpy.context.evaluated_depsgraph_get()
    whole, pieces = addon("capture.surroundings").Surroundings(), addon("capture.surroundings").Surroundings()
    assert whole.gather(bpy.context.view_layer, depsgraph, 1e9)
    turns = 1
    while not pieces.gather(bpy.context.view_layer, depsgraph, 0.0):
        turns += 1
    assert turns > 100
    assert whole.geometry.keys() == pieces.geometry.keys()
    for key, geometry in whole.geometry.items():
        np.testing.assert_array_equal(geometry.matrices, pieces.geometry[key].matrices)


def test_where_not_everything_was_looked_at_no_camera_is_called_blind(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_away(scene)
    for y in (6.0, 7.0):
        bpy.ops.mesh.primitive_cube_add(location=(0.0, y, 0.0))
    monkeypatch.setattr(addon("capture.surroundings"), "_MOST_INSTANCES", 2)
    assert "Seeing nothing" not in warnings(scene)


@pytest.mark.parametrize("most", [0, 10**6])
def test_meshes_of_many_quads_are_read_without_asking_where_each_begins(
    addon: Import, planned_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(addon("capture.surfaces"), "_MOST_UNEVEN_FACES", most)
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=at("train_001"))
    assert "Inside a mesh: train_001" in warnings(planned_scene)


def test_planned_cameras_follow_bounds_that_were_moved(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.hashlight.capture.radius = 6.0  # whatever is inside
    bpy.context.view_layer.update()
    before = {obj.name: at(obj.name) for obj in planned_scene.objects if obj.name.startswith(("train_", "test_"))}
    bpy.data.objects.remove(bpy.data.objects["train_004"])
    bpy.data.objects["Hashlight Bounds"].location.z += 2.0
    addon("capture.preparation").prepare_plan(bpy.context)
    assert "train_004" not in bpy.data.objects, "what was removed by hand stays away"
    for name in before.keys() - {"train_004"}:
        np.testing.assert_allclose(at(name), np.add(before[name], (0.0, 0.0, 2.0)), atol=1e-4)
    assert "outside the bounds" in planned_scene.hashlight.capture.plan_warnings
    by_hand = bpy.data.objects["train_000"]
    by_hand.location.x += 1.0
    addon("capture.preparation").prepare_plan(bpy.context)
    assert by_hand.location.x == pytest.approx(before["train_000"][0] + 1.0, abs=1e-4), "the bounds are the same"


def test_an_animations_cameras_are_known_once_planned_until_it_changes(
    addon: Import, small_scene: bpy.types.Scene
) -> None:
    poses, scene = addon("capture.poses"), small_scene
    bpy.ops.hashlight.fit_bounds()
    for frame, x in ((1, -1.0), (9, 1.0)):
        scene.camera.location.x = x
        scene.camera.keyframe_insert("location", index=0, frame=frame)
    scene.frame_start, scene.frame_end = 1, 9
    scene.hashlight.capture.rig, scene.hashlight.capture.frame_step = "ANIMATION", 2
    scene.frame_set(4)

    def known() -> list[str]:
        return [pose.name for pose in poses.planned_poses(scene, bpy.context.evaluated_depsgraph_get())]

    assert known() == []
    bpy.ops.hashlight.plan_cameras()
    assert scene.frame_current == 4
    assert sorted(known()) == [f"frame_{frame:04d}" for frame in (1, 3, 5, 7, 9)]
    xs = {
        pose.name: pose.camera_to_world[0, 3] for pose in poses.planned_poses(scene, bpy.context.view_layer.depsgraph)
    }
    assert xs["frame_0001"] == pytest.approx(-1.0) and xs["frame_0009"] == pytest.approx(1.0)
    scene.frame_set(7)
    bpy.data.objects["Cube"].select_set(True)
    bpy.context.view_layer.update()
    assert known(), "another frame or a selection is no change"
    scene.frame_end = 8
    assert known() == []
    scene.frame_end = 9
    assert known()
    scene.camera.location.z += 1.0
    scene.camera.keyframe_insert("location", index=2, frame=7)
    bpy.context.view_layer.update()
    assert known() == []
    bpy.ops.hashlight.plan_cameras()
    assert known()
    scene.camera.data.lens = 90.0
    bpy.context.view_layer.update()
    assert known() == []


def test_what_is_seen_through_a_window_of_a_room_is_not_called_cut_off(
    scene: bpy.types.Scene, tmp_path: object
) -> None:
    furnish_room(scene)
    open_window(scene)
    settings = scene.hashlight.capture
    scene.hashlight.folder = str(tmp_path)
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    settings.rig, settings.resolution_x, settings.resolution_y = "INSIDE", 24, 24
    settings.training_views, settings.held_out_views = 12, 0
    bpy.ops.hashlight.fit_bounds()
    assert warnings(scene) == ""
    bpy.ops.hashlight.capture()
    assert "of 12 views, most in train_" in settings.capture_warnings
    assert "behind a window it is not learnt" in settings.capture_warnings
    assert "cut off" not in settings.capture_warnings


def test_warnings_come_with_a_capture_too(planned_scene: bpy.types.Scene, tmp_path: object) -> None:
    planned_scene.hashlight.folder = str(tmp_path)
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=at("train_001"))
    assert planned_scene.hashlight.capture.plan_warnings == ""
    bpy.ops.hashlight.capture()
    settings = planned_scene.hashlight.capture
    assert "Inside a mesh: train_001" in settings.plan_warnings
    assert "1 of 6 views are black (train_001)" in settings.capture_warnings
    assert settings.capture_warnings.count("\n") == 1
    assert "The bounds cut off part of what is seen in " in settings.capture_warnings
