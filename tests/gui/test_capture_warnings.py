"""What a capture finds wrong, in the panel: while it goes on, and after it was stopped."""

from __future__ import annotations

import tempfile

import bpy
import captures
from window import Steps, Window


def test_warnings_of_the_plan_and_of_a_stopped_capture_stay_in_the_panel(window: Window) -> Steps:
    yield from window.open_tab()
    window.show_renders(False)
    scene, capture = bpy.context.scene, window.addon("capture.current_capture")
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 40, 4
    settings.resolution_x = settings.resolution_y = 32
    scene.hashlight.folder = tempfile.mkdtemp(prefix="hashlight-warnings-")
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.data.objects["Hashlight Bounds"].scale *= 0.7
        bpy.context.view_layer.update()
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    window.point_at_viewport()
    yield lambda: "outside the bounds" in settings.plan_warnings
    assert capture.is_capturing(), "the plan's warnings are there before the capture is over"
    window.screenshot("capture plan warnings")
    yield lambda: capture.describe_capture()[0] > 0.05
    assert "The bounds cut off part of what is seen" in settings.capture_warnings, "it is told as soon as it is seen"
    window.screenshot("capture warnings under way")
    bpy.ops.hashlight.stop_capture()
    yield lambda: not capture.is_capturing()
    assert settings.capture_warnings.startswith("The bounds cut off part of what is seen in ")
    assert "\n" not in settings.capture_warnings
    assert "outside the bounds" in settings.plan_warnings
    yield 0.5
    window.screenshot("capture warnings")


def test_warnings_go_when_what_they_are_about_has(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0)
    settings, ball = scene.hashlight.capture, bpy.context.object
    bottle = bpy.data.materials.new("Bottle")
    if bottle.node_tree is None:  # Blender before 5.0
        bottle.use_nodes = True
    shader = bottle.node_tree.nodes["Principled BSDF"].inputs
    shader["Transmission Weight"].default_value, shader["Roughness"].default_value = 1.0, 0.0
    ball.data.materials.append(bottle)
    settings.collection = bpy.data.collections.new("Product")
    scene.collection.children.link(settings.collection)
    settings.collection.objects.link(ball)
    scene.render.engine = "BLENDER_WORKBENCH"
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield (
        lambda: (
            "Clear glass in 1 material (Bottle)" in settings.plan_warnings
            and "This engine renders" in settings.plan_warnings
        )
    )
    yield 0.5
    window.screenshot("capture warnings with cures")
    with window.viewport():
        bpy.ops.hashlight.use_cycles("INVOKE_DEFAULT")
    yield lambda: "This engine renders" not in settings.plan_warnings
    with window.viewport():
        bpy.ops.hashlight.capture_without_depth("INVOKE_DEFAULT")
    yield lambda: settings.plan_warnings == ""
    settings.use_depth = True
    yield lambda: "Clear glass in 1 material (Bottle)" in settings.plan_warnings
    shader["Roughness"].default_value = 0.7
    yield lambda: settings.plan_warnings == ""
    for frame, x in ((1, 0.0), (20, 0.1)):
        ball.location.x = x
        ball.keyframe_insert("location", index=0, frame=frame)
    yield lambda: f"moves ({ball.name}): only frame 1" in settings.plan_warnings
    scene.frame_set(9)
    yield lambda: "only frame 9" in settings.plan_warnings
    scene.frame_start = scene.frame_end = 1
    yield lambda: settings.plan_warnings == ""


def test_the_plan_folds_when_all_is_captured_but_not_under_the_pointer(window: Window) -> Steps:
    yield from window.open_tab()
    settings = bpy.context.scene.hashlight.capture
    sidebar, viewport = window.region("UI"), window.region()
    for region, is_unfolded in ((sidebar, True), (viewport, False)):
        yield from captures.begin_to_paint(window, endless="train_002")
        middle = region.y + region.height // 2
        # Left of the sidebar's middle: on none of its tabs.
        window.point_at(region.x + region.width // 3, window.window.height - middle)
        yield 0.3
        captures.PaintEngine.endless = ""
        yield lambda: not captures.is_capturing(window)
        yield 0.3
        assert settings.show_settings == is_unfolded
        window.screenshot(f"capture finished with the pointer over {region.type}")


def test_no_button_moves_under_the_pointer_when_another_was_pressed(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0)
    settings, ball = scene.hashlight.capture, bpy.context.object
    settings.collection = bpy.data.collections.new("Product")
    scene.collection.children.link(settings.collection)
    settings.collection.objects.link(ball)
    scene.render.engine, scene.render.use_motion_blur = "BLENDER_WORKBENCH", True
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield lambda: "motion blur" in settings.plan_warnings.lower() and "This engine renders" in settings.plan_warnings
    yield 0.5
    buttons = ("hashlight.use_cycles", "hashlight.turn_off_motion_blur")
    places = yield from window.find_buttons(*buttons)
    upper, lower = sorted(buttons, key=lambda button: places[button][1])
    yield from window.click(*places[upper])
    yield lambda: len([each for each in settings.plan_findings if each.is_settled]) == 1
    yield 0.5
    window.screenshot("one warning is settled")
    yield from window.click(*places[lower])
    yield lambda: scene.render.engine == "CYCLES" and not scene.render.use_motion_blur
    yield lambda: len([each for each in settings.plan_findings if each.is_settled]) == 2
    window.point_at_viewport()
    yield lambda: not any(each.is_settled for each in settings.plan_findings)


def test_no_button_moves_under_the_pointer_when_a_layout_is_chosen(window: Window) -> Steps:
    yield from window.open_tab()
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0, location=(0.0, 0.0, 1.0))
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.mesh.primitive_plane_add(size=30.0, location=(0.0, 0.6, 0.0))
    bpy.ops.mesh.primitive_plane_add(size=30.0, location=(0.0, 1.6, 0.0), rotation=(1.5708, 0.0, 0.0))
    settings = scene.hashlight.capture
    scene.render.use_motion_blur = True
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    yield lambda: "hides the subject" in settings.plan_warnings and "motion blur" in settings.plan_warnings.lower()
    yield 0.5
    places = yield from window.find_buttons("hashlight.use_layout", "hashlight.turn_off_motion_blur")
    yield from window.click(*places["hashlight.use_layout"])
    yield lambda: settings.rig == "FRONT_ARC"
    yield 0.7
    window.screenshot("layout chosen by a warning")
    yield from window.click(*places["hashlight.turn_off_motion_blur"])
    yield lambda: not scene.render.use_motion_blur
    assert settings.settings_rows == 1
    window.point_at_viewport()
    yield lambda: settings.settings_rows == -1
