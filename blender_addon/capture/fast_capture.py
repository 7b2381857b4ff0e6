"""Fast Capture: views with fewer samples than renders, denoised, on the throw-away copy of the scene.

Views show each surface many times over, and each time with other noise, which the field averages away:
``benchmarks/render_noise.py`` measures how far that goes, and that the denoiser gains what half of the samples would.
"""

from __future__ import annotations

import bpy

SAMPLES = 16
MEASURED = "1/13 of the time of 256 samples, for 0.2 dB"  # a test holds it to benchmarks/results
_DENOISER = "OPENIMAGEDENOISE"


def rendered_samples(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> int:
    """How many Cycles samples renders of ``view_layer`` have: its own, where it overrides the scene's."""
    own, scenes = view_layer.samples, scene.cycles.samples
    if not own or scene.cycles.use_layer_samples == "IGNORE":
        return scenes
    return min(own, scenes) if scene.cycles.use_layer_samples == "BOUNDED" else own


def is_at_work(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether captures of ``view_layer`` take fewer samples than its renders: Fast Capture is on, and Cycles has
    more."""
    is_wanted = scene.render.engine == "CYCLES" and scene.hashlight.capture.use_fast_capture
    return is_wanted and rendered_samples(scene, view_layer) > SAMPLES


def samples_of(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> int:
    """How many samples a captured view of ``view_layer`` has."""
    if scene.render.engine != "CYCLES":
        return scene.eevee.taa_render_samples
    return SAMPLES if is_at_work(scene, view_layer) else rendered_samples(scene, view_layer)


def describe(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> str:
    """How views of ``view_layer`` are rendered, as text; empty where as renders are."""
    if not is_at_work(scene, view_layer):
        return ""
    denoised = "denoised" if has_denoiser() else "not denoised: this Blender comes without a denoiser"
    return f"{SAMPLES} samples instead of {rendered_samples(scene, view_layer):,}, {denoised}"


def has_denoiser() -> bool:
    """Whether this Blender's Cycles can denoise: a distribution's may be built without OpenImageDenoise."""
    import _cycles

    return bool(_cycles.with_openimagedenoise)


def set_up(copy: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
    """Have ``view_layer`` of ``copy``, a scene that nothing else uses, be rendered as captures are. A denoiser that its
    renders have stays as it is set."""
    if not is_at_work(copy, view_layer):
        return
    cycles = copy.cycles
    cycles.samples, view_layer.samples = SAMPLES, 0  # 0: as many as the scene
    view_layer.cycles.use_denoising = True  # else the scene's denoiser leaves this layer out
    if not cycles.use_denoising and has_denoiser():
        cycles.use_denoising = True
        cycles.denoiser, cycles.denoising_input_passes = _DENOISER, "RGB_ALBEDO_NORMAL"
        cycles.denoising_prefilter = "ACCURATE"
