"""Captured views compared with neural ones, the cameras to look through, scores and charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from pumping import wait_for
from random_pictures import random_picture

Import = Callable[[str], ModuleType]


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_side_by_side_holds_both_pictures_opaque(addon: Import) -> None:
    neural, truth = random_picture(1), random_picture(2)
    neural[0], neural[1] = (0.3, 0.2, 0.1, 1.0), 0.0
    both = addon("review.pictures").compose(neural, truth, "SIDE_BY_SIDE")
    np.testing.assert_array_equal(both[0, :8], neural[0])
    ground = both[1, 0, :3]
    assert (ground == ground[0]).all() and 0.0 < ground[0] < 0.1 and (both[..., 3] == 1.0).all()
    rest = 1.0 - truth[..., 3:].astype(np.float32)
    np.testing.assert_allclose(both[:, 8:, :3], truth[..., :3] + ground * rest, atol=2e-3)


def test_a_difference_is_that_of_displayed_values(addon: Import) -> None:
    pictures = addon("review.pictures")
    neural, truth = np.zeros((2, 3, 4), np.float16), np.zeros((2, 3, 4), np.float16)
    neural[0, 1] = (0.5, 0.2, 0.0, 1.0)
    truth[0, 1] = (0.5, 0.25, 1.0, 1.0)
    difference = pictures.compose(neural, truth, "DIFFERENCE", gain=2.0)
    shown = pictures.to_display(difference)
    displayed = [1.055 * value ** (1 / 2.4) - 0.055 for value in (0.2, 0.25)]
    np.testing.assert_allclose(shown[0, 1], (0.0, 2.0 * (displayed[1] - displayed[0]), 1.0), atol=2e-3)
    assert (difference[..., 3] == 1.0).all()
    assert not shown[1].any()


def test_psnr_is_that_of_the_subjects_displayed_values(addon: Import) -> None:
    from engine.link.geometry import Bounds, Camera

    pose = np.eye(4)
    pose[2, 3] = 5.0
    view = None, Camera(pose, 8, 8, 80.0, 80.0, 4.0, 4.0), Bounds([-1.0] * 3, [1.0] * 3)
    score = addon("review.pictures").subject_psnr
    nothing = np.zeros((8, 8, 4), np.float16)
    assert score(nothing, nothing, *view) is None

    truth = nothing.copy()
    truth[3:5, 3:5] = 1.0  # white, in the middle; with its margin the subject is 4x4
    assert score(truth, truth, *view) == pytest.approx(100.0)
    assert score(nothing, truth, *view) == pytest.approx(10 * np.log10(16 / 4), rel=1e-6)
    darker = truth.copy()
    darker[3:5, 3:5, :3] = 0.2140411  # sRGB 0.5
    assert score(darker, truth, *view) == pytest.approx(10 * np.log10(16 / 4 / 0.25), abs=0.02)
    assert score(darker, truth, *view, "srgb") == pytest.approx(score(darker, truth, *view), abs=1e-3)


def test_pictures_of_two_sizes_are_one_clear_error(addon: Import) -> None:
    with pytest.raises(ValueError, match="8x6 pixels, the captured one 4x6"):
        addon("review.pictures").compose(random_picture(1), random_picture(1, width=4), "DIFFERENCE")


# --- the camera to look through ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (50, 50)])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.2, -0.15)])
def test_the_viewer_sees_what_the_view_saw(
    addon: Import, scene: bpy.types.Scene, size: tuple[int, int], shift: tuple[float, float]
) -> None:
    cameras = addon("capture.cameras")
    source = bpy.data.objects.new("Source", bpy.data.cameras.new("Source"))
    source.location, source.rotation_euler, source.data.lens = (1.0, -4.0, 2.0), (1.1, 0.2, 0.3), 41.0
    source.data.shift_x, source.data.shift_y = shift
    scene.collection.objects.link(source)
    scene.render.resolution_x, scene.render.resolution_y = size
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera = cameras.camera_from_object(source, depsgraph, *size, (1.0, 1.0))
    viewer = addon("review.viewpoint").place_viewer(scene, camera)
    bpy.context.view_layer.update()
    seen = cameras.camera_from_object(viewer, bpy.context.evaluated_depsgraph_get(), *size, (1.0, 1.0))
    np.testing.assert_allclose(seen.camera_to_world, camera.camera_to_world, atol=1e-6)
    np.testing.assert_allclose(
        (seen.fx, seen.fy, seen.cx, seen.cy), (camera.fx, camera.fy, camera.cx, camera.cy), atol=1e-3
    )
    assert scene.camera is None


@pytest.mark.parametrize("render_size", [(200, 100), (100, 200)])
def test_a_frame_of_another_shape_holds_the_whole_view(
    addon: Import, scene: bpy.types.Scene, render_size: tuple[int, int]
) -> None:
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    from engine.link.geometry import Camera

    scene.render.resolution_x, scene.render.resolution_y = render_size
    camera = Camera(np.eye(4), 40, 30, 50.0, 50.0, 22.0, 14.0)
    viewer = addon("review.viewpoint").place_viewer(scene, camera)
    bpy.context.view_layer.update()
    matrix = addon("preview.plane").frustum_matrix(camera, 2.0)
    corners = [matrix @ (x, y, 0.0, 1.0) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]
    seen = np.array([world_to_camera_view(scene, viewer, Vector(corner[:3])) for corner in corners])[:, :2]
    assert seen.min() > -1e-5 and seen.max() < 1 + 1e-5
    extent = np.ptp(seen, axis=0)
    assert max(extent) == pytest.approx(1.0, abs=1e-5)


def test_the_viewer_is_no_camera_to_capture_with(addon: Import, small_scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Camera

    small_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    before = addon("capture.plan").planned_views(small_scene)
    addon("review.viewpoint").place_viewer(small_scene, Camera(np.eye(4), 8, 8, 8.0, 8.0, 4.0, 4.0))
    assert addon("capture.plan").planned_views(small_scene) == before


def test_leaving_a_view_in_another_file_does_not_bring_back_where_the_former_looked_from(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from engine.link.geometry import Camera

    viewpoint, camera = addon("review.viewpoint"), Camera(np.eye(4), 8, 8, 8.0, 8.0, 4.0, 4.0)
    other = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=other)
    area = _viewport()
    area.spaces.active.region_3d.view_distance = 3.0
    viewpoint.look_through(area, viewpoint.place_viewer(scene, camera))
    bpy.ops.wm.open_mainfile(filepath=other, load_ui=False)  # viewports stay, at the same addresses
    area = _viewport()
    area.spaces.active.region_3d.view_distance = 7.0
    viewpoint.look_away(area)
    assert area.spaces.active.region_3d.view_distance == 7.0
    assert area.spaces.active.region_3d.view_perspective == "PERSP"


def _viewport() -> bpy.types.Area:
    return next(area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")


# --- scores -----------------------------------------------------------------------------------------------------------


def test_the_worst_views_come_first(addon: Import) -> None:
    from engine.link.messages import Evaluation
    from engine.link.scoring import RADIANCE_FIELD_METRICS

    views = {f"test_{i}": {"psnr": psnr, "ssim": psnr / 40} for i, psnr in enumerate((30.0, 21.5, 35.0, 25.0))}
    means = {"psnr": 28.0, "ssim": 0.7}  # as older versions scored
    evaluation = Evaluation(step=1, seconds=1.0, scores=means, items=views)
    worst = addon("review.scores").worst_items(evaluation, 2, RADIANCE_FIELD_METRICS)
    assert worst == [("test_1", views["test_1"]), ("test_3", views["test_3"])]


def test_what_is_worst_is_the_metrics_matter(addon: Import) -> None:
    from engine.link.messages import Evaluation
    from engine.link.metrics import Metric

    items = {"near": {"error": 0.1}, "far": {"error": 0.4}, "unknown": {"error": None}, "there": {"error": 0.2}}
    evaluation = Evaluation(step=1, seconds=1.0, scores={"error": 0.2}, items=items)
    worst = addon("review.scores").worst_items
    for better, order in (("lower", ["far", "there", "near"]), ("higher", ["near", "there", "far"])):
        described = {"error": Metric(label="Error", better=better)}
        assert [name for name, _ in worst(evaluation, 5, described)] == order
    assert worst(Evaluation(step=1, seconds=1.0, scores={}), 5, {}) == []


def test_scores_shown_are_those_of_the_subject(addon: Import) -> None:
    from engine.link.messages import Evaluation
    from engine.link.scoring import RADIANCE_FIELD_METRICS as METRICS

    scores = addon("review.scores")
    views = {
        "whole": {"psnr": 20.0, "ssim": 0.8, "subject_psnr": 19.0, "subject_ssim": 0.7},
        "small": {"psnr": 33.0, "ssim": 0.9, "subject_psnr": 18.0, "subject_ssim": 0.6},
        "empty": {"psnr": 10.0, "ssim": 0.5},
    }
    former = Evaluation(step=1, seconds=1.0, scores={"psnr": 21.0, "ssim": 0.7})
    means = {"psnr": 21.0, "ssim": 0.73, "subject_psnr": 18.5, "subject_ssim": 0.65}
    evaluation = Evaluation(step=9, seconds=2.0, scores=means, items=views)
    both = [former, evaluation]
    assert [name for name, _ in scores.worst_items(evaluation, 5, METRICS)] == ["small", "whole"]
    assert scores.figures_to_chart(both, METRICS) == ["subject_psnr", "subject_ssim"]
    assert scores.points_of("subject_psnr", both) == [(2.0, 18.5)], "the two are not to be compared"
    assert scores.figures_to_chart([former], METRICS) == ["psnr", "ssim"]
    assert scores.points_of("psnr", [former]) == [(1.0, 21.0)]
    assert scores.describe_what_is_scored(both, METRICS) == "Scores are of the subject alone"
    assert scores.describe_what_is_scored([former], METRICS).startswith("Scores are of whole pictures")
    own = Evaluation(step=1, seconds=1.0, scores={"distance": 0.5})
    assert scores.figures_to_chart([own], {}) == ["distance"]
    assert scores.describe_what_is_scored([own], {}) == ""


def _shown(addon: Import, scene: bpy.types.Scene) -> np.ndarray | None:
    """The comparison plane's picture, [H, W, 4], first row on top."""
    plane = addon("preview.plane").find_plane(scene, "comparison")
    if plane is None:
        return None
    image = addon("preview.material").picture_node(plane.active_material).image
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(image.size[1], image.size[0], 4)[::-1]


@pytest.mark.slow
def test_any_captured_view_is_compared_with_its_truth(addon: Import, engine_scene: bpy.types.Scene) -> None:
    scene = engine_scene
    with pytest.raises(RuntimeError, match="Nothing is captured yet"):
        bpy.ops.hashlight.compare_view()
    bpy.ops.hashlight.capture_and_train()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.views.count("held") == 6 and session.status.step > 0, "training")
    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: session.status.state == "paused", "the pause")
    views = addon("capture.captured_views").captured_views(scene)
    assert [view.split for view in views.values()] == ["train"] * 5 + ["test"]
    for name in ("train_002", "test_000"):
        assert bpy.ops.hashlight.look_through_view(view=name) == {"FINISHED"}
        wait_for(addon, lambda name=name: "PSNR" in addon("review.comparison").describe(scene), "the comparison")
        truth = addon("capture.passes").read_exr(addon("capture.captured_views").find_truth(scene, name)[0])
        shown = _shown(addon, scene)
        assert shown.shape == (48, 96, 4)
        on_ground = addon("review.pictures").on_ground
        np.testing.assert_array_equal(shown[:, 48:], on_ground(truth.astype(np.float16)))
        np.testing.assert_array_equal(shown[:, :48], on_ground(session.frame.color))
        assert (shown[..., 3] == 1.0).all(), "the scene does not show through"
        assert f"{name}, the field left, captured right: PSNR" in addon("review.comparison").describe(scene)
        assert session.frame.camera.to_json() == views[name].camera.to_json()
        viewer = next(obj for obj in scene.objects if obj.get("hashlight_role") == "viewer")
        np.testing.assert_allclose(viewer.matrix_world, views[name].camera.camera_to_world, atol=1e-6)
    assert scene.hashlight.preview.shown == "COMPARISON"
    assert scene.hashlight.review.view == "test_000"

    scene.hashlight.review.mode = "DIFFERENCE"
    wait_for(addon, lambda: _shown(addon, scene).shape == (48, 48, 4), "the difference")
    pictures = addon("review.pictures")
    wanted = pictures.compose(session.frame.color, truth.astype(np.float16), "DIFFERENCE", 4.0)
    np.testing.assert_array_equal(_shown(addon, scene), wanted.astype(np.float32))

    bpy.ops.hashlight.evaluate()
    wait_for(addon, lambda: session.evaluations, "scores")
    worst = addon("review.scores").worst_items(session.evaluations[-1], 5, session.metrics)
    assert [name for name, _ in worst] == ["test_000"]
    views_of = addon("capture.captured_views")
    seen = views_of.read_depth(views_of.find_depth(scene, name)), views[name].camera, views_of.find_extent(scene, name)
    measured = pictures.subject_psnr(session.frame.color, truth.astype(np.float16), *seen)
    assert measured == pytest.approx(worst[0][1]["subject_psnr"], abs=0.05), "the panel's figure is the engine's"

    first = bpy.ops.hashlight.step_view()
    assert first == {"FINISHED"}
    assert scene.hashlight.review.view == "train_000", "after the last comes the first"

    assert bpy.ops.hashlight.look_away() == {"FINISHED"}
    assert scene.hashlight.preview.shown == "PREVIEW" and not addon("review.comparison").describe(scene)
    assert not bpy.ops.hashlight.look_away.poll()


@pytest.mark.slow
def test_a_comparison_keeps_up_with_training(addon: Import, engine_scene: bpy.types.Scene) -> None:
    scene = engine_scene
    bpy.ops.hashlight.capture_and_train()
    session, comparison = addon("session.registry").current(), addon("review.comparison")
    scene.hashlight.review.keep_up = True
    bpy.ops.hashlight.compare_view(view="train_000")
    wait_for(addon, lambda: "PSNR" in comparison.describe(scene), "the comparison")
    first = session.frame.step
    wait_for(addon, lambda: session.frame.step > first, "a later picture")
    view = addon("capture.captured_views").find_view(scene, "train_000")
    assert session.frame.camera.to_json() == view.camera.to_json()
    assert len(addon("review.scores").loss_history.points) > 1

    scene.hashlight.review.keep_up = False
    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: session.status.state == "paused" and not comparison._current.request, "the pause")
    told, run = comparison.describe(scene), session.run
    comparison._on_run(session, run)
    assert comparison.describe(scene) == told, "the picture on the plane is still of that step"
    plane = addon("preview.plane").find_plane(scene, "comparison")
    bpy.data.objects.remove(plane)
    assert comparison.describe(scene) == "", "what an undo has taken away is not told of"
    bpy.ops.hashlight.compare_view(view="train_000")
    wait_for(addon, lambda: comparison.describe(scene), "the comparison")
    assert bpy.ops.hashlight.new_take() == {"FINISHED"}
    assert comparison.describe(scene) == "", "of the other take's view and field"


@pytest.mark.slow
def test_a_view_whose_picture_is_gone_is_told_and_not_waited_for(
    addon: Import, engine_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    bpy.ops.hashlight.capture_and_train()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.status is not None and session.status.step > 0, "training")
    addon("capture.captured_views").find_truth(engine_scene, "train_001")[0].unlink()
    bpy.ops.hashlight.compare_view(view="train_001")
    wait_for(addon, lambda: session.failure is not None, "the trouble")
    assert "View train_001 can't be compared" in drawn("HASHLIGHT_PT_problem")
    assert "train_001.exr: can't be read (No such file or directory)" in session.failure.message
    assert "train_001: failed, see Engine Problem" in drawn("HASHLIGHT_PT_compare")


def test_a_view_that_is_not_there_is_one_clear_error(addon: Import, small_scene: bpy.types.Scene) -> None:
    with pytest.raises(addon("capture.errors").CaptureError, match="no captured view 'nowhere'"):
        addon("capture.captured_views").find_view(small_scene, "nowhere")
