"""How much longer a view takes to render because training goes on, on the processor that both use.

    python scripts/test_gui.py --script benchmarks/contention.py [keep] [small]

In Blender's window, with a real engine: the same views are captured alone, while training runs, and alone again, each
time into a take of its own. The first view of each is left out: training has nothing to train on before it, and the
renderer prepares the scene. ``small`` is for trying it out: few samples, which say little.

Prints a table; with ``keep`` the result goes into benchmarks/results/ as well, from where ``make_tables`` takes it.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "gui"), str(ROOT)]
from captures import is_capturing  # noqa: E402
from run_in_blender import start  # noqa: E402
from window import Steps, Window  # noqa: E402

from benchmarks.results import write_result  # noqa: E402
from benchmarks.window_tables import contention_table  # noqa: E402

VIEWS = 8
SIZE, SAMPLES = 400, 64
SMALL_SIZE, SMALL_SAMPLES = 96, 16


def measure(window: Window, keep: bool, is_small: bool) -> Steps:
    """All of it, in one Blender."""
    size, samples = (SMALL_SIZE, SMALL_SAMPLES) if is_small else (SIZE, SAMPLES)
    scene, registry = bpy.context.scene, window.addon("session.registry")
    window.show_renders(False)
    _set_up(window, size, samples)
    with window.viewport():
        bpy.ops.hashlight.start_engine()
    yield lambda: registry.current().phase == "ready"

    before = yield from _capture(window, bpy.ops.hashlight.capture)
    beside = yield from _capture(window, bpy.ops.hashlight.capture_and_train)
    session = registry.current()
    yield lambda: session.progress_made is not None and session.progress_made.step > 0
    steps = session.progress_made.step
    with window.viewport():
        bpy.ops.hashlight.pause_training()
    yield lambda: session.status.state == "paused"
    after = yield from _capture(window, bpy.ops.hashlight.capture)
    assert before.keys() == beside.keys() == after.keys()
    result = {
        "dataset": "blender",
        "device_name": session.welcome.device_name,
        "blender": bpy.app.version_string,
        "size": [size, size],
        "samples": scene.cycles.samples,
        "alone_s": [list(before.values()), list(after.values())],
        "training_s": list(beside.values()),
        "steps": steps,
    }
    if keep:
        write_result("contention", result)
    with (window.out / "report.txt").open("a", encoding="utf-8") as file:
        file.write(f"{contention_table([result])}\n")


def _set_up(window: Window, size: int, samples: int) -> None:
    """A scene with a plan, as a user would have it, but for the samples, which are all taken."""
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = samples, False, False
    bpy.ops.mesh.primitive_monkey_add(size=2.0)
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    capture = scene.hashlight.capture
    capture.use_fast_capture = False
    capture.resolution_x = capture.resolution_y = size
    capture.training_views, capture.held_out_views = VIEWS, 1
    scene.hashlight.training.seconds = scene.hashlight.training.evaluate_every = 0.0  # it never ends by itself
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()


def _capture(window: Window, operator: Callable[[str], set[str]]) -> Steps:
    """Capture into a new take; by view the seconds that it took to render, in order, but for the first."""
    seconds: dict[str, float] = {}

    def note(name: str, _split: str, _camera: object, _color: object, _depth: object, spent: float) -> None:
        seconds[name] = spent

    listeners = window.addon("capture.current_capture").view_listeners
    listeners.append(note)
    with window.viewport():
        assert bpy.ops.hashlight.new_take() == {"FINISHED"}
        assert operator("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield lambda: not is_capturing(window)
    listeners.remove(note)
    assert len(seconds) == VIEWS + 1
    return dict(list(seconds.items())[1:])


start(
    lambda wanted: [
        ("contention", functools.partial(measure, keep="keep" in wanted, is_small="small" in wanted)),
    ]
)
