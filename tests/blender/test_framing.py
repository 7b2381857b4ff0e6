"""Planned cameras are framed to what is visible inside the bounds, whatever that is."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from framed import SLOPE, check_framed, planned, seen_from, vertices

Import = Callable[[str], ModuleType]

LEAST_FILLED = 0.7  # of a picture, however near its neighbours are


def link(obj: bpy.types.Object) -> bpy.types.Object:
    bpy.context.scene.collection.objects.link(obj)
    return obj


def wide() -> np.ndarray:
    bpy.ops.mesh.primitive_uv_sphere_add(location=(3.0, 1.0, 0.0), rotation=(0.0, 0.2, 0.6))
    bpy.context.object.scale = (3.0, 0.6, 0.4)
    bpy.context.view_layer.update()
    return vertices(bpy.context.object)


def tall() -> np.ndarray:
    bpy.ops.mesh.primitive_cone_add(radius1=0.4, depth=4.0, vertices=12)
    return vertices(bpy.context.object)


def sphere() -> np.ndarray:
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=0.3, location=(0.0, 0.0, 5.0))
    return vertices(bpy.context.object)


def smoothed() -> np.ndarray:
    bpy.ops.mesh.primitive_monkey_add()
    bpy.ops.object.modifier_add(type="SUBSURF")
    bpy.context.view_layer.update()
    return vertices(bpy.context.object)


def instances() -> np.ndarray:
    """Small cubes on the vertices of a disc, which isn't seen itself."""
    bpy.ops.mesh.primitive_circle_add(vertices=400, radius=2.0, fill_type="NGON", rotation=(0.5, 0.0, 0.0))
    disc = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=0.1)
    cube = bpy.context.object
    cube.parent, disc.instance_type = disc, "VERTS"
    disc.show_instancer_for_render = disc.show_instancer_for_viewport = False
    bpy.context.view_layer.update()
    cubes = vertices(cube) - np.array(cube.matrix_world.translation)
    return (vertices(disc)[:, None] + cubes @ np.array(disc.matrix_world)[:3, :3].T).reshape(-1, 3)


def hair() -> np.ndarray:
    """Curves that stand on a slope, far from the corners of the box around them."""
    random = np.random.default_rng(0)
    curves = bpy.data.hair_curves.new("Hair")
    curves.add_curves([3] * 300)
    roots = random.normal(size=(300, 3)) * (0.2, 0.2, 0.02)
    roots[:, 2] += roots[:, 0]
    strand = np.array([(0.0, 0.0, 0.0), (0.4, 0.0, 0.5), (1.0, 0.1, 0.8)])
    points = (roots[:, None] + strand).reshape(-1, 3)
    curves.attributes["position"].data.foreach_set("vector", points.astype(np.float32).reshape(-1))
    link(bpy.data.objects.new("Hair", curves))
    bpy.context.view_layer.update()
    return points


def particle_hair() -> np.ndarray:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    obj = bpy.context.object
    obj.modifiers.new("Fur", "PARTICLE_SYSTEM")
    settings = obj.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length, settings.render_type = "HAIR", 300, 1.5, "PATH"
    bpy.context.view_layer.update()
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    tip = 2**settings.display_step
    return np.array([evaluated.particle_systems[0].co_hair(evaluated, particle_no=k, step=tip) for k in range(300)])


@pytest.mark.parametrize("rig", ["SPHERE", "HEMISPHERE", "RINGS", "FRONT_ARC"])
@pytest.mark.parametrize("build", [wide, tall, sphere, smoothed, instances, hair, particle_hair])
def test_every_picture_is_filled_by_what_is_visible(
    addon: Import, scene: bpy.types.Scene, build: Callable[[], np.ndarray], rig: str
) -> None:
    points = build()
    settings = scene.hashlight.capture
    settings.rig, settings.training_views, settings.held_out_views = rig, 30, 5
    bpy.ops.hashlight.fit_bounds()
    if build is particle_hair:  # Fit Bounds knows the sphere alone
        bpy.data.objects["Hashlight Bounds"].scale = (3.0, 3.0, 3.0)
    bpy.ops.hashlight.plan_cameras()
    poses = planned(addon, scene)
    assert len(poses) > 30
    check_framed(poses, points)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    distance = np.array([np.linalg.norm(pose[:3, 3] - middle) for pose in poses])
    directions = np.array([pose[:3, 2] for pose in poses])
    angles = np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    jumps = distance[:, None] / distance > 1.1 * np.exp(angles)
    assert build is tall or not jumps.any(), "scale jumps between neighbours"
    # What looks tiny from above may be nearer than its neighbours, but no nearer than it takes to fill the picture.
    nearer = [np.ptp(seen_from(poses[index], points), axis=0).max() / 2 for index in np.flatnonzero(jumps.any(axis=0))]
    assert max(nearer, default=0.0) < LEAST_FILLED + 0.03, "scale jumps more than it has to"


def along_a_curve(scene: bpy.types.Scene, location: tuple[float, float, float], radius: float) -> None:
    """Have cameras stand along a level circle, and look at the bounds."""
    bpy.ops.curve.primitive_bezier_circle_add(radius=radius, location=location)
    settings = scene.hashlight.capture
    settings.rig, settings.curve, settings.curve_look = "ALONG_CURVE", bpy.context.object, "CENTER"
    settings.training_views, settings.held_out_views = 20, 4
    bpy.context.view_layer.update()
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}


@pytest.mark.parametrize("build", [wide, tall, sphere, smoothed])
def test_cameras_along_a_curve_have_what_is_visible_in_the_middle(
    addon: Import, scene: bpy.types.Scene, build: Callable[[], np.ndarray]
) -> None:
    from engine.link.geometry import Bounds

    points = build()
    low, high = points.min(axis=0), points.max(axis=0)
    bounds = Bounds(low - 0.1, high + np.array((5.0, 3.0, 2.0)))  # what is visible is in one of their corners
    addon("capture.bounds").show_bounds(scene, bounds)
    along_a_curve(scene, tuple((low + high) / 2 + (0.5, 0.0, 2.5)), 3.0 * float(np.linalg.norm(high - low)))
    poses = planned(addon, scene)
    assert len(poses) == 24
    for pose in poses:
        seen = seen_from(pose, points)
        np.testing.assert_allclose(seen.min(axis=0) + seen.max(axis=0), 0.0, atol=0.02)
        assert abs(pose[2, 0]) < 1e-6, "level"


@pytest.mark.parametrize(
    ("distance", "words"), [(1.2, " is cropped in 24 of 24 views"), (20.0, " fills 7% of a picture at most")]
)
def test_a_lens_that_crops_the_subject_or_shows_it_small_is_told_and_fitted(
    addon: Import, scene: bpy.types.Scene, distance: float, words: str
) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0.0, 0.0, 0.5))
    points = vertices(bpy.context.object)
    bpy.ops.hashlight.fit_bounds()
    along_a_curve(scene, (0.0, 0.0, 0.5), distance)
    (finding,) = [each for each in scene.hashlight.capture.plan_findings if "What is visible" in each.words]
    assert words in finding.words
    (cure,) = addon("capture.plan_warnings").unpack(finding.cures)
    assert bpy.ops.hashlight.fit_field_of_view(**cure.properties) == {"FINISHED"}
    assert "What is visible" not in scene.hashlight.capture.plan_warnings
    slope = math.tan(scene.hashlight.capture.field_of_view / 2)
    for pose in planned(addon, scene):
        reach = np.abs(seen_from(pose, points)).max() * SLOPE / slope
        assert 0.9 < reach <= 1.0


def test_cameras_along_a_curve_through_the_subject_look_at_its_middle(addon: Import, scene: bpy.types.Scene) -> None:
    for x in (-4.0, 4.0):
        bpy.ops.mesh.primitive_cube_add(location=(x, 0.0, 0.0))
    bpy.ops.hashlight.fit_bounds()
    along_a_curve(scene, (0.0, 0.0, 0.5), 3.0)
    for pose in planned(addon, scene):
        wanted = -pose[:3, 3] / np.linalg.norm(pose[:3, 3])
        assert -pose[:3, 2] @ wanted > 0.9


def test_what_lies_outside_the_bounds_does_not_count_and_what_crosses_them_is_cut(
    addon: Import, scene: bpy.types.Scene
) -> None:
    from engine.link.geometry import Bounds

    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    ball = vertices(bpy.context.object)
    bpy.ops.mesh.primitive_cube_add(location=(9.0, 0.0, 0.0))
    addon("capture.bounds").show_bounds(scene, Bounds([-2.0, -2.0, -2.0], [2.0, 2.0, 2.0]))
    bpy.ops.hashlight.plan_cameras()
    check_framed(planned(addon, scene), ball)
    # A ground of one face, none of whose corners is inside: what the box cuts out of it is visible.
    bpy.ops.mesh.primitive_plane_add(size=100.0, location=(0.0, 0.0, -0.5), rotation=(0.0, 0.0, 0.3))
    bpy.ops.hashlight.plan_cameras()
    square = np.array([(x, y, -0.5) for x in (-2.0, 2.0) for y in (-2.0, 2.0)])
    check_framed(planned(addon, scene), np.concatenate((ball, square)))


def test_a_volume_is_framed_by_its_box(addon: Import, scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    source = bpy.context.object
    source.scale, source.hide_render = (3.0, 1.0, 1.0), True
    volume = link(bpy.data.objects.new("Smoke", bpy.data.volumes.new("Smoke")))
    volume.modifiers.new("Fill", "MESH_TO_VOLUME").object = source
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    bounds = bpy.data.objects["Hashlight Bounds"]
    bounds.scale = bounds.scale * 2.0  # what is framed isn't that
    bpy.ops.hashlight.plan_cameras()
    box = np.array(volume.evaluated_get(bpy.context.evaluated_depsgraph_get()).bound_box)
    assert np.ptp(box, axis=0)[0] > 2.5
    check_framed(planned(addon, scene), box)


def test_an_empty_box_is_framed_by_its_corners(addon: Import, scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Bounds

    bounds = Bounds([-1.0, -2.0, 0.0], [1.0, 2.0, 1.0])
    addon("capture.bounds").show_bounds(scene, bounds)
    bpy.ops.hashlight.plan_cameras()
    check_framed(planned(addon, scene), bounds.corners)


def test_where_not_everything_can_be_read_the_box_is_framed(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for x in (0.0, 0.3):
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.2, location=(x, 0.0, 0.0))
    bpy.ops.hashlight.fit_bounds()
    monkeypatch.setattr(addon("capture.subject"), "_MOST_AT_ONCE", 1)
    bpy.ops.hashlight.plan_cameras()
    bounds = addon("capture.bounds").read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    check_framed(planned(addon, scene), bounds.corners)


def test_a_hidden_object_is_not_framed(addon: Import, scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=4.0)
    bpy.context.object.hide_render = True
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    ball = vertices(bpy.context.object)
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    check_framed(planned(addon, scene), ball)


def test_cameras_are_framed_anew_when_the_bounds_were_moved(addon: Import, scene: bpy.types.Scene) -> None:
    places = ((0.0, 0.0, 0.0), (3.0, 0.0, 0.0))
    balls = []
    for place in places:
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.3, location=place)
        balls.append(vertices(bpy.context.object))
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    check_framed(planned(addon, scene), np.concatenate(balls))
    box = bpy.data.objects["Hashlight Bounds"]
    box.location, box.scale = places[1], (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    addon("capture.preparation").prepare_plan(bpy.context)
    check_framed(planned(addon, scene), balls[1])


def test_margin_and_jitter_leave_more_room(addon: Import, scene: bpy.types.Scene) -> None:
    points = sphere()
    settings = scene.hashlight.capture
    settings.margin = 0.5
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    for pose in planned(addon, scene):
        assert np.ptp(seen_from(pose, points), axis=0).max() / 2 == pytest.approx(1 / 1.5, abs=0.02)
    settings.margin, settings.jitter = 0.05, 1.0
    poses = planned(addon, scene)
    check_framed(poses, points)
    assert len({round(float(np.ptp(seen_from(pose, points), axis=0).max()), 2) for pose in poses}) > 5


def test_a_file_of_an_earlier_version_keeps_its_cameras(addon: Import, scene: bpy.types.Scene) -> None:
    sphere()
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    collection = bpy.data.collections["Hashlight Cameras"]
    del collection["hashlight_guessed"]
    for camera in collection.objects:
        camera.location = camera.location * 3.0
    before = planned(addon, scene)
    addon("capture.preparation").prepare_plan(bpy.context)
    np.testing.assert_array_equal(planned(addon, scene), before)
