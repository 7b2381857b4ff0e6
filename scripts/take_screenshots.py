"""Take the user guide's screenshots, in a real Blender window with a real engine at work.

    python scripts/test_gui.py --script scripts/take_screenshots.py --screen 1280x1300 --keep FOLDER
    python scripts/pack_screenshots.py FOLDER docs/images

Run by Blender itself: it walks from set-up to turntable on the demo's still life, and leaves whole screens in
the folder with what to cut from them. On two cores that takes about half an hour.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import addon_utils
import bpy

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "gui"), str(ROOT / "examples" / "still_life")]
import x_input  # noqa: E402
from run_in_blender import start  # noqa: E402
from scene import build_scene  # noqa: E402
from window import ADDON, Steps, Window  # noqa: E402

WHEEL_DOWN = 5
COMPARE_SCROLL = 10  # turns of the wheel that bring the panel of comparisons into sight
TO_THE_END = 60
BAKED_FRAME = 9
SIZE = 384  # pixels of a captured view
SHOWN_VIEW = 33  # of 36: so many are there when the picture of a capture is taken
NOISY_SAMPLES = 48  # of a view, where there is no denoiser: three times those of the demo
TRAINING = 180.0  # seconds


class Tour:
    """The steps of the user guide, one after another; each is a generator as the window tests have them."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._registry = window.addon("session.registry")
        self._cuts: dict[str, list[int]] = {}

    def walk(self) -> Steps:
        """All of it."""
        self._build_scene()
        self._window.unfold("review.panel")
        yield from self._window.open_tab()
        self._leave_sidebar()
        yield from self._set_up()
        yield from self._plan()
        yield from self._capture_and_train()
        yield from self._look_around()
        yield from self._review()
        yield from self._bake()
        captured = self._window.addon("folders").capture_folder(bpy.context.scene)
        yield from self._import(captured)
        yield from self._connect()

    def _build_scene(self) -> None:
        scene, window = build_scene(), self._window
        scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
        settings = scene.hashlight.capture
        if not scene.cycles.use_denoising:
            scene.cycles.samples, settings.use_fast_capture = NOISY_SAMPLES, False
        settings.training_views, settings.held_out_views = 32, 4
        settings.resolution_x = settings.resolution_y = SIZE
        scene.hashlight.training.seconds, scene.hashlight.training.evaluate_every = TRAINING, 10.0
        window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.5), 9.0
        window.space.shading.type = "SOLID"
        window.space.shading.color_type = "MATERIAL"
        window.space.overlay.show_relationship_lines = False

    def _set_up(self) -> Steps:
        python = os.environ.pop("HASHLIGHT_ENGINE_PYTHON")
        bpy.context.preferences.system.use_online_access = True
        self._window.area.tag_redraw()
        yield 1.0
        left, top, right, _ = self._sidebar()
        self._take("setup", [left, top, right, top + 220])
        os.environ["HASHLIGHT_ENGINE_PYTHON"] = python

    def _plan(self) -> Steps:
        with self._window.viewport():
            bpy.ops.hashlight.fit_bounds()
            bpy.ops.hashlight.plan_cameras()
        bpy.ops.object.select_all(action="DESELECT")
        self._window.space.show_gizmo = True  # arrows on the bounds
        self._window.space.show_gizmo_navigate = False
        self._window.area.tag_redraw()
        yield 1.5
        self._take("plan", self._area())
        self._window.space.show_gizmo = False

    def _capture_and_train(self) -> Steps:
        window, registry = self._window, self._registry
        window.show_renders(False)
        yield from self._capture_first(SHOWN_VIEW - 1)
        with window.viewport():
            bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")
        captures = window.addon("capture.current_capture")
        yield from self._wait_for_views(SHOWN_VIEW)
        yield lambda: registry.current().status is not None and registry.current().status.step > 0
        yield 0.5
        self._take("capture", [0, 0, window.window.width, window.window.height])
        yield from self._wait_for_views(*range(SHOWN_VIEW + 1, 37))
        yield lambda: not captures.is_capturing()
        yield from self._finish_training()

    def _capture_first(self, count: int) -> Steps:
        """Capture so many views while the window stands still, as an interrupted capture would have left them: drawn
        by software, a window that shows how a capture goes takes longer than its views."""
        scene, folders = bpy.context.scene, self._window.addon("folders")
        job = self._window.addon("capture.job").CaptureJob(scene, bpy.context.view_layer, folders.capture_folder(scene))
        with job:
            for _ in range(count):
                next(job)
                yield 0.05

    def _finish_training(self) -> Steps:
        """Wait for the end of the training, a part of it each within the patience of a test, and for the last score."""
        session = self._registry.current()
        for seconds in range(30, int(TRAINING), 30):
            yield lambda seconds=seconds: session.status.seconds >= seconds
        yield lambda: session.is_trained
        yield lambda: not session.is_scoring

    def _wait_for_views(self, *counts: int) -> Steps:
        """Wait until so many views are captured, each count within the patience of a test."""
        captures = self._window.addon("capture.current_capture")
        for count in counts:
            yield lambda count=count: (job := captures.current()) is None or job.done >= count

    def _look_around(self) -> Steps:
        """The neural view in the place of the captured objects, and all that the panel says of it."""
        window, scene = self._window, bpy.context.scene
        scene.hashlight.capture.show_plan = False
        window.view.view_distance = 4.2
        with window.viewport():
            bpy.ops.hashlight.neural_view()
        neural_view = window.addon("preview.neural_view")
        yield lambda: neural_view.describe(window.space).startswith("Sharp")
        assert window.space.local_view is not None, "Hide Captured Objects"
        yield 2.0
        self._take("neural-view", self._area())
        self._take("train", self._sidebar())
        with window.viewport():
            bpy.ops.hashlight.neural_view()
        for obj in scene.objects:  # the planes from now on show the field where these stand
            if obj.type == "MESH" and window.addon("roles").role_of(obj) is None:
                obj.hide_set(True)

    def _review(self) -> Steps:
        """The worst view beside what was captured, seen through its camera."""
        window, scene = self._window, bpy.context.scene
        bpy.context.preferences.system.use_region_overlap = False  # the panels stand beside the pictures
        for name in ("show_extras", "show_floor", "show_axis_x", "show_axis_y", "show_cursor"):
            setattr(window.space.overlay, name, False)
        yield 0.5
        session = self._registry.current()
        worst = window.addon("review.scores").worst_items(session.evaluations[-1], 1, session.metrics)[0][0]
        with window.viewport():
            bpy.ops.hashlight.look_through_view(view=worst)
            bpy.ops.view3d.view_center_camera()
        yield from self._scroll(COMPARE_SCROLL)
        yield lambda: "PSNR" in window.addon("review.comparison").describe(scene)
        yield 2.0
        self._take("compare", self._area())
        with window.viewport():
            bpy.ops.hashlight.look_away()

    def _bake(self) -> Steps:
        """A turntable while it is rendered, and on its plane."""
        window, scene = self._window, bpy.context.scene
        settings = scene.hashlight.bake
        settings.frames = 24  # of the captures' size
        with window.viewport():
            bpy.ops.hashlight.bake()
        yield lambda: any(job.done >= 2 for job in self._registry.current().jobs.values())
        yield from self._scroll(TO_THE_END)
        left, _, right, bottom = self._sidebar()
        self._take("bake", [left, bottom - 620, right, bottom])
        yield lambda: all(job.state != "running" for job in self._registry.current().jobs.values())
        scene.frame_end = settings.frames
        scene.frame_set(BAKED_FRAME)
        window.view.view_perspective = "CAMERA"
        with window.viewport():
            bpy.ops.view3d.view_center_camera()
        yield 3.0
        left, top, right, _ = self._area()
        self._take("baked-plane", [left, top, right, window.window.height])

    def _import(self, captured: Path) -> Steps:
        """A dataset in a scene of its own: its cameras around what was learnt from its pictures."""
        window = self._window
        dataset = Path(tempfile.mkdtemp(prefix="datasets-")) / "still-life"
        shutil.copytree(captured, dataset)
        yield from window.start_anew()
        yield from window.open_tab()
        self._leave_sidebar()
        scene = bpy.context.scene
        scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
        scene.hashlight.training.seconds = TRAINING
        window.view.view_location, window.view.view_distance = (0.0, 0.0, 1.0), 7.5
        imports = window.addon("importing.imports")
        with window.viewport():
            bpy.ops.hashlight.import_dataset(filepath=str(dataset))
        yield lambda: not imports.is_importing()
        with window.viewport():
            bpy.ops.hashlight.train()
        registry = self._registry
        yield lambda: registry.current().status is not None and registry.current().status.step > 0
        yield from self._finish_training()
        with window.viewport():
            bpy.ops.hashlight.neural_view()
        neural_view = window.addon("preview.neural_view")
        yield lambda: neural_view.describe(window.space).startswith("Sharp")
        yield 1.0
        self._take("import", [0, 0, window.window.width, 985])  # down to the end of training
        with window.viewport():
            bpy.ops.hashlight.neural_view()

    def _connect(self) -> Steps:
        """The preferences for an engine elsewhere."""
        window = self._window
        preferences = window.addon("preferences").get_preferences()
        preferences.use_running_engine = True
        preferences.use_tls = False
        window.area.ui_type = "PREFERENCES"
        bpy.context.preferences.active_section = "ADDONS"
        bpy.context.window_manager.addon_search = "Hashlight"
        for module in addon_utils.modules():
            if module.__name__ == ADDON:
                addon_utils.module_bl_info(module)["show_expanded"] = True
        yield 1.5
        area = next(area for area in window.window.screen.areas if area.type == "PREFERENCES")
        top = window.window.height - area.y - area.height
        # Without the list at the left, and without the lines that tell where this Blender keeps the extension.
        self._take("remote", [area.x + 170, top + 232, area.x + area.width, top + 472])
        area.type = "VIEW_3D"
        preferences.use_running_engine = False
        yield 0.3

    def _sidebar(self) -> list[int]:
        return self._box(self._window.region("UI"))

    def _area(self) -> list[int]:
        return self._box(self._window.area)

    def _box(self, part: bpy.types.Region | bpy.types.Area) -> list[int]:
        """Left, top, right and bottom on the screen."""
        top = self._window.window.height - part.y - part.height
        return [part.x, top, part.x + part.width, top + part.height]

    def _scroll(self, steps: int) -> Steps:
        """Turn the wheel over the sidebar, down."""
        left, top, right, bottom = self._sidebar()
        self._window.point_at((left + right) // 2, (top + bottom) // 2)
        for _ in range(steps):
            x_input.send(x_input.BUTTON_PRESS, WHEEL_DOWN)
            x_input.send(x_input.BUTTON_RELEASE, WHEEL_DOWN)
            yield 0.05
        self._leave_sidebar()
        yield 1.0

    def _leave_sidebar(self) -> None:
        """Move the pointer into the viewport: while it is over the sidebar, the plan doesn't fold there."""
        left, top, _, _ = self._sidebar()
        self._window.point_at(left - 100, top + 100)  # nothing there has a tooltip

    def _take(self, name: str, box: list[int]) -> None:
        self._window.screenshot(name)
        self._cuts[name] = box
        (self._window.out / "cuts.json").write_text(json.dumps(self._cuts), "utf-8")


if __name__ == "__main__":
    start(lambda _wanted: [("screenshots", lambda window: Tour(window).walk())])
