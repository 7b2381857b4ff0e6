"""Fast Capture: views with fewer samples than renders, on the throw-away copy of the scene.

Views show each surface many times over, and each time with other noise, which the field averages away:
``benchmarks/render_noise.py`` measures how far that goes.
"""

from __future__ import annotations

import bpy

SAMPLES = 16


def is_at_work(scene: bpy.types.Scene) -> bool:
    """Whether captures of ``scene`` take fewer samples than its renders: Fast Capture is on, and Cycles has more."""
    is_cycles = scene.render.engine == "CYCLES"
    return is_cycles and scene.hashlight.capture.use_fast_capture and scene.cycles.samples > SAMPLES


def samples_of(scene: bpy.types.Scene) -> int:
    """How many samples a captured view of ``scene`` has."""
    if scene.render.engine != "CYCLES":
        return scene.eevee.taa_render_samples
    return SAMPLES if is_at_work(scene) else scene.cycles.samples


def set_up(copy: bpy.types.Scene) -> None:
    """Have ``copy``, a scene that nobody else uses, render as captures do. It is denoised if its renders are."""
    if is_at_work(copy):
        copy.cycles.samples = SAMPLES
