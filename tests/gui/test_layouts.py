"""Layouts in the window: warnings come by themselves with their buttons, cameras follow a curve, EEVEE cuts out."""

from __future__ import annotations

import tempfile

import bpy
import numpy as np
from captures import is_capturing
from window import Steps, Window


def _add_camera(position: tuple[float, float, float]) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = position, (np.pi / 2, 0.0, 0.0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def test_a_room_is_warned_of_and_captured_from_inside_by_one_button(window: Window) -> Steps:
    yield from window.open_tab()
    settings = bpy.context.scene.hashlight.capture
    settings.training_views, settings.held_out_views = 24, 4
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(3.0, 2.0, 1.35))
    bpy.context.object.scale = (6.0, 4.0, 2.7)
    _add_camera((1.0, 1.0, 1.5))
    yield 0.3
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.view3d.view_all()
    yield lambda: "The scene camera is in a room" in settings.plan_warnings
    yield 0.5
    window.screenshot("layouts room warning")
    with window.viewport():
        bpy.ops.hashlight.use_layout("INVOKE_DEFAULT", rig="INSIDE")
    yield lambda: settings.plan_warnings == ""
    cameras = [obj for obj in bpy.data.objects if obj.name.startswith(("train_", "test_"))]
    assert settings.rig == "INSIDE" and len(cameras) == 28
    assert all(0.0 < obj.location.x < 6.0 and 0.0 < obj.location.z < 2.7 for obj in cameras)
    yield 0.5
    window.screenshot("layouts room inside")


def test_cameras_follow_their_curve_while_it_is_moved(window: Window) -> Steps:
    yield from window.open_tab()
    settings = bpy.context.scene.hashlight.capture
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    bpy.ops.curve.primitive_bezier_circle_add(radius=4.0, location=(0.0, 0.0, 1.0))
    curve = bpy.context.object
    settings.rig, settings.curve, settings.training_views, settings.held_out_views = "ALONG_CURVE", curve, 12, 2
    yield 0.3
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    curve.location.z = 3.0
    yield lambda: abs(bpy.data.objects["train_000"].location.z - 3.0) < 1e-4
    window.screenshot("layouts curve")


def test_a_capture_collection_is_cut_out_by_eevee(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"
    scene.eevee.taa_render_samples = 1
    bpy.ops.mesh.primitive_plane_add(size=20.0)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0.0, 0.0, 0.5))
    collection = bpy.data.collections.new("Product")
    scene.collection.children.link(collection)
    collection.objects.link(bpy.context.object)
    settings = scene.hashlight.capture
    settings.collection, settings.rig = collection, "FRONT_ARC"
    settings.training_views, settings.held_out_views = 1, 0
    settings.resolution_x = settings.resolution_y = 48
    scene.hashlight.folder = tempfile.mkdtemp(prefix="hashlight-collection-")
    yield 0.3
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield lambda: "EEVEE cuts out all but the" in settings.plan_warnings
    yield 0.5
    window.screenshot("layouts collection")
    window.show_renders(False)
    with window.viewport():
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    assert is_capturing(window)
    while is_capturing(window):  # shaders that are compiled without a graphics card take longer than tests wait
        yield 0.5
    file = window.addon("folders").capture_folder(scene) / "images" / "train_000.exr"
    alpha = window.addon("capture.passes").read_exr(file)[..., 3]
    assert alpha[24, 24] == 1.0, "the ball"
    assert max(alpha[0, 0], alpha[0, 47], alpha[47, 0], alpha[47, 47]) == 0.0, "the ground around it"
