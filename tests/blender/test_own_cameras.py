"""The scene's own cameras, captured from where renders have them, hidden ones, too; what is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from cures import plan
from scene_cameras import PLACE, new_camera, new_collection, positions

Import = Callable[[str], ModuleType]

HIDDEN = ["excluded", "eye", "monitor", "collection's eye", "collection's monitor", "renders", "nested"]


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_hidden_camera_is_where_renders_have_it(addon: Import, shot: bpy.types.Scene, kind: str) -> None:
    second = new_camera("Second")
    collection, layer = new_collection(second)
    if kind == "excluded":
        layer.exclude = True
    elif kind == "eye":
        second.hide_set(True)
    elif kind == "monitor":
        second.hide_viewport = True
    elif kind == "collection's eye":
        layer.hide_viewport = True
    elif kind == "collection's monitor":
        collection.hide_viewport = True
    elif kind == "renders":
        collection.hide_render = second.hide_render = True
    else:
        inner = bpy.data.collections.new("Inner")
        collection.children.link(inner)
        inner.objects.link(second)
        collection.objects.unlink(second)
        layer.exclude = True
    bpy.ops.hashlight.plan_cameras()
    assert shot.hashlight.capture.plan_warnings == ""
    poses = addon("capture.poses").planned_poses(shot, bpy.context.view_layer.depsgraph)
    found = {pose.name: pose.camera_to_world[:3, 3] for pose in poses}
    np.testing.assert_allclose(found["Second"], PLACE, atol=1e-4)
    np.testing.assert_allclose(positions(addon, shot)["Second"], PLACE, atol=1e-4)
    assert shot.camera.name == "Camera"


def test_a_run_that_is_opened_before_a_capture_knows_where_hidden_cameras_are(
    addon: Import, shot: bpy.types.Scene
) -> None:
    new_collection(new_camera("Second"))[1].exclude = True
    cameras = addon("capture.poses").planned_cameras(shot)
    np.testing.assert_allclose([each.position for each in cameras], [(0.0, -6.0, 1.0), PLACE], atol=1e-4)
    assert shot.camera.name == "Camera"


@pytest.mark.parametrize("kind", ["parent", "constraint", "driver", "animated parent", "vertex parent"])
def test_what_carries_a_hidden_camera_counts(addon: Import, shot: bpy.types.Scene, kind: str) -> None:
    second, carrier = new_camera("Second"), bpy.data.objects.new("Carrier", None)
    if kind == "vertex parent":
        carrier = bpy.data.objects.new("Carrier", bpy.data.meshes.new("Carrier"))
        carrier.data.from_pydata([(0, 0, 0)], [], [])
    _, layer = new_collection(second, carrier)
    layer.exclude = True
    carrier.location = (0.0, 0.0, 1.0)
    if kind == "constraint":
        second.constraints.new("COPY_LOCATION").target = carrier
        carrier.location = (*PLACE[:2], PLACE[2] + 1.0)
    elif kind == "driver":
        driver = second.driver_add("location", 2).driver
        variable = driver.variables.new()
        variable.name, variable.type = "z", "TRANSFORMS"
        variable.targets[0].id, variable.targets[0].transform_type = carrier, "LOC_Z"
        driver.expression = f"{PLACE[2]} + z"
    else:
        second.parent = carrier
        second.parent_type = "VERTEX" if kind == "vertex parent" else "OBJECT"
    if kind == "animated parent":
        for frame, z in ((1, 0.0), (11, 2.0)):
            carrier.location.z = z
            carrier.keyframe_insert("location", index=2, frame=frame)
        for curve in addon("capture.movement")._curves(
            carrier.animation_data.action, carrier.animation_data.action_slot
        ):
            curve.keyframe_points[0].interpolation = "LINEAR"
        shot.frame_set(6)
    np.testing.assert_allclose(positions(addon, shot)["Second"], np.add(PLACE, (0, 0, 1.0)), atol=1e-4)


def test_a_picture_through_a_hidden_camera_agrees_with_its_pose(addon: Import, shot: bpy.types.Scene) -> None:
    _, layer = new_collection(new_camera("Second"))
    layer.exclude = True
    with start_capture(addon, shot) as job:
        (view,) = [view for view in job if view.name == "Second"]
        assert job.warnings == []
    camera, depth = view.camera, view.depth
    rows, columns = np.nonzero(np.isfinite(depth) & (view.color[..., 3] == 1.0))
    picked = np.random.default_rng(0).choice(len(rows), 60, replace=False)
    errors = []
    for row, column in zip(rows[picked], columns[picked], strict=True):
        x, y = (column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy
        ray = camera.camera_to_world[:3, :3] @ (x, -y, -1.0)
        hit, point, *_ = shot.ray_cast(bpy.context.view_layer.depsgraph, camera.position, ray)
        if hit:
            errors.append(
                abs(np.dot(np.array(point) - camera.position, ray) / np.dot(ray, ray) / depth[row, column] - 1)
            )
    assert len(errors) > 50 and np.median(errors) < 1e-3


def test_a_file_that_was_saved_with_its_planned_cameras_hidden_is_captured_from_where_they_stand(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.context.view_layer.update()
    placed = {obj.name: np.array(obj.matrix_world) for obj in addon("roles").objects_of(planned_scene, "camera")}
    bpy.context.view_layer.layer_collection.children["Hashlight Cameras"].exclude = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hidden.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "hidden.blend"))
    scene = bpy.context.scene
    with start_capture(addon, scene) as job:
        found = {pose.name: pose.camera_to_world for pose in job.poses}
    assert found.keys() == placed.keys()
    for name, matrix in placed.items():
        np.testing.assert_allclose(found[name], matrix, atol=1e-4)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def test_the_active_camera_of_another_scene_is_one_of_them(addon: Import, shot: bpy.types.Scene) -> None:
    other = bpy.data.scenes.new("Elsewhere")
    second, third = new_camera("Second"), new_camera("Third")
    for camera in (second, third):
        other.collection.objects.link(camera)
    shot.camera = second
    bpy.ops.hashlight.plan_cameras()
    assert (
        "1 camera is in other scenes only, and not captured: Third (Elsewhere)" in shot.hashlight.capture.plan_warnings
    )
    found = positions(addon, shot)
    assert found.keys() == {"Camera", "Second"}
    np.testing.assert_allclose(found["Second"], PLACE, atol=1e-4)
    press(addon, shot, "other scenes", "Link to This Scene")
    assert shot.hashlight.capture.plan_warnings == ""
    shot.hashlight.folder += " with all"
    np.testing.assert_allclose(positions(addon, shot)["Third"], PLACE, atol=1e-4)


def press(addon: Import, scene: bpy.types.Scene, words: str, label: str) -> None:
    (finding,) = [each for each in scene.hashlight.capture.plan_findings if words in each.words]
    (cure,) = [cure for cure in addon("capture.plan_warnings").unpack(finding.cures) if cure.label == label]
    group, name = cure.operator.split(".")
    assert getattr(getattr(bpy.ops, group), name)(**cure.properties) == {"FINISHED"}


@pytest.mark.parametrize(("kind", "word"), [("ORTHO", "orthographic"), ("PANO", "panoramic")])
def test_other_lenses_are_left_out_with_a_word_and_a_number(
    addon: Import, shot: bpy.types.Scene, kind: str, word: str
) -> None:
    for index in range(2):
        shot.collection.objects.link(new_camera(f"Good {index}", (index * 2.0 - 1.0, -5.0, 2.0)))
    for index in range(2):
        shot.collection.objects.link(camera := new_camera(f"Odd {index}", (0.5, 0.1, 8.0)))
        camera.data.type = kind
    bpy.ops.hashlight.plan_cameras()
    words = shot.hashlight.capture.plan_warnings
    assert f"2 cameras are left out: Odd 0 ({word}), Odd 1 ({word}). Only perspective" in words
    bpy.ops.object.select_all(action="DESELECT")
    press(addon, shot, "left out", "Select")
    assert sorted(obj.name for obj in bpy.context.selected_objects) == ["Odd 0", "Odd 1"]
    with start_capture(addon, shot) as job:
        assert sorted(view.name for view in job) == ["Camera", "Good_0", "Good_1"]
    for camera in [obj for obj in shot.objects if obj.type == "CAMERA" and not obj.name.startswith("Odd")]:
        bpy.data.objects.remove(camera)
    with pytest.raises(ValueError, match=f"no perspective camera.*Odd 0 is {word}"):
        addon("capture.plan").planned_views(shot)


@pytest.mark.parametrize("kind", ["scale", "place"])
def test_a_camera_that_is_nowhere_is_left_out_by_name(addon: Import, shot: bpy.types.Scene, kind: str) -> None:
    """Scaled to nothing, or where no number says."""
    shot.collection.objects.link(odd := new_camera("Odd"))
    if kind == "scale":
        odd.scale = (0.0, 0.0, 0.0)
    else:
        odd.location.x = math.nan
    bpy.context.view_layer.update()
    bpy.ops.hashlight.plan_cameras()
    assert positions(addon, shot).keys() == {"Camera"}
    words = shot.hashlight.capture.plan_warnings
    assert "1 camera is left out: Odd (invalidly placed). Clear the location, rotation and scale" in words
    assert "Only perspective" not in words


def test_both_cameras_of_a_stereo_pair_are_captured_and_stereoscopy_is_told(
    addon: Import, shot: bpy.types.Scene
) -> None:
    for suffix, x in (("L", -0.03), ("R", 0.03)):
        shot.collection.objects.link(new_camera(f"Pair_{suffix}", (x, -5.0, 2.0)))
    shot.render.use_multiview, shot.render.views_format = True, "MULTIVIEW"
    bpy.ops.hashlight.plan_cameras()
    assert "1 setting of the scene's renders is not in captures: Stereoscopy (2 views)" in (
        shot.hashlight.capture.plan_warnings
    )
    with start_capture(addon, shot) as job:
        assert sorted(view.name for view in job if view.color.shape == (48, 48, 4)) == ["Camera", "Pair_L", "Pair_R"]


@pytest.mark.parametrize(("start", "end", "is_cut"), [(0.1, 5.0, True), (6.0, 100.0, True), (0.1, 100.0, False)])
def test_a_camera_that_cuts_off_the_subject_is_told(
    addon: Import, shot: bpy.types.Scene, start: float, end: float, is_cut: bool
) -> None:
    """It stands 5 to 7 m from the subject."""
    data = bpy.data.objects["Camera"].data
    data.clip_start, data.clip_end = start, end
    bpy.ops.hashlight.plan_cameras()
    words = shot.hashlight.capture.plan_warnings
    assert ("1 camera doesn't show all of the bounds (Camera): in Camera they are" in words) == is_cut
    assert (f"it shows {start:.3g} to {end:.3g} m" in words) == is_cut


def test_a_linked_camera_of_the_same_name_is_another_camera(
    addon: Import, shot: bpy.types.Scene, tmp_path: Path
) -> None:
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {shot.camera})
    first = tuple(shot.camera.location)
    shot.camera.location = PLACE
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.objects = ["Camera"]
    shot.collection.objects.link(wanted.objects[0])
    bpy.context.view_layer.update()
    found = positions(addon, shot)
    assert len(found) == 2
    np.testing.assert_allclose(found["Camera"], PLACE, atol=1e-5)
    np.testing.assert_allclose(found["Camera__library.blend_"], first, atol=1e-5)
    with start_capture(addon, shot) as job:
        pictures = {view.name: view.color for view in job}
    assert not np.array_equal(pictures["Camera"], pictures["Camera__library.blend_"])


def test_depth_of_field_that_an_animation_turns_on_is_told(addon: Import, shot: bpy.types.Scene) -> None:
    for frame, is_on in ((1, False), (10, True)):
        shot.camera.data.dof.use_dof = is_on
        shot.camera.data.keyframe_insert("dof.use_dof", frame=frame)
        shot.camera.location.x = frame / 5
        shot.camera.keyframe_insert("location", index=0, frame=frame)
    shot.frame_set(1)
    shot.frame_end = 20
    assert "Depth of field" not in plan(shot), "one frame is captured, at which it is off"
    shot.hashlight.capture.rig = "ANIMATION"
    assert "Depth of field is on in 1 camera (Camera)" in plan(shot)
