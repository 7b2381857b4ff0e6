"""How long the scene's own render engine would have taken for a bake, by the times of the captured views."""

from __future__ import annotations

from collections.abc import Sequence
from operator import truediv
from statistics import median

import bpy

from engine.link.capture_format import ViewRecord
from engine.link.wording import counted

from ..capture.captured_views import known_capture
from ..capture.fast_capture import rendered_samples
from ..durations import describe_seconds

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
    """How long that many frames of this size would have taken, as text; empty when nothing is captured.

    With the scene's own samples where views were captured with other numbers, by Fast Capture or before the scene was
    changed, and with those of the captures, too. What a render takes besides its samples is multiplied with them, and
    adaptive sampling may stop before the last: the scene's own render takes that long at most.
    """
    settings, views = known_capture(scene, _MAX_AGE)
    per_pixel = seconds_per_pixel(list(views.values()))
    if per_pixel is None:
        return ""
    engine, samples = str(settings.get("engine", "")), settings.get("samples")
    name = _ENGINES.get(engine, engine.title() if engine.isupper() and engine != "EEVEE" else engine)
    seconds = per_pixel * frames * width * height
    words = f"{name or 'Rendering'} would take "
    if samples is None:
        return f"{words}about {describe_seconds(seconds)}"
    as_captured = f"about {describe_seconds(seconds)} at {counted(samples, 'sample')} as captured"
    own = _own_samples(scene, engine, str(settings.get("view layer", "")))
    if own is None or own == samples:
        return words + as_captured
    limit = "up to" if own > samples else "about"
    in_own = describe_seconds(seconds * own / samples)
    return f"{words}{limit} {in_own} at the scene's {counted(own, 'sample')}, {as_captured}"


def _own_samples(scene: bpy.types.Scene, engine: str, view_layer: str) -> int | None:
    """How many samples renders of the ``view_layer`` of this name have, if they are made by ``engine``, as captures
    call it."""
    if scene.render.engine == engine == "CYCLES":
        return rendered_samples(scene, scene.view_layers.get(view_layer, scene.view_layers[0]))
    if "EEVEE" in scene.render.engine and engine == "EEVEE":
        return scene.eevee.taa_render_samples
    return None
