"""How long Hashlight keeps Blender's main thread busy while its window is open, and how soon the view is followed.

    python scripts/test_gui.py --script benchmarks/window_times.py [keep]

A real engine trains on a small capture. First the view is turned again and again, each time until a picture of the
field from there is on the screen. Then 1080p pictures arrive on the image plane and in the viewport while 1080p views
are sent and training reports. Every function of ours that Blender calls is timed, by the clock and by the processor.
Last, training is paused, bakes are cancelled, 1080p views are captured, and captures are stopped in the middle of a
view: how long each takes until it is over.

Prints tables; with ``keep`` they go into benchmarks/results/ as well, from where ``make_tables`` takes them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "gui"), str(ROOT)]
import x_input  # noqa: E402
from run_in_blender import start  # noqa: E402
from window import Steps, Window  # noqa: E402

from benchmarks.results import write_result  # noqa: E402
from benchmarks.window_tables import calls_table, latency_table, stopping_table  # noqa: E402

EDGES = (1, 2, 5, 10, 20, 50)  # milliseconds
TOO_LONG = 10.0  # milliseconds of computing
TURNS = 20
LIVE_FRAMES = 8
FRAMES = 60
VIEWS = 12
STOPS = 5
CAPTURED = 4
STOPPED_SAMPLES = 128  # of views whose capture is stopped: each would take some ten minutes on two cores
HD = (1920, 1080)
CALLS = (
    ("session.registry", "_tick", "messages"),
    ("preview.neural_view", "_tick", "neural view, timer"),
    ("preview.neural_view", "_before_drawing", "neural view, before drawing"),
    ("preview.neural_view", "_draw", "neural view, drawing"),
    ("capture.plan_drawing", "_draw_lines", "plan, lines"),
    ("capture.plan_drawing", "_draw_numbers", "plan, numbers"),
    ("capture.plan_watch", "_tick", "plan, check"),
    ("preview.plane_drawing", "_tick", "plane in Solid shading, timer"),
    ("preview.plane_drawing", "_draw", "plane in Solid shading, drawing"),
    ("write_lock", "_watch", "write lock, timer"),
)
BUTTONS = ("HASHLIGHT_OT_preview_live", "HASHLIGHT_OT_neural_view")
PARTS = (("preview.live", "show_picture", "a picture onto its plane (part of messages)"),)
CAPTURE = "capture, all else"
RENDER_CALL = "Blender's own start of a render, for each view"


class Stopwatch:
    """Times of named functions in milliseconds: by the clock, and of the thread's own computing. ``RENDER_CALL`` is not
    counted to the function that makes it."""

    def __init__(self) -> None:
        self.times: dict[str, list[tuple[float, float]]] = {}
        self._apart = (0.0, 0.0)  # spent in RENDER_CALL by the function that is timed

    def wrap(self, module: ModuleType | type, name: str, label: str) -> None:
        """Have every call of ``module.name`` timed under ``label``."""
        function: Callable[..., object] = getattr(module, name)

        @functools.wraps(function)
        def timed(*arguments: object, **options: object) -> object:
            with self._timed(label):
                return function(*arguments, **options)

        setattr(module, name, timed)

    def wrap_panel(self, panel: type[bpy.types.Panel]) -> None:
        """``wrap`` for a panel's ``draw`` and ``poll``, whose arguments Blender counts."""
        function = panel.draw

        def draw(self_: bpy.types.Panel, context: bpy.types.Context) -> None:
            with self._timed("panels"):
                function(self_, context)

        panel.draw = draw
        if "poll" not in vars(panel):
            return
        ask = panel.poll

        def poll(cls: type[bpy.types.Panel], context: bpy.types.Context) -> bool:
            with self._timed("panels, whether they show"):
                return ask(context)

        panel.poll = classmethod(poll)

    def wrap_modal(self, operator: type[bpy.types.Operator], label: str) -> None:
        """``wrap`` for an operator's ``modal``, whose arguments Blender counts."""
        function = operator.modal

        def modal(self_: bpy.types.Operator, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
            with self._timed(label):
                return function(self_, context, event)

        operator.modal = modal

    def wrap_button(self, operator: type[bpy.types.Operator]) -> None:
        """``wrap`` for an operator's ``execute``, likewise."""
        function = operator.execute

        def execute(self_: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
            with self._timed(f"button {operator.bl_label}"):
                return function(self_, context)

        operator.execute = execute

    @contextlib.contextmanager
    def _timed(self, label: str) -> Iterator[None]:
        if label != RENDER_CALL:
            self._apart = (0.0, 0.0)
        clock, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            spent = (1e3 * (time.perf_counter() - clock), 1e3 * (time.thread_time() - cpu))
            if label == RENDER_CALL:
                self._apart = spent
            elif label == CAPTURE:
                spent = (spent[0] - self._apart[0], spent[1] - self._apart[1])
            self.times.setdefault(label, []).append(spent)

    def take(self) -> dict[str, list[tuple[float, float]]]:
        """All that was measured since the last time."""
        times, self.times = self.times, {}
        return times


def measure(window: Window, keep: bool) -> Steps:
    """All of it, in one Blender."""
    watch = Stopwatch()
    drawing = [window.addon(name) for name in ("capture.plan_drawing", "preview.plane_drawing")]
    for module in drawing:
        module.unregister()
    for path, name, label in CALLS + PARTS:
        watch.wrap(window.addon(path), name, label)
    for module in drawing:
        module.register()
    for name in BUTTONS:
        watch.wrap_button(getattr(window.addon("preview.operators"), name))
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__name__.startswith("HASHLIGHT_PT_"):
            watch.wrap_panel(panel)
    watch.wrap_modal(window.addon("capture.operators").HASHLIGHT_OT_capture, CAPTURE)
    watch.wrap(window.addon("capture.passes").PassRenderer, "begin", RENDER_CALL)

    window.region("UI").active_panel_category = "Hashlight"
    yield from _train(window)
    beginning = watch.take()
    device_name = window.addon("session.registry").current().welcome.device_name
    alone = yield from _redraw(window)
    turns = yield from _turn(window)
    following = watch.take()
    yield from _live_hd(window)
    yield from _show_hd_frames(window)
    showing = watch.take()
    stops = {"training paused": (yield from _pause(window)), "bake cancelled": (yield from _cancel_bakes(window))}
    watch.take()
    yield from _capture_hd(window)
    capturing = watch.take()
    stops["capture stopped in the middle of a view"] = yield from _stop_captures(window)
    region = window.region()
    result = {
        "dataset": "blender",
        "device_name": device_name,
        "blender": bpy.app.version_string,
        "viewport": [region.width, region.height],
        "calls": {
            "planning, first capture, engine's start": _summarize(beginning),
            "following the view": _summarize(following),
            "1080p pictures": _summarize(showing),
            "capturing 1080p": _summarize(capturing),
        },
        "edges_ms": EDGES,
        "redraw_ms": alone,
        "turns_ms": turns,
        "stops_ms": stops,
    }
    if keep:
        write_result("window", result)
    with (window.out / "report.txt").open("a", encoding="utf-8") as file:
        file.write(f"{calls_table([result])}\n\n{latency_table([result])}\n\n{stopping_table([result])}\n")


def _summarize(times: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    """What the tables tell of each function. First calls are apart: they compile shaders and build tables."""
    rows = []
    for label, spans in sorted(times.items()):
        clock, cpu = np.array(spans).T
        row = {"name": label, "calls": len(spans), "first_ms": clock[0], "first_cpu_ms": cpu[0]}
        if len(spans) > 1:
            row |= {"median_ms": np.median(clock[1:]), "longest_ms": clock[1:].max()}
            row |= {"median_cpu_ms": np.median(cpu[1:]), "longest_cpu_ms": cpu[1:].max()}
            row["too_long_cpu"] = int((cpu[1:] >= TOO_LONG).sum())
            row["counts"] = np.histogram(clock[1:], bins=[0.0, *EDGES, np.inf])[0].tolist()
        rows.append(row)
    return rows


def _train(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    bpy.ops.mesh.primitive_monkey_add(size=2.0)
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    # Far away: what the field makes of 1080p from there is mostly empty, and so comes often.
    bpy.ops.object.camera_add(location=(0.0, -60.0, 1.0), rotation=(1.57, 0.0, 0.0))
    scene.camera = bpy.context.object
    scene.render.resolution_x, scene.render.resolution_y = HD
    capture = scene.hashlight.capture
    capture.resolution_x = capture.resolution_y = 64
    capture.training_views, capture.held_out_views = 16, 2
    scene.hashlight.training.seconds = scene.hashlight.training.evaluate_every = 0.0
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 5.0
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.hashlight.capture_and_train("EXEC_DEFAULT")
    registry = window.addon("session.registry")
    yield lambda: registry.current().status is not None and registry.current().status.step > 100
    yield lambda: not registry.current().views.count("waiting", "sent")


class _Redraws:
    """When the viewport was drawn: the moments at which drawing was done."""

    def __init__(self) -> None:
        self.ended: list[float] = []
        self.follow: Callable[[], bool] = lambda: False
        self.followed: float | None = None
        self._handler = bpy.types.SpaceView3D.draw_handler_add(self._note, (), "WINDOW", "POST_PIXEL")

    def _note(self) -> None:
        now = time.perf_counter()
        self.ended.append(now)
        if self.followed is None and self.follow():
            self.followed = now

    def remove(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")


def _turn_view(window: Window) -> float:
    quaternion = type(window.view.view_rotation)
    window.view.view_rotation = quaternion((0.0, 0.0, 1.0), 0.07) @ window.view.view_rotation
    window.area.tag_redraw()
    return time.perf_counter()


def _redraw(window: Window) -> Steps:
    """Milliseconds from turning the view to the end of the redraw, without the neural view."""
    redraws, times = _Redraws(), []
    for _ in range(TURNS):
        redraws.ended.clear()
        moved = _turn_view(window)
        yield lambda: redraws.ended
        times.append(1e3 * (redraws.ended[0] - moved))
        yield 0.4
    redraws.remove()
    return times


def _turn(window: Window) -> Steps:
    """Milliseconds from turning the view to the end of the redraw that shows a picture from there; each time."""
    neural_view, view_camera = window.addon("preview.neural_view"), window.addon("preview.view_camera")
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    yield lambda: neural_view.describe(window.space).startswith("Sharp")

    def is_shown() -> bool:
        here = view_camera.camera_of_region(window.region(), window.view)
        drawn = neural_view._current.drawn
        return drawn is not None and view_camera.is_same_view(drawn.camera, here)

    redraws, times = _Redraws(), []
    redraws.follow = is_shown
    for _ in range(TURNS):
        redraws.followed = moved = None
        moved = _turn_view(window)
        yield lambda: redraws.followed
        times.append(1e3 * (redraws.followed - moved))
        yield 0.4
    redraws.remove()
    return times


def _live_hd(window: Window) -> Steps:
    """The engine's own 1080p pictures on the plane, while 1080p views are sent to it."""
    from engine.link.messages import AddView

    live, session = window.addon("preview.live"), window.addon("session.registry").current()
    camera = live.preview_camera(bpy.context.scene).resized(*HD)
    pixels = {"color": np.zeros((HD[1], HD[0], 4), np.float16), "depth": np.full((HD[1], HD[0]), np.inf, np.float32)}
    first = session.frame.request
    with window.viewport():
        bpy.ops.hashlight.preview_live()
    for number in range(VIEWS):
        view = AddView(name=f"hd-{number}", split="test", camera=camera, **pixels)
        session.add_view(view.name, functools.partial(dataclasses.replace, view), view)
        yield 0.5
    yield lambda: not session.views.count("waiting", "sent")
    yield lambda: session.frame.request >= first + LIVE_FRAMES
    bpy.ops.hashlight.preview_live()
    yield 0.5


def _show_hd_frames(window: Window) -> Steps:
    """1080p frames onto the plane and into the viewport, as fast as they are taken, while training goes on."""
    from engine.link.messages import Frame

    live, neural_view = window.addon("preview.live"), window.addon("preview.neural_view")
    session = window.addon("session.registry").current()
    camera = live.preview_camera(bpy.context.scene).resized(*HD)
    color = np.full((HD[1], HD[0], 4), 0.5, np.float16)
    depth = np.full((HD[1], HD[0]), 4.0, np.float32)
    for number in range(FRAMES):
        frame = Frame(request=1_000_000 + number, step=number, camera=camera, color=color, depth=depth)
        live._preparation.give(session, frame)
        yield 0.1
        neural_view._preparation.give(session, frame)
        yield 0.1


def _pause(window: Window) -> Steps:
    """Milliseconds from the press of Pause until the engine says that it has paused; each time."""
    session, times = window.addon("session.registry").current(), []
    for _ in range(STOPS):
        yield lambda: session.is_training
        yield 1.0
        began = time.perf_counter()
        bpy.ops.hashlight.pause_training()
        yield lambda: session.status.state == "paused"
        times.append(1e3 * (time.perf_counter() - began))
        session.train()
    return times


def _cancel_bakes(window: Window) -> Steps:
    """Milliseconds from the press of Cancel in the middle of a 1080p frame until the bake is over; each time."""
    jobs, session = window.addon("bake.jobs"), window.addon("session.registry").current()
    settings, times = bpy.context.scene.hashlight.bake, []
    settings.resolution_x, settings.resolution_y = HD
    settings.video, settings.result = "none", "FILES"
    for number in range(STOPS):
        settings.name = f"bake {number}"
        bpy.ops.hashlight.bake()
        yield lambda: jobs.last_update(session).message != "Waiting for the engine"
        yield 1.0
        began = time.perf_counter()
        bpy.ops.hashlight.cancel_bake()
        yield lambda: not jobs.is_busy()
        assert jobs.last_update(session).state == "cancelled"
        times.append(1e3 * (time.perf_counter() - began))
    return times


def _is_capturing(window: Window) -> bool:
    return any(operator.bl_idname == "HASHLIGHT_OT_capture" for operator in window.window.modal_operators)


def _begin_capture(window: Window, samples: int) -> None:
    scene = bpy.context.scene
    window.show_renders(False)
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.cycles.samples, scene.cycles.use_adaptive_sampling = samples, False
    with window.viewport():
        bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")


def _capture_hd(window: Window) -> Steps:
    """1080p views captured, sent and learnt."""
    capture, registry = bpy.context.scene.hashlight.capture, window.addon("session.registry")
    capture.resolution_x, capture.resolution_y = HD
    capture.training_views, capture.held_out_views = CAPTURED - 1, 1
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    _begin_capture(window, samples=1)
    yield lambda: not _is_capturing(window)
    yield lambda: registry.current().views.count("held") == CAPTURED


def _stop_captures(window: Window) -> Steps:
    """Milliseconds from pressing Esc in the middle of a view until the capture is over; each time."""
    times = []
    for _ in range(STOPS):
        _begin_capture(window, STOPPED_SAMPLES)
        yield lambda: bpy.app.is_job_running("RENDER")
        yield 4.0
        began = time.perf_counter()
        window.press(x_input.ESCAPE)
        yield lambda: not _is_capturing(window)
        times.append(1e3 * (time.perf_counter() - began))
        yield 0.5
    return times


start(lambda wanted: [("window_times", functools.partial(measure, keep="keep" in wanted))])
