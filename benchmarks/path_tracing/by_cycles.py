"""One scene in a Blender of its own: handed over as the add-on does it, and rendered by Cycles.

    python -m benchmarks.path_tracing.by_cycles "cornell box" FOLDER SIDE SAMPLES BOUNCES

Writes FOLDER/path_scene.npz and, with SAMPLES above 0, FOLDER/cycles.npy, [SIDE, SIDE, 3] float32 linear, the first
row on top.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bpy
import numpy as np

from benchmarks.path_tracing.scenes import SCENES
from blender_addon.path_scene.gathering import gather_scene
from engine.link.path_scenes import FILE_NAME, save_path_scene


def main() -> int:
    """Do so."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    side, samples, bounces = map(int, sys.argv[3:6])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    SCENES[name](scene)
    bpy.context.view_layer.update()
    data, warning = gather_scene(scene, bpy.context.evaluated_depsgraph_get(), (side, side))
    if warning:
        print(warning)
        return 1
    save_path_scene(folder / FILE_NAME, data)
    if samples == 0:
        return 0
    began = time.perf_counter()
    pixels = render(scene, folder, side, samples, bounces)
    np.save(folder / "cycles.npy", pixels)
    print(f"{name}: Cycles took {time.perf_counter() - began:.0f} s")
    return 0


def render(scene: bpy.types.Scene, folder: Path, side: int, samples: int, bounces: int) -> np.ndarray:
    """By Cycles without what makes pictures nicer and untrue: no denoising, clamping, blur of glossy light, or end of
    sampling before the samples are done; a box for the pixels' filter."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x = render.resolution_y = side
    render.resolution_percentage = 100
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 1
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.sample_clamp_direct = cycles.sample_clamp_indirect = 0.0
    cycles.blur_glossy = cycles.light_sampling_threshold = 0.0
    cycles.caustics_reflective = cycles.caustics_refractive = True
    cycles.pixel_filter_type, cycles.filter_width = "BOX", 1.0
    for kind in ("max", "diffuse", "glossy", "transmission"):
        setattr(cycles, f"{kind}_bounces", bounces)
    settings = render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    render.filepath = str(folder / "cycles.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(render.filepath)
    values = np.empty(side * side * 4, np.float32)
    image.pixels.foreach_get(values)
    return np.ascontiguousarray(values.reshape(side, side, 4)[::-1, :, :3])


if __name__ == "__main__":
    sys.exit(main())
