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

import functools
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "gui"), str(ROOT)]
from run_in_blender import start  # noqa: E402
from window import Steps, Window  # noqa: E402

from benchmarks import window_steps as steps  # noqa: E402
from benchmarks.results import write_result  # noqa: E402
from benchmarks.window_stopwatch import CAPTURE, RENDER_CALL, Stopwatch  # noqa: E402
from benchmarks.window_tables import calls_table, latency_table, stopping_table  # noqa: E402

EDGES = (1, 2, 5, 10, 20, 50)  # milliseconds
STOPPED_SIZES = ((800, 800), steps.HD)
TOO_LONG = 10.0  # milliseconds of computing
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
    watch.wrap_modal(window.addon("capture.operators").CapturesViews, CAPTURE)
    watch.wrap(window.addon("capture.passes").PassRenderer, "begin", RENDER_CALL)

    window.region("UI").active_panel_category = "Hashlight"
    yield from steps.train(window)
    beginning = watch.take()
    device_name = window.addon("session.registry").current().welcome.device_name
    alone = yield from steps.time_redraws(window)
    turns = yield from steps.time_turns(window)
    following = watch.take()
    yield from steps.show_live_hd(window)
    yield from steps.show_hd_frames(window)
    showing = watch.take()
    stops = {
        "training paused": (yield from steps.time_pauses(window)),
        "bake cancelled": (yield from steps.time_cancelled_bakes(window)),
    }
    watch.take()
    yield from steps.capture_hd(window)
    capturing = watch.take()
    for size in STOPPED_SIZES:
        what = f"capture stopped in the middle of a view of {size[0]}x{size[1]}"
        stops[what] = yield from steps.time_stopped_captures(window, size)
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


start(lambda wanted: [("window_times", functools.partial(measure, keep="keep" in wanted))])
