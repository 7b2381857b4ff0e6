"""The tables of ``window_times``, ``contention`` and ``preview_memory``, for the screen and for docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Result = dict[str, Any]


def calls_table(results: Sequence[Result]) -> str:
    """How long Blender's main thread was kept, by function: first calls apart, of the others a histogram."""
    if not results:
        return ""
    edges = results[0]["edges_ms"]
    head = ["while", "what", "calls", "first, CPU ms", "median, CPU ms", "longest, CPU ms", ">= 10 ms of CPU"]
    head += ["median, ms", "longest, ms", *(f"< {edge}" for edge in edges), f">= {edges[-1]}"]
    rows = []
    for result in results:
        for title, calls in result["calls"].items():
            for row in calls:
                texts = {name: f"{value:.1f}" for name, value in row.items() if name.endswith("_ms")}
                texts |= {name: str(row[name]) for name in ("calls", "too_long_cpu") if name in row}
                names = ("calls", "first_cpu_ms", "median_cpu_ms", "longest_cpu_ms", "too_long_cpu")
                figures = [texts.get(name, "") for name in (*names, "median_ms", "longest_ms")]
                counts = map(str, row.get("counts", [""] * (len(edges) + 1)))
                rows.append([title, row["name"], *figures, *counts])
    return _markdown(head, rows)


def latency_table(results: Sequence[Result]) -> str:
    """From turning the view to the end of the redraw that shows it, with and without the neural view."""
    rows = []
    for result in results:
        viewport = "x".join(map(str, result["viewport"]))
        for name, times in (
            ("Blender alone, until it has drawn the view", result["redraw_ms"]),
            ("until a picture of the field from there is drawn", result["turns_ms"]),
        ):
            ordered = sorted(times)
            figures = [statistics.median(ordered), ordered[round(0.9 * (len(ordered) - 1))], ordered[-1]]
            rows.append([result["device_name"], viewport, name, *(f"{value:.0f}" for value in figures)])
    return _markdown(["device", "viewport", "from turning the view", "median, ms", "90 %, ms", "longest, ms"], rows)


def stopping_table(results: Sequence[Result]) -> str:
    """From the press of a key or button to the end of what it stops."""
    rows = []
    for result in results:
        for name, times in result.get("stops_ms", {}).items():
            figures = [f"{value:.0f}" for value in (statistics.median(times), max(times))]
            rows.append([result["device_name"], name, str(len(times)), *figures])
    return _markdown(["device", "what", "times", "median, ms", "longest, ms"], rows)


def contention_table(results: Sequence[Result]) -> str:
    """How long a view takes to render alone, and while training runs (``contention``)."""
    rows = []
    for result in results:
        alone = [sum(seconds) / len(seconds) for seconds in result["alone_s"]]
        beside = sum(result["training_s"]) / len(result["training_s"])
        what = f"{'x'.join(map(str, result['size']))}, {result['samples']} samples"
        spans = f"{min(alone):.2f} to {max(alone):.2f}"
        factor = f"{beside * len(alone) / sum(alone):.2f}"
        rows.append([result["device_name"], what, spans, f"{beside:.2f}", factor, str(result["steps"])])
    head = ["device", "a view", "alone, s", "while training, s", "times as long", "training steps meanwhile"]
    return _markdown(head, rows)


def memory_table(results: Sequence[Result]) -> str:
    """Memory of both processes while pictures come (``preview_memory``)."""
    rows = [
        [result["device_name"], row["pictures"], f"{row['blender_mb']:.0f}", f"{row['engine_mb']:.0f}"]
        for result in results
        for row in (result["rows"][0], *result["rows"][-1 - result["large_rows"] :])
    ]
    return _markdown(["device", "pictures", "Blender, MB", "engine, MB"], rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))
