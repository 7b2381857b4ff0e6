"""Fast Capture: fewer samples on the copy of the scene that is captured, the scene's own left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]
FEW = 16


def samples_captured(addon: Import, scene: bpy.types.Scene) -> tuple[int, bool]:
    """Samples, and whether views are denoised, of a capture that begins now; the manifest has to agree."""
    with start_capture(addon, scene) as job:
        copy = bpy.data.scenes["Hashlight Capture"]
        layer = copy.view_layers[bpy.context.view_layer.name]
        found = layer.samples or copy.cycles.samples, copy.cycles.use_denoising and layer.cycles.use_denoising
        manifest = json.loads((job.dataset.folder / "manifest.json").read_text("utf-8"))
    assert manifest["settings"]["samples"] == found[0]
    return found


@pytest.mark.parametrize("is_denoised", [False, True])
def test_views_get_few_samples_and_a_denoiser_and_the_scene_keeps_its_own(
    addon: Import, planned_scene: bpy.types.Scene, is_denoised: bool
) -> None:
    cycles = planned_scene.cycles
    cycles.samples, cycles.use_denoising, cycles.denoising_input_passes = 64, is_denoised, "RGB"
    assert samples_captured(addon, planned_scene) == (FEW, True)
    assert (cycles.samples, cycles.use_denoising, cycles.denoising_input_passes) == (64, is_denoised, "RGB")


@pytest.mark.parametrize(("is_denoised", "passes"), [(False, "RGB_ALBEDO_NORMAL"), (True, "RGB")])
def test_a_denoiser_that_renders_have_stays_as_it_is_set(
    addon: Import, planned_scene: bpy.types.Scene, is_denoised: bool, passes: str
) -> None:
    cycles = planned_scene.cycles
    cycles.samples, cycles.use_denoising, cycles.denoising_input_passes = 64, is_denoised, "RGB"
    with start_capture(addon, planned_scene):
        assert bpy.data.scenes["Hashlight Capture"].cycles.denoising_input_passes == passes


def test_a_blender_without_a_denoiser_captures_without_and_says_so(
    addon: Import, planned_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, drawn: Callable[[str], str]
) -> None:
    planned_scene.cycles.samples = 64
    words = "HASHLIGHT_PT_capture_output"
    assert "16 samples instead of 64, denoised" in " ".join(drawn(words).split())
    monkeypatch.setattr(sys.modules["_cycles"], "with_openimagedenoise", False)
    assert "not denoised: this Blender comes without a denoiser" in " ".join(drawn(words).split())
    assert samples_captured(addon, planned_scene) == (FEW, False)


def test_without_it_views_are_rendered_as_the_scene_is(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.hashlight.capture.use_fast_capture = False
    planned_scene.cycles.samples, planned_scene.cycles.use_denoising = 64, True
    assert samples_captured(addon, planned_scene) == (64, True)


@pytest.mark.parametrize("is_denoised", [False, True])
def test_a_scene_that_has_few_samples_itself_is_left_as_it_is(
    addon: Import, planned_scene: bpy.types.Scene, is_denoised: bool
) -> None:
    planned_scene.cycles.samples, planned_scene.cycles.use_denoising = FEW, is_denoised
    assert samples_captured(addon, planned_scene) == (FEW, is_denoised)


@pytest.mark.parametrize(("scenes", "policy", "own"), [(64, "USE", 512), (8, "USE", 512), (64, "BOUNDED", 512)])
def test_a_view_layer_that_overrides_the_samples_is_captured_as_fast(
    addon: Import, planned_scene: bpy.types.Scene, drawn: Callable[[str], str], scenes: int, policy: str, own: int
) -> None:
    layer, cycles = bpy.context.view_layer, planned_scene.cycles
    cycles.samples, cycles.use_layer_samples, layer.samples, layer.cycles.use_denoising = scenes, policy, own, False
    renders = min(own, scenes) if policy == "BOUNDED" else own
    words = f"16 samples instead of {renders}, denoised"
    assert words in " ".join(drawn("HASHLIGHT_PT_capture_output").split())
    assert samples_captured(addon, planned_scene) == (FEW, True)
    assert (layer.samples, layer.cycles.use_denoising) == (own, False)


def test_a_view_layer_of_few_samples_is_left_as_it_is(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.cycles.samples, bpy.context.view_layer.samples = 512, 4
    assert samples_captured(addon, planned_scene) == (4, False)


def test_other_engines_have_their_own_samples(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.eevee.taa_render_samples = 64
    planned_scene.render.engine = "BLENDER_WORKBENCH"
    assert addon("capture.fast_capture").samples_of(planned_scene, bpy.context.view_layer) == 64


def test_views_of_both_kinds_are_not_mixed(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.cycles.samples = 64
    with start_capture(addon, planned_scene) as job:
        next(job)
    planned_scene.hashlight.capture.use_fast_capture = False
    with pytest.raises(ValueError, match=f"a capture with samples {FEW}, now it is 64"):
        start_capture(addon, planned_scene)
