"""Front Arc, Inside and Along a Curve, as a user plans them."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from mathutils import Vector
from small_scenes import ROOM, add_box, add_camera, clear, furnish_room, set_up_product

Import = Callable[[str], ModuleType]


def poses(addon: Import, scene: bpy.types.Scene, split: str | None = None) -> list[Any]:
    bpy.context.view_layer.update()
    planned = addon("capture.poses").planned_poses(scene, bpy.context.evaluated_depsgraph_get())
    return [pose for pose in planned if split in (None, pose.split)]


def positions(addon: Import, scene: bpy.types.Scene, split: str | None = None) -> np.ndarray:
    return np.array([pose.camera_to_world[:3, 3] for pose in poses(addon, scene, split)])


def distance_to_surfaces(scene: bpy.types.Scene, point: np.ndarray) -> float:
    nearest = math.inf
    depsgraph = bpy.context.evaluated_depsgraph_get()
    for obj in scene.objects:
        if obj.type == "MESH":
            local = obj.matrix_world.inverted() @ Vector(point)
            is_found, place, _, _ = obj.evaluated_get(depsgraph).closest_point_on_mesh(local)
            if is_found:
                nearest = min(nearest, (obj.matrix_world @ place - Vector(point)).length)
    return nearest


@pytest.fixture
def room(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A furnished room, planned from inside with 36 + 4 views of 48x48."""
    furnish_room(scene)
    settings = scene.hashlight.capture
    settings.rig, settings.training_views, settings.held_out_views = "INSIDE", 36, 4
    settings.resolution_x = settings.resolution_y = 48
    assert bpy.ops.hashlight.fit_bounds() == {"FINISHED"}
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    return scene


def test_the_bounds_of_a_room_are_its_walls(addon: Import, room: bpy.types.Scene) -> None:
    bounds = addon("capture.bounds").read_bounds(room, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(bounds.minimum, (0.0, 0.0, 0.0), atol=0.1)
    np.testing.assert_allclose(bounds.maximum, ROOM, atol=0.1)


def test_every_viewpoint_is_in_the_room_and_in_nothing_else(addon: Import, room: bpy.types.Scene) -> None:
    places = positions(addon, room)
    assert len(places) == 40
    assert (places > 0.1).all() and (places < np.array(ROOM) - 0.1).all()
    assert min(distance_to_surfaces(room, place) for place in places) > 0.1
    for low, high in (((2.0, 1.5, 0.0), (3.5, 2.5, 0.75)), ((5.3, 0.0, 0.0), (6.0, 2.0, 2.2))):
        assert not ((places > low) & (places < high)).all(axis=1).any(), "in the furniture"
    assert np.ptp(places, axis=0) == pytest.approx(np.array(ROOM) - 1.0, abs=0.5), "spread over all of it"


def test_every_wall_is_covered(addon: Import, room: bpy.types.Scene) -> None:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    random = np.random.default_rng(0)
    planned = poses(addon, room, "train")
    for axis in range(3):
        for side in (0.0, 1.0):
            points = random.random((40, 3)) * 0.9 + 0.05
            points[:, axis] = side
            points *= ROOM
            # What the furniture stands before is not seen by anyone.
            points = [point for point in points if not _is_covered(point)]
            seen = np.array([sum(_sees(room, depsgraph, pose, point) for pose in planned) for point in points])
            assert (seen >= 1).mean() > 0.97, (axis, side)
            assert (seen >= 2).mean() > 0.9, (axis, side)


def _is_covered(point: np.ndarray) -> bool:
    table, cupboard = ((1.9, 1.4), (3.6, 2.6)), ((5.2, -0.1), (6.1, 2.1))
    floor = point[2] < 0.75 and ((point[:2] > table[0]) & (point[:2] < table[1])).all()
    return bool(floor or (point[2] < 2.25 and ((point[:2] > cupboard[0]) & (point[:2] < cupboard[1])).all()))


def _sees(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, pose: Any, point: np.ndarray) -> bool:
    local = (point - pose.camera_to_world[:3, 3]) @ pose.camera_to_world[:3, :3]
    if local[2] >= 0 or (np.abs(local[:2]) > np.array(pose.slopes) * -local[2]).any():
        return False
    origin = Vector(pose.camera_to_world[:3, 3])
    way = Vector(point) - origin
    is_hit, place, *_ = scene.ray_cast(depsgraph, origin, way.normalized())
    return is_hit and (place - Vector(point)).length < 0.02


def test_a_room_captured_from_inside_is_not_found_fault_with(room: bpy.types.Scene) -> None:
    assert room.hashlight.capture.plan_warnings == ""


def test_held_out_views_of_a_room_look_at_what_is_trained_on(addon: Import, room: bpy.types.Scene) -> None:
    training, held_out = positions(addon, room, "train"), positions(addon, room, "test")
    assert len(held_out) == 4
    assert np.linalg.norm(held_out[:, None] - training[None], axis=2).min() > 0.2


def test_without_a_room_inside_says_what_to_do(addon: Import, small_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.fit_bounds()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.data.objects.remove(bpy.data.objects["Ball"])
    bpy.ops.mesh.primitive_plane_add(size=4.0)
    small_scene.hashlight.capture.rig = "INSIDE"
    bpy.ops.hashlight.fit_bounds()
    with pytest.raises(RuntimeError, match="nothing walls in the space within the bounds"):
        bpy.ops.hashlight.plan_cameras()


def test_the_inside_of_hollow_furniture_is_no_room(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_plane_add(size=10.0)
    add_box("Chest", (0.0, 0.0, 0.0), (1.0, 1.0, 1.5))
    bpy.ops.hashlight.fit_bounds()
    scene.hashlight.capture.rig = "INSIDE"
    with pytest.raises(RuntimeError, match="nothing walls in"):
        bpy.ops.hashlight.plan_cameras()


def test_settings_that_make_no_plan_are_told_and_not_captured(addon: Import, planned_scene: bpy.types.Scene) -> None:
    settings = planned_scene.hashlight.capture
    settings.rig = "ALONG_CURVE"
    addon("capture.plan_watch").check(bpy.context)
    assert "choose the Curve" in settings.plan_warnings
    with pytest.raises(RuntimeError, match="choose the Curve"):
        bpy.ops.hashlight.capture()
    settings.rig = "HEMISPHERE"
    addon("capture.plan_watch").check(bpy.context)
    assert settings.plan_warnings == ""


@pytest.fixture
def product(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A ball before a sweep, with bounds around the ball."""
    set_up_product(scene)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Ball"].select_set(True)
    bpy.ops.hashlight.fit_to_selected()
    scene.hashlight.capture.rig = "FRONT_ARC"
    scene.hashlight.capture.training_views, scene.hashlight.capture.held_out_views = 24, 5
    bpy.context.view_layer.update()
    return scene


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_a_front_arc_stays_before_the_backdrop(addon: Import, product: bpy.types.Scene, jitter: float) -> None:
    settings = product.hashlight.capture
    settings.arc_width, settings.jitter = math.radians(100), jitter
    bpy.ops.hashlight.plan_cameras()
    backward = np.array([pose.camera_to_world[:3, 2] for pose in poses(addon, product)])
    assert len(backward) == 29
    azimuth = np.degrees(np.arctan2(backward[:, 0], -backward[:, 1]))
    assert np.abs(azimuth).max() <= 50.01 and np.ptp(azimuth[:24]) > 85
    elevation = np.degrees(np.arcsin(backward[:, 2]))
    assert elevation.min() > 4.9 - 0.01 and np.ptp(elevation[:24]) > 30, "above the horizon"
    stands = positions(addon, product)
    assert (stands[:, 1] < 0.0).all() and (stands[:, 2] > 0.0).all(), "before the ball, above the ground"


def test_an_arc_has_the_scene_camera_in_its_middle_and_follows_it(addon: Import, product: bpy.types.Scene) -> None:
    bpy.ops.hashlight.plan_cameras()
    product.camera.location = (5.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    addon("capture.preparation").prepare_plan(bpy.context)
    offsets = positions(addon, product) - addon("capture.bounds").bounds_object(product).location
    assert (offsets[:, 0] > 0).all() and abs(np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0])).mean()) < 10
    product.camera = None
    bpy.ops.hashlight.plan_cameras()
    offsets = positions(addon, product) - addon("capture.bounds").bounds_object(product).location
    assert (offsets[:, 1] < 0).all(), "from -Y where there is no camera"


def test_arcs_are_even_and_held_out_views_apart(addon: Import) -> None:
    arcs = addon("capture.arcs")
    arc = arcs.arc_before(np.array((0.0, -1.0, 0.2)), math.radians(120), math.radians(40), math.radians(5))
    directions = arcs.arc_directions(arc, 60)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -1.0)
    nearest = np.degrees(np.arccos(cosines.max(axis=1)))
    assert nearest.min() > 0.5 * nearest.mean(), "no two stand close together"
    held_out = arcs.held_out_arc_directions(arc, 6, directions)
    assert np.degrees(np.arccos((held_out @ directions.T).max())) > 0.3 * nearest.mean()
    low = arcs.arc_before(np.array((0.0, -1.0, -0.5)), 1.0, 0.4, 0.1)
    assert low.low < 0, "a camera below the horizon means it"


@pytest.fixture
def path(small_scene: bpy.types.Scene) -> bpy.types.Scene:
    """The small scene with a straight curve from (-4, -4, 1) to (4, -4, 1)."""
    bpy.ops.curve.primitive_nurbs_path_add(location=(0.0, -4.0, 1.0))
    bpy.context.object.name, bpy.context.object.scale = "Path", (2.0, 2.0, 2.0)
    bpy.ops.hashlight.fit_bounds()
    settings = small_scene.hashlight.capture
    settings.rig, settings.curve, settings.training_views, settings.held_out_views = (
        "ALONG_CURVE",
        bpy.context.object,
        9,
        2,
    )
    bpy.context.view_layer.update()
    return small_scene


def test_cameras_stand_evenly_along_a_curve(addon: Import, path: bpy.types.Scene) -> None:
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    training = positions(addon, path, "train")
    np.testing.assert_allclose(np.sort(training[:, 0]), np.linspace(-4.0, 4.0, 9), atol=1e-5)
    np.testing.assert_allclose(training[:, 1:], np.broadcast_to((-4.0, 1.0), (9, 2)), atol=1e-5)
    held_out = positions(addon, path, "test")
    assert np.abs(held_out[:, None, 0] - training[None, :, 0]).min() == pytest.approx(0.5, abs=1e-5), "midway"
    center = np.array(addon("capture.bounds").bounds_object(path).location)
    for pose in poses(addon, path):
        wanted = center - pose.camera_to_world[:3, 3]
        assert -pose.camera_to_world[:3, 2] @ wanted / np.linalg.norm(wanted) > math.cos(math.radians(6))


def test_cameras_along_a_curve_look_where_they_are_told(addon: Import, path: bpy.types.Scene) -> None:
    settings = path.hashlight.capture
    settings.curve_look = "TANGENT"
    bpy.ops.hashlight.plan_cameras()
    for pose in poses(addon, path):
        np.testing.assert_allclose(-pose.camera_to_world[:3, 2], (1.0, 0.0, 0.0), atol=1e-5)
    settings.curve_look = "TARGET"
    with pytest.raises(RuntimeError, match="choose the Target"):
        bpy.ops.hashlight.plan_cameras()
    settings.curve_target = bpy.data.objects["Ball"]
    bpy.ops.hashlight.plan_cameras()
    ball = np.array(bpy.data.objects["Ball"].location)
    for pose in poses(addon, path):
        wanted = ball - pose.camera_to_world[:3, 3]
        np.testing.assert_allclose(-pose.camera_to_world[:3, 2], wanted / np.linalg.norm(wanted), atol=1e-5)


def test_cameras_follow_a_curve_that_was_moved(addon: Import, path: bpy.types.Scene) -> None:
    bpy.ops.hashlight.plan_cameras()
    bpy.data.objects["Path"].location.z = 3.0
    bpy.context.view_layer.update()
    addon("capture.preparation").prepare_plan(bpy.context)
    assert positions(addon, path)[:, 2] == pytest.approx([3.0] * 11, abs=1e-5)


def test_a_closed_curve_has_no_two_cameras_at_its_seam(addon: Import, path: bpy.types.Scene) -> None:
    bpy.ops.curve.primitive_bezier_circle_add(radius=4.0, location=(0.0, 0.0, 2.0))
    path.hashlight.capture.curve = bpy.context.object
    bpy.ops.hashlight.plan_cameras()
    training = positions(addon, path, "train")
    apart = np.linalg.norm(training[:, None] - training[None], axis=2) + 100.0 * np.eye(9)
    np.testing.assert_allclose(apart.min(axis=1), 8.0 * math.sin(math.pi / 9), rtol=0.01)


def test_a_curve_with_a_surface_is_refused_by_name(addon: Import, path: bpy.types.Scene) -> None:
    path.hashlight.capture.curve.data.bevel_depth = 0.1
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="Path has a surface"):
        bpy.ops.hashlight.plan_cameras()
    path.hashlight.capture.curve = None
    with pytest.raises(RuntimeError, match="choose the Curve"):
        bpy.ops.hashlight.plan_cameras()


def test_a_curve_through_what_its_cameras_look_at_is_told_by_name(addon: Import, path: bpy.types.Scene) -> None:
    target = bpy.data.objects.new("Target", None)
    target.location = (0.0, -4.0, 1.0)  # where the camera in the middle stands
    path.collection.objects.link(target)
    bpy.context.view_layer.update()
    path.hashlight.capture.curve_look, path.hashlight.capture.curve_target = "TARGET", target
    with pytest.raises(RuntimeError, match="Path leads a camera through the point that it looks at: move the curve"):
        bpy.ops.hashlight.plan_cameras()
    target.location.y = 0.0
    bpy.context.view_layer.update()
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}


def test_a_new_layout_does_not_change_what_old_files_mean(addon: Import) -> None:
    numbers = {layout.identifier: layout.number for layout in addon("capture.layouts.table").LAYOUTS.values()}
    assert len(set(numbers.values())) == len(numbers)
    former = ["SPHERE", "HEMISPHERE", "RINGS", "SCENE_CAMERAS", "ANIMATION"]
    assert [numbers[name] for name in former] == [0, 1, 2, 3, 4]


def test_a_room_is_captured_from_inside(addon: Import, scene: bpy.types.Scene, tmp_path: object) -> None:
    clear(scene)
    add_box("Walls", (0.0, 0.0, 0.0), (4.0, 3.0, 2.5))
    add_camera(scene, (1.0, 1.0, 1.5))
    bpy.ops.object.light_add(type="POINT", location=(2.0, 1.5, 2.0))
    bpy.context.object.data.energy = 200.0
    settings = scene.hashlight.capture
    scene.hashlight.folder = str(tmp_path)
    scene.render.engine, scene.cycles.samples = "CYCLES", 16
    settings.rig, settings.training_views, settings.held_out_views = "INSIDE", 3, 1
    settings.resolution_x = settings.resolution_y = 24
    addon("capture.preparation").prepare_plan(bpy.context)
    with start_capture(addon, scene) as job:
        views = list(job)
        assert len(views) == 4
        assert all((view.color[..., 3] == 1.0).all() and np.isfinite(view.depth).all() for view in views)
        assert job.warnings == []
