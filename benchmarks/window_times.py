"""How long Hashlight keeps Blender's main thread busy while its window is open, and how soon the view is followed.

Run by ``python scripts/test_gui.py --script benchmarks/window_times.py --keep FOLDER``; prints tables and leaves them
in FOLDER/window_times.json. A real engine trains on a small capture while the view turns; then 1080p frames are put
onto the plane and into the viewport, as fast as they are taken.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "gui"))
from run_in_blender import start
from window import Steps, Window

EDGES = (1, 2, 5, 10, 20, 50)  # milliseconds
TURNS = 20
FRAMES = 60
HD = (1920, 1080)


class Stopwatch:
    """Times of named functions, in milliseconds."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def wrap(self, module: ModuleType | type, name: str, label: str) -> None:
        """Have every call of ``module.name`` timed under ``label``."""
        function: Callable[..., object] = getattr(module, name)
        times = self.times.setdefault(label, [])

        @functools.wraps(function)
        def timed(*arguments: object, **options: object) -> object:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                times.append((time.perf_counter() - started) * 1e3)

        setattr(module, name, timed)


def measure(window: Window) -> Steps:
    """All of it, in one Blender."""
    watch = Stopwatch()
    registry, neural_view = window.addon("session.registry"), window.addon("preview.neural_view")
    live, drawing = window.addon("preview.live"), window.addon("preview.drawing")
    watch.wrap(registry, "pump", "pump messages")
    watch.wrap(neural_view, "_draw", "neural view: draw")
    watch.wrap(neural_view, "show", "neural view: take a frame")
    watch.wrap(drawing.FrameTexture, "_upload", "neural view: upload (part of draw)")
    watch.wrap(live, "show_picture", "plane: take a frame")
    watch.wrap(window.addon("capture.plan_drawing"), "_look", "plan: look")

    yield from _train(window)
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    yield lambda: neural_view.describe(window.space).startswith("Sharp")
    latencies: list[float] = []
    yield from _turn(window, latencies)
    following = {label: list(times) for label, times in watch.times.items()}
    for times in watch.times.values():
        times.clear()
    yield from _show_hd_frames(window)
    result = {
        "following the view": following,
        "1080p frames": watch.times,
        "view followed after, ms": {"each": [1e3 * seconds for seconds in latencies]},
    }
    (window.out / "window_times.json").write_text(json.dumps(result, indent=1), "utf-8")
    with (window.out / "report.txt").open("a", encoding="utf-8") as file:
        file.write("\n".join(_tables(result)) + "\n")


def _train(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    bpy.ops.mesh.primitive_monkey_add(size=2.0)
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    bpy.ops.object.camera_add(location=(0.0, -5.0, 1.0), rotation=(1.37, 0.0, 0.0))
    scene.camera = bpy.context.object
    capture = scene.hashlight.capture
    capture.resolution_x = capture.resolution_y = 64
    capture.training_views, capture.held_out_views = 16, 2
    scene.hashlight.training.seconds = scene.hashlight.training.evaluate_every = 0.0
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 5.0
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")
    registry = window.addon("session.registry")
    yield lambda: registry.current().status is not None and registry.current().status.step > 100
    yield lambda: not registry.current().views.count("waiting", "sent")


def _turn(window: Window, latencies: list[float]) -> Steps:
    """Turn the view a little, again and again, each time until a picture of it is there."""
    neural_view, view_camera = window.addon("preview.neural_view"), window.addon("preview.view_camera")

    def is_followed() -> bool:
        here = view_camera.camera_of_region(window.region(), window.view)
        return view_camera.is_same_view(neural_view._current.picture.camera, here)

    quaternion = type(window.view.view_rotation)
    for _ in range(TURNS):
        window.view.view_rotation = quaternion((0.0, 0.0, 1.0), 0.07) @ window.view.view_rotation
        window.area.tag_redraw()
        started = time.perf_counter()
        yield is_followed
        latencies.append(time.perf_counter() - started)
        yield 0.25


def _show_hd_frames(window: Window) -> Steps:
    """1080p frames onto the plane and into the viewport."""
    from engine.link.messages import Frame

    live, neural_view = window.addon("preview.live"), window.addon("preview.neural_view")
    session = window.addon("session.registry").current()
    session.pause()
    camera = live.preview_camera(bpy.context.scene).resized(*HD)
    color = np.full((HD[1], HD[0], 4), 0.5, np.float16)
    depth = np.full((HD[1], HD[0]), 4.0, np.float32)
    for number in range(FRAMES):
        frame = Frame(request=1_000_000 + number, step=number, camera=camera, color=color, depth=depth)
        live.show_picture(bpy.context.scene, session, frame)
        yield 0.05
        neural_view.show(frame, session)
        yield 0.05


def _tables(result: dict[str, dict[str, list[float]]]) -> list[str]:
    lines = []
    for title, rows in result.items():
        lines += ["", f"| {title} | calls | median ms | 99 % ms | longest ms | " + _columns() + " |"]
        lines.append("|" + "---|" * (len(EDGES) + 6))
        for label, times in rows.items():
            if times:
                median, high, longest = np.percentile(times, [50, 99, 100])
                counts = np.histogram(times, bins=[0.0, *EDGES, np.inf])[0]
                shares = " | ".join(map(str, counts))
                lines.append(f"| {label} | {len(times)} | {median:.2f} | {high:.2f} | {longest:.2f} | {shares} |")
    return lines


def _columns() -> str:
    return " | ".join([*(f"< {edge}" for edge in EDGES), f">= {EDGES[-1]}"])


start(lambda _: [("window_times", measure)])
