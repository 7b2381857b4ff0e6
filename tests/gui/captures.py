"""Captures for tests in a window: a small scene, and a renderer that takes as long as a test wants."""

from __future__ import annotations

import tempfile
import time

import bpy
import numpy as np
from window import Steps, Window

_CAPTURES = {"HASHLIGHT_OT_capture", "HASHLIGHT_OT_capture_and_train"}


def prepare(window: Window, views: int, samples: int = 1) -> Steps:
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    window.show_renders(False)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = samples, False
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0)
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    settings = scene.hashlight.capture
    settings.resolution_x = settings.resolution_y = 48
    settings.training_views, settings.held_out_views = views, 1
    scene.hashlight.training.seconds = 0.0
    scene.hashlight.training.evaluate_every = 0.0
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 5.0
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    yield 0.3


def make_slow(scene: bpy.types.Scene) -> None:
    """Views that take many minutes each, a tile a second: kept off the screen, Cycles minds Esc between tiles only."""
    scene.render.resolution_x = scene.render.resolution_y = 2000  # the capture's own size would plan other cameras
    scene.cycles.samples, scene.cycles.use_adaptive_sampling = 128, False
    scene.hashlight.capture.use_fast_capture = False
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 64


def is_capturing(window: Window) -> bool:
    return any(operator.bl_idname in _CAPTURES for operator in window.window.modal_operators)


class PaintEngine(bpy.types.RenderEngine):
    """Paints views in greys at once, except that it takes for ever at one camera, and minds Esc there only when it
    isn't deaf any more."""

    bl_idname = "HASHLIGHT_TEST_PAINT"
    bl_label = "Paint"
    bl_use_postprocess = True
    endless = ""
    failing = ""
    is_at_it = False  # at the endless view
    is_painting = False
    is_deaf = False

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        camera = depsgraph.scene.camera.name
        PaintEngine.is_painting = True
        if camera == self.failing:
            self.report({"ERROR"}, "System is out of GPU memory")
            return
        while camera == self.endless and (PaintEngine.is_deaf or not self.test_break()):
            PaintEngine.is_at_it = True
            time.sleep(0.02)
        width, height = depsgraph.scene.render.resolution_x, depsgraph.scene.render.resolution_y
        result = self.begin_result(0, 0, width, height)
        pixels = np.ones((height, width, 4), np.float32)
        pixels[..., :3] = np.linspace(0.2, 1.0, width, dtype=np.float32)[:, None]  # one colour would be warned of
        result.layers[0].passes["Combined"].rect.foreach_set(pixels.ravel())
        self.end_result(result)
        PaintEngine.is_painting = False


def begin_to_paint(window: Window, endless: str, is_deaf: bool = False) -> Steps:
    """Capture with the engine above, up to the endless view if there is one."""
    if not PaintEngine.is_registered:
        bpy.utils.register_class(PaintEngine)
    PaintEngine.endless, PaintEngine.is_at_it, PaintEngine.is_deaf = endless, False, is_deaf
    yield from prepare(window, views=4)
    scene = bpy.context.scene
    scene.render.engine, scene.hashlight.capture.use_depth = PaintEngine.bl_idname, False
    with window.viewport():
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    if endless:
        yield lambda: PaintEngine.is_at_it
