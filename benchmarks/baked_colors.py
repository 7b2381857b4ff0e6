"""Whether the colours of a baked picture are the scene's: a picture of a finished demo against Cycles' own.

    make demo && python -m benchmarks.baked_colors demo [--samples 1024] [--keep]

For each view transform, the scene camera's picture is rendered from the field as PNG, and compared with Cycles' own
PNG of the converged scene, on the pixels that both cover. Beside that stands the difference of the light itself, the
field's and Cycles' scene-linear pictures, both mapped by Blender: baking is to add nothing to it.

Prints a table; with ``--keep`` the result goes into benchmarks/results/ as well, from where ``make_tables`` takes it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import write_result
from benchmarks.use_tables import baked_colors_table

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / folder) for folder in ("examples/still_life", "scripts", "tests/blender")]
if TYPE_CHECKING:
    import bpy

VIEWS = ("AgX", "Filmic", "Standard")
BAKE = "colors"
PATIENCE = 600.0  # seconds for the engine


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the demo's folder")
    parser.add_argument("--samples", type=int, default=1024, help="of Cycles' picture (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the result in benchmarks/results/")
    options = parser.parse_args()
    demo: Path = options.demo.absolute()
    os.environ["BLENDER_USER_RESOURCES"] = str(demo / "blender-user")
    os.environ["HASHLIGHT_ENGINE_PYTHON"] = sys.executable
    import bpy  # only now: it looks for its user's folder at once
    from build_extension import build_extension
    from extension import addon_module, install_extension

    install_extension(build_extension())
    bpy.ops.wm.open_mainfile(filepath=str(demo / "hashlight-demo.blend"))
    try:
        with tempfile.TemporaryDirectory(prefix="hashlight-") as folder:
            result = _measure(bpy.context.scene, options.samples, Path(folder))
    finally:
        addon_module("session.registry").close()
    print(baked_colors_table([result]))
    if options.keep:
        write_result("colors", result)
    return 0


def _measure(scene: bpy.types.Scene, samples: int, folder: Path) -> dict[str, Any]:
    import bpy
    from extension import addon_module
    from shown_colors import compare, read_png

    session = addon_module("training.run").ensure_run(scene)
    read_exr = addon_module("capture.passes").read_exr
    scene.frame_start = scene.frame_end = scene.frame_current
    scene.render.film_transparent, scene.render.dither_intensity = True, 0.0
    scene.hashlight.preview.shown = "NONE"
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = samples, False, False
    settings = scene.hashlight.bake
    settings.name, settings.path, settings.image_format, settings.video = BAKE, "ANIMATION", "png", "none"
    settings.result = "PLANE"  # so that light is written, too
    bpy.ops.render.render()
    rows = []
    for view in VIEWS:
        _set_view(scene, view)
        files = _bake(scene, session)
        baked, field = read_png(files[".png"]), read_exr(files[".exr"]).astype(np.float32)
        truth = _save_render(scene, "PNG", folder / f"{view}.png")
        light = read_exr(_save_render(scene, "OPEN_EXR", folder / f"{view}.exr")).astype(np.float32)
        pixels, of_bake, of_field = compare(scene, read_png(truth), baked, light, field, folder / "mapped.png")
        rows.append({"view_transform": view, "pixels": pixels, "baked": of_bake, "field": of_field})
    return {
        "dataset": "demo",
        "device_name": session.welcome.device_name,
        "blender": bpy.app.version_string,
        "size": list(baked.shape[1::-1]),
        "samples": samples,
        "views": rows,
    }


def _set_view(scene: bpy.types.Scene, view_transform: str) -> None:
    """Display light by ``view_transform`` and nothing else."""
    view = scene.view_settings
    view.view_transform, view.look, view.use_curve_mapping = view_transform, "None", False
    view.exposure, view.gamma = 0.0, 1.0


def _bake(scene: bpy.types.Scene, session: Any) -> dict[str, Path]:
    """The one frame of the scene camera as the field renders it, by suffix."""
    import bpy
    from extension import addon_module

    jobs, registry = addon_module("bake.jobs"), addon_module("session.registry")
    if bpy.ops.hashlight.bake() != {"FINISHED"} or not registry.pump_until(lambda: not jobs.is_busy(), PATIENCE):
        raise RuntimeError(f"nothing was rendered from the field: {session.failure}")
    scene.hashlight.preview.shown = "NONE"
    return {file.suffix: file for file in jobs.finished_files(BAKE, jobs.last_update(session, scene))}


def _save_render(scene: bpy.types.Scene, kind: str, path: Path) -> Path:
    """The last render, as Blender writes it."""
    import bpy

    _write_as(scene, kind)
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)
    return path


def _write_as(scene: bpy.types.Scene, kind: str) -> None:
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = kind, "RGBA"
    settings.color_depth = "8" if kind == "PNG" else "32"


if __name__ == "__main__":
    sys.exit(main())
