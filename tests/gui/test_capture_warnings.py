"""What a capture finds wrong, in the panel: while it goes on, and after it was stopped."""

from __future__ import annotations

import tempfile

import bpy
from window import Steps, Window


def test_warnings_of_the_plan_and_of_a_stopped_capture_stay_in_the_panel(window: Window) -> Steps:
    yield from window.open_tab()
    window.show_renders(False)
    scene, capture = bpy.context.scene, window.addon("capture.under_way")
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
    yield lambda: "outside the bounds" in settings.plan_warnings
    assert capture.is_capturing(), "the plan's warnings are there before the capture is over"
    window.screenshot("capture plan warnings")
    yield lambda: capture.describe_capture()[0] > 0.05
    bpy.ops.hashlight.stop_capture()
    yield lambda: not capture.is_capturing()
    assert settings.capture_warnings.startswith("The bounds cut off part of the subject in ")
    assert "\n" not in settings.capture_warnings
    assert "outside the bounds" in settings.plan_warnings
    yield 0.5
    window.screenshot("capture warnings")
