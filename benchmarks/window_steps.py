"""What an artist does in Blender's window, step by step, for ``window_times``; some steps give milliseconds."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable

import bpy
import numpy as np
import x_input
from captures import is_capturing
from window import Steps, Window

TURNS = 20
LIVE_FRAMES = 8
FRAMES = 60
VIEWS = 12
STOPS = 5
CAPTURED = 4
STOPPED_SAMPLES = 128  # of views whose capture is stopped: each would take some ten minutes on two cores
HD = (1920, 1080)


def train(window: Window) -> Steps:
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


def time_redraws(window: Window) -> Steps:
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


def time_turns(window: Window) -> Steps:
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


def show_live_hd(window: Window) -> Steps:
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


def show_hd_frames(window: Window) -> Steps:
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


def time_pauses(window: Window) -> Steps:
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


def time_cancelled_bakes(window: Window) -> Steps:
    """Milliseconds from the press of Cancel in the middle of a 1080p frame until the bake is over; each time."""
    jobs, session = window.addon("bake.jobs"), window.addon("session.registry").current()
    settings, times = bpy.context.scene.hashlight.bake, []
    settings.resolution_x, settings.resolution_y = HD
    settings.video, settings.result = "none", "FILES"
    for number in range(STOPS):
        settings.name = f"bake {number}"
        bpy.ops.hashlight.bake()
        yield lambda: jobs.last_update(session, bpy.context.scene).message != "Waiting for the engine"
        yield 1.0
        began = time.perf_counter()
        bpy.ops.hashlight.cancel_bake()
        yield lambda: not jobs.is_busy()
        assert jobs.last_update(session, bpy.context.scene).state == "cancelled"
        times.append(1e3 * (time.perf_counter() - began))
    return times


def _begin_capture(window: Window, samples: int) -> None:
    scene = bpy.context.scene
    window.show_renders(False)
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.cycles.samples, scene.cycles.use_adaptive_sampling = samples, False
    with window.viewport():
        bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")


def capture_hd(window: Window) -> Steps:
    """1080p views captured, sent and learnt."""
    capture, registry = bpy.context.scene.hashlight.capture, window.addon("session.registry")
    capture.resolution_x, capture.resolution_y = HD
    capture.training_views, capture.held_out_views = CAPTURED - 1, 1
    with window.viewport():
        bpy.ops.hashlight.plan_cameras()
    _begin_capture(window, samples=1)
    yield lambda: not is_capturing(window)
    yield lambda: registry.current().views.count("held") == CAPTURED


def time_stopped_captures(window: Window, size: tuple[int, int]) -> Steps:
    """Milliseconds from pressing Esc in the middle of a view of this width and height until the capture is over; each
    time."""
    capture, times = bpy.context.scene.hashlight.capture, []
    capture.resolution_x, capture.resolution_y = size
    for _ in range(STOPS):
        _begin_capture(window, STOPPED_SAMPLES)
        yield lambda: bpy.app.is_job_running("RENDER")
        yield 4.0
        began = time.perf_counter()
        window.press(x_input.ESCAPE)
        yield lambda: not is_capturing(window)
        times.append(1e3 * (time.perf_counter() - began))
        yield 0.5
    return times
