"""How long the scene's own render engine would have taken for a bake, by the times of the captured views."""

from __future__ import annotations

from collections.abc import Sequence
from operator import truediv
from statistics import median

import bpy

from engine.link.capture_format import ViewRecord

from ..durations import describe_seconds
from ..review.views import known_capture

_ENGINES = {"CYCLES": "Cycles"}
_MAX_AGE = 10.0  # seconds: a capture that goes on changes little


def seconds_per_pixel(views: Sequence[ViewRecord]) -> float | None:
    """The median over captured views of render time by pixels, as if nothing else had run beside; None when there is no
    view.

    Training that takes a part of the processor makes views take longer, but no more processor time. The view that had
    most of the processor tells how much of it rendering makes use of.
    """
    done = [view for view in views if view.render_seconds]
    cores = max((view.cpu_seconds / view.render_seconds for view in done if view.cpu_seconds), default=1.0)
    times = [view.cpu_seconds / cores if view.cpu_seconds else view.render_seconds for view in done]
    pixels = [view.camera.width * view.camera.height for view in done]
    return median(map(truediv, times, pixels)) if done else None


def describe_render_time(scene: bpy.types.Scene, frames: int, width: int, height: int) -> str:
    """How long that many frames of this size would have taken, in words; empty when nothing is captured.

    Scaled by pixels alone: so it says with how many samples the views were captured, and that the scene has another
    number now, if it has.
    """
    settings, views = known_capture(scene, _MAX_AGE)
    per_pixel = seconds_per_pixel(list(views.values()))
    if per_pixel is None:
        return ""
    engine, samples = str(settings.get("engine", "")), settings.get("samples")
    name = _ENGINES.get(engine, engine.title() if engine.isupper() and engine != "EEVEE" else engine)
    words = f"{name or 'Rendering'} would take about {describe_seconds(per_pixel * frames * width * height)}"
    if samples is not None:
        words += f", at {samples} {'sample' if samples == 1 else 'samples'} as captured"
        now = _samples_now(scene)
        if now is not None and now != samples and scene.render.engine.startswith(("CYCLES", "BLENDER_EEVEE")):
            words += f" (the scene has {now} now)"
    return words


def _samples_now(scene: bpy.types.Scene) -> int | None:
    if scene.render.engine == "CYCLES":
        return scene.cycles.samples
    return scene.eevee.taa_render_samples
