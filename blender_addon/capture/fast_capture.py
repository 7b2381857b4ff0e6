"""Fast Capture: views with fewer samples than renders, denoised, on the throw-away copy of the scene.

Views show each surface many times over, and each time with other noise, which the field averages away:
``benchmarks/render_noise.py`` measures how far that goes, and that the denoiser gains what half of the samples would.
"""

from __future__ import annotations

import bpy

SAMPLES = 16
MEASURED = "1/12 of the time of 256 samples, for 0.2 dB"  # a test holds it to benchmarks/results
_DENOISER = "OPENIMAGEDENOISE"


def is_at_work(scene: bpy.types.Scene) -> bool:
    """Whether captures of ``scene`` take fewer samples than its renders: Fast Capture is on, and Cycles has more."""
    is_cycles = scene.render.engine == "CYCLES"
    return is_cycles and scene.hashlight.capture.use_fast_capture and scene.cycles.samples > SAMPLES


def samples_of(scene: bpy.types.Scene) -> int:
    """How many samples a captured view of ``scene`` has."""
    if scene.render.engine != "CYCLES":
        return scene.eevee.taa_render_samples
    return SAMPLES if is_at_work(scene) else scene.cycles.samples


def describe(scene: bpy.types.Scene) -> str:
    """How views are rendered, as text; empty where as renders are."""
    if not is_at_work(scene):
        return ""
    denoised = "denoised" if has_denoiser() else "not denoised: this Blender comes without a denoiser"
    return f"{SAMPLES} samples instead of {scene.cycles.samples:,}, {denoised}"


def has_denoiser() -> bool:
    """Whether this Blender's Cycles can denoise: a distribution's may be built without OpenImageDenoise."""
    import _cycles

    return bool(_cycles.with_openimagedenoise)


def set_up(copy: bpy.types.Scene) -> None:
    """Have ``copy``, a scene that nothing else uses, render as captures do. A denoiser that its renders have stays as
    it is set."""
    if not is_at_work(copy):
        return
    cycles = copy.cycles
    cycles.samples = SAMPLES
    if not cycles.use_denoising and has_denoiser():
        cycles.use_denoising = True
        cycles.denoiser, cycles.denoising_input_passes = _DENOISER, "RGB_ALBEDO_NORMAL"
        cycles.denoising_prefilter = "ACCURATE"
