"""Capture one of the artist scenes with different numbers of samples; ``benchmarks/render_noise.py`` calls it so.

    python -m benchmarks.artist.noise_captures "demo" --extension build/hashlight-VERSION.zip --out FOLDER ...

The captures lie in FOLDER/SAMPLES-raw and SAMPLES-denoised (training views alone) and FOLDER/truth (held-out views,
converged, and one training view that isn't used). FOLDER/captures.json comes last: processor seconds a view, which
other work on the machine doesn't change, unlike seconds on the clock.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.artist.checkout import scene_parser
from engine.link.part_files import written_atomically

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "still_life"))
from console import Console

SUMMARY = "captures.json"
TRUTH = "truth"
DONE = "done.json"  # in the folder of a capture that ended well
_SPLIT_KEY = "hashlight_split"  # of planned cameras


def main() -> int:
    """Returns the exit code."""
    options = _parse()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("BLENDER_USER_RESOURCES", str(out.parent / "blender-user"))
    console = Console(out / "blender.log")
    try:
        from extension import install_extension

        install_extension(options.extension.absolute())
        summary = _capture_all(options, out, console)
        with written_atomically(out / SUMMARY) as path:
            path.write_text(json.dumps(summary, indent=1), "utf-8")
    except Exception as error:
        traceback.print_exc()  # into the log
        console.say(f"{options.scene}: {str(error).strip()} (the log: {out / 'blender.log'})")
        return 1
    return 0


def capture_name(samples: int, is_denoised: bool) -> str:
    """The folder of a capture."""
    return f"{samples}-{'denoised' if is_denoised else 'raw'}"


def _capture_all(options: argparse.Namespace, out: Path, console: Console) -> dict[str, Any]:
    import bpy

    from benchmarks.artist.scenes import SCENES

    artist = SCENES[options.scene]
    scene = artist.build()
    settings = scene.hashlight.capture
    settings.rig = artist.rig
    settings.use_fast_capture = False
    if artist.collection:
        settings.collection = bpy.data.collections[artist.collection]
    settings.resolution_x, settings.resolution_y = options.size
    settings.training_views, settings.held_out_views = options.views, options.held_out
    scene.cycles.use_adaptive_sampling = False  # every pixel gets what is said
    bpy.ops.hashlight.fit_bounds()
    _plan("test")
    captures = {TRUTH: _capture(scene, out / TRUTH, options.truth_samples, False, console)}
    _plan("train")
    for samples in options.samples:
        for is_denoised in (False, True):
            name = capture_name(samples, is_denoised)
            captures[name] = _capture(scene, out / name, samples, is_denoised, console)
    return {"scene": options.scene, "blender": bpy.app.version_string, "captures": captures}


def _plan(split: str) -> None:
    """Plan all cameras, and remove those of the other split; of training cameras one stays, as there must be one."""
    import bpy

    bpy.ops.hashlight.plan_cameras()
    others = [obj for obj in bpy.context.scene.objects if obj.get(_SPLIT_KEY, split) != split]
    for obj in sorted(others, key=lambda obj: obj.name)[split == "test" :]:
        bpy.data.objects.remove(obj)


def _capture(scene: Any, folder: Path, samples: int, is_denoised: bool, console: Console) -> dict[str, Any]:
    """Capture the plan into ``folder``, if that was not done before; what it took and where it lies."""
    import bpy
    from extension import addon_module

    note = folder / DONE
    if note.is_file():
        return dict(json.loads(note.read_text("utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    scene.cycles.samples, scene.cycles.use_denoising = samples, is_denoised
    scene.hashlight.folder = str(folder)
    moments = [time.process_time()]
    listeners = addon_module("capture.current_capture").view_listeners
    with console.stage(f"  {folder.name}"):

        def keep_time(*_view: object) -> None:
            moments.append(time.process_time())

        listeners.append(keep_time)
        try:
            bpy.ops.hashlight.capture()
        finally:
            listeners.remove(keep_time)
    seconds = [after - before for before, after in itertools.pairwise(moments)]
    path = addon_module("folders").capture_folder(scene)
    # The first view has the scene put together, once.
    done = {"views": len(seconds), "cpu_seconds": statistics.median(seconds[1:] or seconds), "path": str(path)}
    with written_atomically(note) as part:
        part.write_text(json.dumps(done), "utf-8")
    return done


def _parse() -> argparse.Namespace:
    parser = scene_parser(__doc__)
    parser.add_argument("--samples", type=int, nargs="+", required=True)
    parser.add_argument("--truth-samples", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
