"""Blender's cameras as pinhole cameras, to a hundredth of a pixel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

Import = Callable[[str], ModuleType]

SENSOR_FITS = ("AUTO", "HORIZONTAL", "VERTICAL")
RESOLUTIONS = ((1920, 1080), (1080, 1920), (800, 800), (641, 479))
SHIFTS = ((0.0, 0.0), (0.3, -0.2))
ASPECTS = ((1.0, 1.0), (2.0, 1.0), (1.0, 1.5))
PERCENTAGES = (100, 33)


@pytest.fixture
def camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """A rotated camera with an uneven sensor, as the scene's active one."""
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.sensor_height = 35.0, 36.0, 20.0
    obj = bpy.data.objects.new("Camera", data)
    obj.matrix_world = Matrix.Translation((3, -4, 2)) @ Matrix.Rotation(0.7, 4, "Z") @ Matrix.Rotation(1.2, 4, "X")
    scene.collection.objects.link(obj)
    scene.camera = obj
    bpy.context.view_layer.update()
    return obj


def points_in_view(obj: bpy.types.Object, count: int = 50) -> np.ndarray:
    """World-space points [n, 3] in front of a camera, in and somewhat beyond its picture."""
    random = np.random.default_rng(0)
    depth = random.uniform(0.5, 50.0, count)
    local = np.stack((random.uniform(-1, 1, count) * depth, random.uniform(-1, 1, count) * depth, -depth), axis=1)
    matrix = np.array(obj.matrix_world.normalized())
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def project(camera: object, points: np.ndarray) -> np.ndarray:
    """Pixels [n, 2] where a ``Camera`` sees ``points``."""
    local = np.concatenate((points, np.ones((len(points), 1))), axis=1) @ np.linalg.inv(camera.camera_to_world).T
    x = camera.fx * local[:, 0] / -local[:, 2] + camera.cx
    y = -camera.fy * local[:, 1] / -local[:, 2] + camera.cy
    return np.stack((x, y), axis=1)


def project_by_matrix(obj: bpy.types.Object, points: np.ndarray, size: tuple[int, int], aspect: tuple) -> np.ndarray:
    """The same by ``calc_matrix_camera``, whole: homogeneous, as graphics cards do it."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    projection = obj.calc_matrix_camera(depsgraph, x=size[0], y=size[1], scale_x=aspect[0], scale_y=aspect[1])
    view = obj.matrix_world.normalized().inverted()
    clip = [projection @ view @ Vector((*point, 1.0)) for point in points]
    ndc = np.array([(c.x / c.w, c.y / c.w) for c in clip])
    return np.stack(((ndc[:, 0] + 1) / 2 * size[0], (1 - ndc[:, 1]) / 2 * size[1]), axis=1)


@pytest.mark.parametrize("fit", SENSOR_FITS)
def test_every_camera_agrees_with_blender(
    addon: Import, scene: bpy.types.Scene, camera: bpy.types.Object, fit: str
) -> None:
    from bpy_extras.object_utils import world_to_camera_view

    cameras = addon("capture.cameras")
    camera.data.sensor_fit = fit
    points = points_in_view(camera)
    for resolution, shift, aspect, percentage in itertools.product(RESOLUTIONS, SHIFTS, ASPECTS, PERCENTAGES):
        scene.render.resolution_x, scene.render.resolution_y = resolution
        scene.render.resolution_percentage = percentage
        scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
        camera.data.shift_x, camera.data.shift_y = shift
        pinhole = cameras.scene_camera(scene)
        size = (pinhole.width, pinhole.height)
        assert size == tuple(side * percentage // 100 for side in resolution)
        ours = project(pinhole, points)
        what = (fit, resolution, shift, aspect, percentage)
        assert np.abs(ours - project_by_matrix(camera, points, size, aspect)).max() < 0.01, what
        if percentage == 100:  # the other way of Blender's own, which knows no rounded-off pixels
            seen = np.array([world_to_camera_view(scene, camera, Vector(point))[:2] for point in points])
            theirs = np.stack((seen[:, 0] * size[0], (1 - seen[:, 1]) * size[1]), axis=1)
            assert np.abs(ours - theirs).max() < 0.01, what


def test_the_object_s_scale_does_not_show(addon: Import, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    cameras = addon("capture.cameras")
    before = cameras.scene_camera(scene)
    camera.matrix_world = camera.matrix_world @ Matrix.Diagonal((3.0, 0.5, 7.0, 1.0))
    after = cameras.scene_camera(scene)
    np.testing.assert_allclose(after.camera_to_world, before.camera_to_world, atol=1e-6)
    assert (after.fx, after.cy) == (before.fx, before.cy)


def test_constraints_and_parents_count(addon: Import, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    target = bpy.data.objects.new("Target", None)
    target.location = (1.0, 2.0, 3.0)
    scene.collection.objects.link(target)
    constraint = camera.constraints.new("TRACK_TO")
    constraint.target, constraint.track_axis, constraint.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    pinhole = addon("capture.cameras").scene_camera(scene)
    pixel = project(pinhole, np.array([[1.0, 2.0, 3.0]]))[0]
    np.testing.assert_allclose(pixel, (pinhole.width / 2, pinhole.height / 2), atol=0.01)


@pytest.mark.parametrize(("kind", "word"), [("ORTHO", "orthographic"), ("PANO", "panoramic")])
def test_other_cameras_are_refused_by_name(
    addon: Import, scene: bpy.types.Scene, camera: bpy.types.Object, kind: str, word: str
) -> None:
    camera.name = "Fisheye"
    camera.data.type = kind
    with pytest.raises(ValueError, match=f"Camera Fisheye: {word}"):
        addon("capture.cameras").scene_camera(scene)


def test_impossible_sizes_are_refused(addon: Import, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    cameras = addon("capture.cameras")
    with pytest.raises(ValueError, match="no active camera"):
        scene.camera = None
        cameras.scene_camera(scene)
    scene.camera = camera
    for width, height in ((0, 100), (100, 0), (16385, 100), (100_000, 100_000)):
        with pytest.raises(ValueError, match=f"Resolution {width} x {height}"):
            cameras.check_size(width, height)
    scene.hashlight.capture.use_scene_resolution = True
    scene.render.resolution_x, scene.render.resolution_percentage = 50, 1
    with pytest.raises(ValueError, match="Resolution 0 x"):
        cameras.capture_size(scene)


@pytest.mark.parametrize("rig", ["SPHERE", "HEMISPHERE", "RINGS"])
@pytest.mark.parametrize("size", [(64, 48), (48, 64)])
def test_planned_cameras_hold_the_subject(
    addon: Import, small_scene: bpy.types.Scene, rig: str, size: tuple[int, int]
) -> None:
    settings = small_scene.hashlight.capture
    settings.rig, settings.training_views, settings.held_out_views = rig, 10, 3
    settings.ring_levels, settings.ring_count = 2, 5
    settings.resolution_x, settings.resolution_y = size
    small_scene.render.pixel_aspect_y = 1.5
    bpy.ops.hashlight.fit_bounds()
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    visible = np.array(
        [
            bpy.data.objects[name].matrix_world @ vertex.co
            for name in ("Cube", "Ball")
            for vertex in bpy.data.objects[name].data.vertices
        ]
    )
    views = addon("capture.plan").planned_views(small_scene)
    assert [view.split for view in views] == ["train"] * 10 + ["test"] * 3
    for view in views:
        camera = addon("capture.cameras").camera_from_object(
            bpy.data.objects[view.camera], depsgraph, *size, (1.0, 1.5)
        )
        pixels = project(camera, visible) / np.array(size)
        assert pixels.min() >= 0 and pixels.max() <= 1
        assert np.ptp(pixels, axis=0).max() > 0.65
        shorter = min(size[0], size[1] * 1.5)
        opening = camera.width / camera.fx if shorter == size[0] else camera.height / camera.fy
        assert 2 * math.atan(opening / 2) == pytest.approx(settings.field_of_view, abs=1e-5)


def test_planning_again_replaces_the_cameras(addon: Import, small_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.fit_bounds()
    settings = small_scene.hashlight.capture
    settings.training_views, settings.held_out_views = 5, 2
    bpy.ops.hashlight.plan_cameras()
    settings.training_views = 4
    bpy.ops.hashlight.plan_cameras()
    collection = bpy.data.collections["Hashlight Cameras"]
    assert sorted(obj.name for obj in collection.objects) == [
        "test_000", "test_001", "train_000", "train_001", "train_002", "train_003",
    ]  # fmt: skip
    assert len({obj.data.name for obj in collection.objects}) == 1
    assert tuple(bpy.data.objects["train_000"].color) != tuple(bpy.data.objects["test_000"].color)
    settings.rig = "SCENE_CAMERAS"
    bpy.ops.hashlight.plan_cameras()
    assert len(collection.objects) == 0
    assert "Camera" in bpy.data.objects


def test_the_radius_says_how_far_the_cameras_are(addon: Import, small_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    small_scene.hashlight.capture.radius = 7.0  # those that are planned already follow
    bpy.context.view_layer.update()
    center = addon("capture.bounds").bounds_object(small_scene).location
    cameras = list(addon("roles").objects_of(small_scene, "camera"))
    assert len(cameras) == 56
    assert [(camera.location - center).length for camera in cameras] == pytest.approx([7.0] * 56, rel=1e-5)


def test_the_plan_knows_the_scene_cameras_own_lenses(addon: Import, small_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.fit_bounds()
    settings = small_scene.hashlight.capture
    settings.rig, settings.held_out_views = "SCENE_CAMERAS", 0
    small_scene.camera.data.lens = 100.0  # 36 mm across
    small_scene.camera.rotation_euler.x = math.pi / 2 + math.radians(15)  # past the subject, unless the lens is wide
    bpy.context.view_layer.update()
    (pose,) = addon("capture.poses").planned_poses(small_scene, bpy.context.evaluated_depsgraph_get())
    assert pose.slopes == pytest.approx((0.18, 0.18), rel=1e-5)
    bpy.ops.hashlight.plan_cameras()
    assert "Seeing nothing: Camera" in settings.plan_warnings
    small_scene.camera.data.lens = 20.0
    bpy.context.view_layer.update()
    bpy.ops.hashlight.plan_cameras()
    assert "Seeing nothing" not in settings.plan_warnings


def test_names_of_scene_cameras_become_safe_file_names(addon: Import, small_scene: bpy.types.Scene) -> None:
    small_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    small_scene.camera.name = "../../Kamera Ä"
    for name in ("cam/a", "CAM:A"):
        small_scene.collection.objects.link(bpy.data.objects.new(name, bpy.data.cameras.new(name)))
    names = [view.name for view in addon("capture.plan").planned_views(small_scene)]
    assert sorted(names) == ["CAM_A", "_.._Kamera__", "cam_a_2"]
