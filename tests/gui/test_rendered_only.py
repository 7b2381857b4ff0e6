"""What the viewport hides and renders show, in the plan: looked at by Plan Cameras, kept while Blender is in use."""

from __future__ import annotations

import bpy
import numpy as np
from window import Steps, Window


def _cube(size: float, location: tuple[float, float, float]) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    return bpy.context.object


def test_what_only_renders_show_is_fitted_told_and_looked_at(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"  # EEVEE's pace without a graphics card would be told, too
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 6, 2
    shown, hidden = _cube(2.0, (0.0, 0.0, 0.0)), _cube(1.0, (3.0, 0.0, 0.0))
    hidden.name = "Hidden"
    hidden.hide_set(True)
    yield 0.3
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
    bounds = window.addon("capture.bounds").read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    assert bounds.maximum[0] > 3.5
    yield 1.5
    assert settings.plan_warnings == "", "Fit Bounds has looked at what renders show"
    later = _cube(0.5, (1.75, 0.0, 0.0))
    later.name = "Later"
    later.hide_set(True)
    yield lambda: "1 object looks otherwise" in settings.plan_warnings and "Later" in settings.plan_warnings
    window.screenshot("rendered only told")
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    yield lambda: settings.plan_warnings == ""
    farthest = max(obj.location.length for obj in bpy.data.objects if obj.name.startswith("train_"))
    shown.location.y += 0.01  # looked at again, without renders
    yield 1.5
    assert settings.plan_warnings == ""
    again = max(obj.location.length for obj in bpy.data.objects if obj.name.startswith("train_"))
    np.testing.assert_allclose(again, farthest, rtol=0.02)
    assert len(bpy.data.scenes) == 1


def test_moved_bounds_are_framed_to_what_only_renders_show(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 6, 2
    _cube(2.0, (0.0, 0.0, 0.0))
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield 1.5
    later = _cube(0.5, (4.0, 0.0, 0.0))
    later.name = "Later"
    later.hide_set(True)
    yield lambda: "Later" in settings.plan_warnings
    collection, box = bpy.data.collections["Hashlight Cameras"], bpy.data.objects["Hashlight Bounds"]
    box.location, box.scale = (4.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    yield lambda: bool(collection["hashlight_guessed"])
    yield lambda: not collection["hashlight_guessed"] and "Later" not in settings.plan_warnings
    distances = [float(np.linalg.norm(np.array(camera.location) - (4.0, 0.0, 0.0))) for camera in collection.objects]
    assert max(distances) < 1.6, "framed to the small cube, not to the box around it"


def test_a_camera_in_an_excluded_collection_is_drawn_where_it_stands(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    _cube(2.0, (0.0, 0.0, 0.0))
    collection = bpy.data.collections.new("More cameras")
    scene.collection.children.link(collection)
    camera = bpy.data.objects.new("Second", bpy.data.cameras.new("Second"))
    camera.location, camera.rotation_euler = (0.0, -8.0, 0.0), (np.pi / 2, 0.0, 0.0)
    collection.objects.link(camera)
    bpy.context.view_layer.layer_collection.children["More cameras"].exclude = True
    settings = scene.hashlight.capture
    settings.rig, settings.held_out_views = "SCENE_CAMERAS", 0
    drawing = window.addon("capture.plan_drawing")
    yield 0.3
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()

    def drawn() -> dict[str, tuple[float, ...]]:
        poses = drawing.plan_to_draw(scene, bpy.context.view_layer.depsgraph)[1]
        return {pose.name: tuple(np.round(pose.camera_to_world[:3, 3], 4)) for pose in poses}

    yield lambda: drawn().get("Second") == (0.0, -8.0, 0.0)
    yield 1.5
    assert drawn()["Second"] == (0.0, -8.0, 0.0), "the check that follows forgets nothing"
    assert "Second" not in settings.plan_warnings
