"""Which camera a frame is captured through: markers switch it, as in renders."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from scene_cameras import PLACE, new_camera, new_collection, positions

Import = Callable[[str], ModuleType]


@pytest.fixture
def switched(shot: bpy.types.Scene) -> bpy.types.Scene:
    """20 frames, each 5th to be captured: through Camera, from 11 on through Second, which is in no view layer."""
    second = new_camera("Second")
    new_collection(second)[1].exclude = True
    for frame, camera in ((1, shot.camera), (11, second)):
        shot.timeline_markers.new(camera.name, frame=frame).camera = camera
    shot.timeline_markers.new("A note", frame=6)
    shot.frame_start, shot.frame_end = 1, 20
    shot.hashlight.capture.rig = "ANIMATION"
    return shot


def sources(addon: Import, scene: bpy.types.Scene) -> dict[int, str]:
    return {view.frame: view.camera for view in addon("capture.plan").planned_views(scene)}


def test_markers_switch_cameras_as_in_renders(addon: Import, switched: bpy.types.Scene) -> None:
    expected = {1: "Camera", 6: "Camera", 11: "Second", 16: "Second"}
    assert sources(addon, switched) == expected
    bpy.ops.hashlight.plan_cameras()
    poses = addon("capture.poses").planned_poses(switched, bpy.context.view_layer.depsgraph)
    assert len(poses) == 4 and switched.frame_current == 1 and switched.camera.name == "Camera"
    with start_capture(addon, switched) as job:
        views = {view.name: view for view in job}
    for pose in poses:
        np.testing.assert_allclose(pose.camera_to_world, views[pose.name].camera.camera_to_world, atol=1e-5)
    np.testing.assert_allclose(views["frame_0016"].camera.position, PLACE, atol=1e-4)
    np.testing.assert_allclose(views["frame_0006"].camera.position, (0.0, -6.0, 1.0), atol=1e-4)


@pytest.mark.parametrize("kind", ["as they are", "hidden", "none before", "no active camera", "together"])
def test_the_camera_of_a_frame_is_the_one_that_blender_switches_to(
    addon: Import, switched: bpy.types.Scene, kind: str
) -> None:
    if kind == "hidden":
        bpy.data.objects["Second"].hide_render = True
    elif kind == "none before":
        for marker in switched.timeline_markers:
            marker.frame += 5
    elif kind == "no active camera":
        switched.camera = None
    elif kind == "together":
        third = new_camera("Third")
        switched.collection.objects.link(third)
        switched.timeline_markers.new("Third", frame=11).camera = third
    planned = sources(addon, switched)
    for frame, camera in planned.items():
        switched.frame_set(frame)
        assert switched.camera.name == camera, frame


def test_a_marker_that_comes_later_makes_another_plan(addon: Import, switched: bpy.types.Scene) -> None:
    bpy.ops.hashlight.plan_cameras()
    known = addon("capture.poses").planned_poses
    assert len(known(switched, bpy.context.view_layer.depsgraph)) == 4
    switched.timeline_markers["Second"].frame = 16
    assert known(switched, bpy.context.view_layer.depsgraph) == []


def test_frames_through_another_lens_are_left_out(addon: Import, switched: bpy.types.Scene) -> None:
    bpy.data.objects["Second"].data.type = "ORTHO"
    bpy.ops.hashlight.plan_cameras()
    assert "2 frames are left out, seen through Second (orthographic)" in switched.hashlight.capture.plan_warnings
    assert sources(addon, switched) == {1: "Camera", 6: "Camera"}
    bpy.data.objects["Camera"].data.type = "ORTHO"
    with pytest.raises(ValueError, match="No frame has a perspective camera"):
        sources(addon, switched)


def test_an_object_that_is_no_camera_can_be_the_active_one(addon: Import, shot: bpy.types.Scene) -> None:
    empty = bpy.data.objects.new("Empty", None)
    shot.collection.objects.link(empty)
    shot.camera, shot.hashlight.capture.rig = empty, "ANIMATION"
    with pytest.raises(ValueError, match=r"No frame has a perspective camera.*Empty is no camera"):
        sources(addon, shot)
    shot.hashlight.capture.rig = "SCENE_CAMERAS"
    assert positions(addon, shot).keys() == {"Camera"}


def test_a_bake_along_the_animation_takes_the_same_cameras(addon: Import, switched: bpy.types.Scene) -> None:
    switched.frame_step = 1
    cameras: list[Any] = addon("bake.paths").animation_cameras(switched)
    with start_capture(addon, switched) as job:
        captured = {record.frame: record.camera for record in job.dataset.views.values()}
    assert captured.keys() == {1, 6, 11, 16}
    for frame, camera in captured.items():
        np.testing.assert_allclose(camera.position, cameras[frame - 1].position, atol=1e-5)
