"""Looking through captured views, and what the panels show of scores and bakes."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator

import bpy
import numpy as np
from window import ADDON, Steps, Window

SIZE = 48


def _is_like(pixels: np.ndarray, color: tuple[float, float, float]) -> np.ndarray:
    return (np.abs(pixels - np.array(color)) < 0.1).all(axis=-1)


def test_looking_through_a_view_shows_both_pictures_in_its_frame(window: Window) -> Steps:
    from engine.link.geometry import Bounds, Camera

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples = 1
    scene.world = None
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = 160, 90
    pose = np.array(((1, 0, 0, 0.3), (0, 0, -1, -5), (0, 1, 0, 0.2), (0, 0, 0, 1)), float)
    camera = Camera(pose, SIZE, SIZE, 60.0, 60.0, 24.0, 24.0)
    viewpoint, comparison = window.addon("review.viewpoint"), window.addon("review.comparison")
    neural, truth = np.zeros((SIZE, SIZE, 4), np.float16), np.zeros((SIZE, SIZE, 4), np.float16)
    neural[:] = (1.0, 0.0, 0.0, 1.0)
    truth[:] = (0.0, 1.0, 0.0, 1.0)
    both = window.addon("review.pictures").compose(neural, truth, "SIDE_BY_SIDE")
    bounds = Bounds([-1, -1, -1], [1, 1, 1])
    pixels = window.addon("preview.picture").to_blender_pixels(both)
    comparison.show_comparison(scene, camera, bounds, (2 * SIZE, SIZE), pixels)
    scene.hashlight.preview.shown = "COMPARISON"
    window.space.overlay.show_overlays = False
    window.space.show_region_ui = False
    window.space.shading.type = "RENDERED"
    view = window.view
    view.view_distance = 7.5
    before = view.view_location.copy(), view.view_rotation.copy(), view.view_distance
    viewpoint.look_through(window.area, viewpoint.place_viewer(scene, camera))
    assert viewpoint.is_looking_through(window.area)
    with window.viewport():
        bpy.ops.view3d.view_center_camera()
    shots = [window.viewport_pixels("side by side")]

    def is_rendered() -> bool:
        shots.append(window.viewport_pixels("side by side"))
        return _is_like(shots[-1], (0, 1, 0)).sum() > 2000 and np.array_equal(shots[-2], shots[-1])

    yield is_rendered
    pixels = shots[-1]
    is_red, is_green = _is_like(pixels, (1, 0, 0)), _is_like(pixels, (0, 1, 0))
    assert is_red.sum() > 2000 and abs(is_red.sum() - is_green.sum()) < 0.05 * is_red.sum()
    columns = [np.nonzero(side.any(axis=0))[0] for side in (is_red, is_green)]
    rows = np.nonzero(is_red.any(axis=1))[0]
    assert columns[0].max() < columns[1].min() + 2, "neural left, captured right"
    width = columns[1].max() - columns[0].min() + 1
    assert abs(width - 2 * len(rows)) < 6, "two squares side by side"

    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="Cube")
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.5
    assert viewpoint.is_looking_through(window.area), "undoing a later step leaves the view's camera"
    scene = bpy.context.scene
    with window.viewport():
        assert bpy.ops.hashlight.look_away.poll()
        bpy.ops.hashlight.look_away()
    view = window.view
    assert view.view_perspective == "PERSP" and not window.space.use_local_camera
    assert (view.view_location, view.view_rotation, view.view_distance) == before, "the viewport is where it was"
    assert scene.hashlight.preview.shown == "NONE", "and the comparison is gone"
    assert scene.camera is None


def test_the_panel_draws_curves_and_a_click_on_the_worst_view_jumps_there(window: Window) -> Steps:
    registry = window.addon("session.registry")
    window.unfold("review.panel", "training.panel", "preview.panel", "bake.panel")
    yield from window.open_tab()
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    bpy.ops.mesh.primitive_monkey_add()
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    capture = scene.hashlight.capture
    capture.resolution_x = capture.resolution_y = SIZE
    capture.training_views, capture.held_out_views = 8, 3
    scene.hashlight.training.seconds, scene.hashlight.training.evaluate_every = 0.0, 1.0
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.hashlight.capture("EXEC_DEFAULT")
        bpy.ops.hashlight.train()
    yield lambda: registry.current().evaluations and len(registry.current().evaluations) > 3
    with window.viewport():
        bpy.ops.hashlight.pause_training()
    # An evaluation that has begun is finished, and has another view the worst perhaps.
    yield lambda: registry.current().status.state == "paused" and not registry.current().is_scoring
    with _only("HASHLIGHT_PT_train", "HASHLIGHT_PT_quality"):
        yield 0.5
        yield from _click_the_worst_view(window)
    yield lambda: "PSNR" in window.addon("review.comparison").describe(scene)
    for names, picture in (
        (("HASHLIGHT_PT_preview", "HASHLIGHT_PT_compare"), "compare panel"),
        (("HASHLIGHT_PT_bake", "HASHLIGHT_PT_bake_output"), "bake panel"),
    ):
        with _only(*names):
            yield 0.5
            window.screenshot(picture)


def _click_the_worst_view(window: Window) -> Steps:
    scene, registry = bpy.context.scene, window.addon("session.registry")
    sidebar = window.region("UI")
    top = window.window.height - sidebar.y - sidebar.height
    pixels = window.screenshot("quality")[top : top + sidebar.height, sidebar.x : sidebar.x + sidebar.width]
    for color in ((0.35, 0.7, 1.0), (0.45, 0.85, 0.5), (1.0, 0.6, 0.25)):
        assert _is_like(pixels, color).sum() > 20, f"no curve of colour {color}"

    session = registry.current()
    worst = window.addon("review.scores").worst_items(session.evaluations[-1], 1, session.metrics)[0][0]
    rows = np.nonzero(_is_like(pixels, (1.0, 0.6, 0.25)).any(axis=1))[0]
    for y in range(top + rows.max() + 40, top + sidebar.height, 12):
        yield from window.click(sidebar.x + sidebar.width // 3, y)
        if scene.hashlight.review.view:
            break
    assert scene.hashlight.review.view == worst, "a click on the first of the worst views"
    assert window.addon("review.viewpoint").is_looking_through(window.area)


@contextlib.contextmanager
def _only(*names: str) -> Iterator[None]:
    """No other panel of ours is there, so that these are in sight without scrolling."""
    classes = [cls for module in importlib.import_module(ADDON).MODULES for cls in module.CLASSES]
    panels = [cls for cls in classes if issubclass(cls, bpy.types.Panel)]
    others = [cls for cls in panels if cls.__name__ not in names]
    for cls in reversed(others):
        bpy.utils.unregister_class(cls)
    try:
        yield
    finally:
        for cls in reversed([cls for cls in panels if cls not in others]):
            bpy.utils.unregister_class(cls)
        for cls in panels:
            bpy.utils.register_class(cls)
