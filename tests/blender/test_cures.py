"""What the plan is warned of, and the buttons that put it right: each warning is gone once its button was pressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from cures import labels, plan, press
from mathutils import Matrix
from small_scenes import add_box, add_camera, add_sun, clear, furnish_room

Import = Callable[[str], ModuleType]


def test_cameras_behind_a_backdrop_come_before_it(addon: Import, product: bpy.types.Scene) -> None:
    words = plan(product)
    assert "Sweep hides the subject from " in words and " of 14 cameras: " in words
    press(addon, product, "Sweep hides", "Use Front Arc")
    assert product.hashlight.capture.rig == "FRONT_ARC"
    assert "hides" not in product.hashlight.capture.plan_warnings


def test_what_hides_the_subject_or_lies_outside_is_left_out(addon: Import, product: bpy.types.Scene) -> None:
    assert "Parts of 1 object lie outside the bounds: Sweep (" in plan(product)
    press(addon, product, "outside the bounds", "Leave Out")
    collection = product.hashlight.capture.collection
    assert [obj.name for obj in collection.objects] == ["Ball"]
    assert product.hashlight.capture.plan_warnings == ""
    assert not bpy.data.objects["Sweep"].hide_render


def test_leaving_out_once_more_adds_to_the_same_collection(addon: Import, product: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, 0.0, 1.0))
    plan(product)
    press(addon, product, "outside the bounds", "Leave Out")
    bpy.ops.hashlight.leave_out(names="Cube")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
    assert len([each for each in bpy.data.collections if each.name.startswith("Capture Collection")]) == 1
    with pytest.raises(RuntimeError, match="Nothing would be left"):
        bpy.ops.hashlight.leave_out(names="Ball")


def test_a_collection_of_the_users_own_stays_as_it_is(addon: Import, product: bpy.types.Scene) -> None:
    own = bpy.data.collections.new("Own")
    product.collection.children.link(own)
    for name in ("Ball", "Sweep"):
        own.objects.link(bpy.data.objects[name])
    product.hashlight.capture.collection = own
    bpy.ops.hashlight.leave_out(names="Sweep")
    assert sorted(obj.name for obj in own.objects) == ["Ball", "Sweep"]
    assert product.hashlight.capture.collection != own


def test_bounds_that_cut_the_subject_are_fitted(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.data.objects["Ball"].scale = (1.3, 1.3, 1.3)
    bpy.context.view_layer.update()
    assert "outside the bounds: Ball (" in plan(product)
    press(addon, product, "outside the bounds", "Fit Bounds")
    assert plan(product) == ""


def test_cameras_below_the_ground_are_told(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_plane_add(size=8.0)
    product.hashlight.capture.rig = "SPHERE"
    assert "Plane hides the subject from " in plan(product)
    press(addon, product, "Plane hides", "Use Hemisphere")
    assert "hides" not in product.hashlight.capture.plan_warnings


def test_a_wall_hides_the_subject_and_a_large_body_is_part_of_it(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=2.0, location=(-3.0, 0.0, 1.0))
    body = bpy.context.object
    bpy.ops.hashlight.fit_bounds()
    assert plan(product) == ""
    body.scale.x = 0.05  # a wall with a thickness, which a closed surface encloses, too
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    assert "Cube hides the subject from " in plan(product)


def test_a_wall_that_is_thicker_than_the_subject_hides_it(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    add_box("Wall", (-5.0, 1.5, 0.0), (5.0, 1.8, 5.0))  # of more volume than the bounds
    words = plan(product)
    assert "Wall hides the subject from " in words
    press(addon, product, "Wall hides", "Use Front Arc")
    assert "hides" not in product.hashlight.capture.plan_warnings


def test_a_low_and_wide_room_is_captured_from_inside_without_a_warning(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    add_box("Walls", (0.0, 0.0, 0.0), (20.0, 15.0, 2.7))
    add_sun(scene)
    add_camera(scene, (3.0, 3.0, 1.6))
    scene.hashlight.capture.training_views, scene.hashlight.capture.held_out_views = 8, 2
    bpy.ops.hashlight.fit_bounds()
    assert "The scene camera is in a room of 20.0 x 15.0 x 2.7 m" in plan(scene)
    press(addon, scene, "is in a room", "Use Inside")
    assert scene.hashlight.capture.plan_warnings == ""


def test_cameras_inside_a_hollow_subject_are_told(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_monkey_add(location=(0.0, 0.0, 1.0))
    bpy.ops.mesh.primitive_grid_add(size=20.0, x_subdivisions=200, y_subdivisions=200, location=(0.0, 0.0, -0.1))
    add_sun(scene)
    add_camera(scene, (0.0, -6.0, 1.0))
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views, settings.rig = 4, 1, "INSIDE"
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    assert "Inside a mesh: " in plan(scene)
    assert labels(addon, scene, "Inside a mesh") == ["Select Cameras", "Select Meshes"]


def test_cameras_outside_the_room_of_the_scene_camera_go_inside(addon: Import, scene: bpy.types.Scene) -> None:
    furnish_room(scene)
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 12, 2
    bpy.ops.hashlight.fit_bounds()
    words = plan(scene)
    assert "The scene camera is in a room of 6." in words and "14 of 14 cameras stand outside it" in words
    press(addon, scene, "in a room", "Use Inside")
    assert settings.rig == "INSIDE" and settings.plan_warnings == ""
    scene.camera.location = (20.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    settings.rig = "HEMISPHERE"
    assert "in a room" not in plan(scene), "seen from outside, a house is meant"


def test_a_product_in_a_room_is_not_taken_for_the_room(addon: Import, scene: bpy.types.Scene) -> None:
    furnish_room(scene)
    add_box("Vase", (2.6, 1.9, 0.75), (2.9, 2.2, 1.2))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Vase"].select_set(True)
    bpy.ops.hashlight.fit_to_selected()
    bpy.context.view_layer.update()
    assert "in a room" not in plan(scene)


def test_other_engines_say_how_they_leave_out(addon: Import, product: bpy.types.Scene) -> None:
    plan(product)
    press(addon, product, "outside the bounds", "Leave Out")
    product.render.engine = "BLENDER_WORKBENCH"
    assert "without light or shadows from the rest" in plan(product)
    press(addon, product, "without light", "Use Cycles")
    assert product.render.engine == "CYCLES" and product.hashlight.capture.plan_warnings == ""


def test_what_a_file_of_another_version_says_makes_no_buttons(addon: Import) -> None:
    unpack = addon("capture.plan_warnings").unpack
    assert unpack("") == [] and unpack("nonsense") == [] and unpack('[{"other": 1}]') == []


def selected() -> list[str]:
    return sorted(obj.name for obj in bpy.context.selected_objects)


def test_cameras_in_a_mesh_or_blind_are_selected_and_so_is_the_mesh(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    plan(product)
    stray = bpy.data.objects["train_003"]
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=stray.location)
    blind = bpy.data.objects["train_005"]
    blind.location, blind.rotation_euler = (0.0, 0.0, -90.0), (0.0, 0.0, 0.0)
    blind.name = "renamed"
    bpy.context.view_layer.update()
    addon("capture.plan_watch").check(bpy.context)
    press(addon, product, "Inside a mesh: train_003", "Select Cameras")
    assert selected() == ["train_003"]
    press(addon, product, "Inside a mesh", "Select Meshes")
    assert selected() == ["Cube"]
    press(addon, product, "Seeing nothing: renamed", "Select Cameras")
    assert selected() == ["renamed"]


def test_what_a_capture_finds_comes_with_buttons(
    addon: Import, product: bpy.types.Scene, drawn: Callable[[str], str], tmp_path: Path
) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    product.hashlight.folder = str(tmp_path)
    plan(product)
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=bpy.data.objects["train_003"].location)
    box = bpy.data.objects["Hashlight Bounds"]
    box.scale = box.scale * 0.7
    bpy.context.view_layer.update()
    bpy.ops.hashlight.capture()
    words = drawn("HASHLIGHT_PT_capture")
    assert words.index("views are black (train_003") < words.index("Select Lights") < words.index("cut off part of")
    press(addon, product, "views are black", "Select Cameras", "capture_findings")
    assert "train_003" in selected()
    press(addon, product, "views are black", "Select Lights", "capture_findings")
    assert selected() == ["Lamp"]
    before = box.scale.copy()
    press(addon, product, "cut off part of what is seen", "Fit Bounds", "capture_findings")
    assert min(after / former for after, former in zip(box.scale, before, strict=True)) > 1.2


def test_lines_through_triangles_are_found_on_either_side(addon: Import) -> None:
    crossed = addon("capture.backdrop_checks")._crossed
    wall = np.array([[(-5, 1, -5), (5, 1, -5), (0, 1, 5)]], float)
    origins = np.array([(0, 3, 0), (0, -3, 0), (0, 0.5, 0), (7, 3, 0), (9, 3, 0)], float)
    for turn in (Matrix.Identity(3), Matrix.Rotation(1.0, 3, (1, 2, 3))):
        matrix = np.array(turn)
        for triangles in (wall, wall[:, ::-1]):
            result = crossed(triangles @ matrix.T, origins @ matrix.T, np.zeros(3))
            np.testing.assert_array_equal(result, [True, False, False, True, False])


def test_the_panel_draws_each_warning_with_its_buttons(product: bpy.types.Scene, drawn: Callable[[str], str]) -> None:
    plan(product)
    words = drawn("HASHLIGHT_PT_capture")
    assert "Sweep hides the subject" in words
    assert "Use Front Arc" in words and "Leave Out" in words and "Fit Bounds" in words
    below = words.index("Sweep hides the subject")
    for button in ("Plan Cameras", "Capture and Train", "Stop After This View"):
        assert words.index(button) < below, f"{button} would move when a warning has gone"
    product.hashlight.capture.rig = "INSIDE"
    drawn("HASHLIGHT_PT_capture_rig")


def test_a_backdrop_of_very_many_triangles_is_looked_at_too(addon: Import, product: bpy.types.Scene) -> None:
    sweep = bpy.data.objects["Sweep"]
    finer = sweep.modifiers.new("Finer", "SUBSURF")
    finer.subdivision_type, finer.levels, finer.render_levels = "SIMPLE", 8, 8  # 2 x 4^8 faces
    assert "Sweep hides the subject from " in plan(product)


def test_what_the_bounds_leave_out_is_told_once_and_after_the_capture_with_the_plans_buttons(
    addon: Import, product: bpy.types.Scene, tmp_path: Path
) -> None:
    product.hashlight.folder = str(tmp_path)
    assert "Parts of 1 object lie outside the bounds: Sweep" in plan(product)
    bpy.ops.hashlight.capture()
    (cut,) = [each for each in product.hashlight.capture.capture_findings if "cut off" in each.words]
    assert (
        " of 14 views, most in " in cut.words
        and "Leave it out of the capture, or fit" in cut.words
        and "Fit them" not in cut.words
    )
    press(addon, product, "cut off part of what is seen", "Leave Out", "capture_findings")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
