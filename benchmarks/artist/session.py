"""Take one of the artist scenes through the extension in headless Blender; ``benchmarks/artist_scenes.py`` calls it so.

    python -m benchmarks.artist.session "walk cycle" --extension build/hashlight-VERSION.zip --out FOLDER ...

The engine runs in a process of its own: this one never loads torch. Leaves in FOLDER the .blend with its capture, run
and frames, ``preview.npy`` (what the preview showed of the scene camera, [H, W, 4] float16, premultiplied
scene-linear) and, last of all, ``session.json``. What Blender prints goes to ``FOLDER/blender.log``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.artist.checkout import scene_parser
from engine.link.part_files import written_atomically

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "still_life"))
from console import Console, StopRequest

BLEND = "scene.blend"
PREVIEW = "preview.npy"
SUMMARY = "session.json"


def main() -> int:
    """Returns the exit code: 130 when it was stopped."""
    options = _parse()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("BLENDER_USER_RESOURCES", str(out.parent / "blender-user"))
    console = Console(out / "blender.log")
    stop = StopRequest(stop_with_stdin=False)
    try:
        from extension import install_extension

        install_extension(options.extension.absolute())
        summary = _take_through(options, out, console, stop)
        with written_atomically(out / SUMMARY) as path:
            path.write_text(json.dumps(summary, indent=1), "utf-8")
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        traceback.print_exc()  # into the log
        console.say(f"{options.scene}: {str(error).strip()} (the log: {out / 'blender.log'})")
        return 1
    return 0


def asked(options: argparse.Namespace) -> list[Any]:
    """What a result was asked for with: results of other settings are others."""
    return [list(options.size), options.views, options.held_out, options.seconds, options.frames]


def _take_through(options: argparse.Namespace, out: Path, console: Console, stop: StopRequest) -> dict[str, Any]:
    """Do all of it; returns what ``SUMMARY`` holds."""
    import bpy
    import stages  # only now: it needs the extension
    from extension import addon_module
    from record import Record

    from benchmarks.artist.scenes import SCENES

    began = time.monotonic()
    record = Record(stages.registry)
    try:
        scene = SCENES[options.scene].build()
        _configure(scene, options)
        bpy.ops.wm.save_as_mainfile(filepath=str(out / BLEND))
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        plan_warnings = scene.hashlight.capture.plan_warnings.splitlines()
        with record.stage("engine start"), console.stage("Starting the engine"):
            bpy.ops.hashlight.start_engine()
            stages.wait(lambda: stages.session().phase != "starting", stop, stages.ENGINE_START_TIMEOUT)
            stages.warm_up(scene, stop)
            welcome = stages.session().welcome
        with record.stage("capture"):
            stages.capture(options, console, stop, record)
        with record.stage("training"):
            stages.finish_training(options, console, stop, record)
        with record.stage("preview"), console.stage("Looking through the scene camera"):
            stages.show_final_picture(scene, stop)
            with written_atomically(out / PREVIEW) as path:
                np.save(path, stages.session().frame.color)
        pixels = addon_module("bake.sharpness").enlargement(scene)
        with record.stage("bake"):
            stages.bake(scene, console, stop)
        minutes = (time.monotonic() - began) / 60
        files = [Path(file) for job in stages.session().jobs.values() for file in job.files]
        bpy.ops.wm.save_mainfile(compress=True)
    finally:
        stages.registry.close()
    assert record.last_evaluation is not None
    assert record.status is not None
    warnings = plan_warnings + scene.hashlight.capture.capture_warnings.splitlines()
    folders = addon_module("folders")
    return {
        "name": options.scene,
        "size": list(options.size),
        "asked": asked(options),
        "device": welcome.device,
        "device_name": welcome.device_name,
        "blender": bpy.app.version_string,
        "subject_psnr": record.last_evaluation.scores["subject_psnr"],
        "psnr": record.last_evaluation.scores["psnr"],
        "enlargement": None if pixels is None else pixels[1] / pixels[0],
        "minutes": minutes,
        "stages": record.stages,
        "steps": record.status.step,
        "train_views": record.status.train_items,
        "test_views": record.status.test_items,
        "warnings": list(dict.fromkeys(warnings)),
        "capture": str(folders.capture_folder(scene).relative_to(out)),
        "run": str(folders.run_folder(scene).relative_to(out)),
        "frames": [str(file.relative_to(out)) for file in files if file.suffix == ".png"],
    }


def _configure(scene: Any, options: argparse.Namespace) -> None:
    """The settings that a user would make in the panels and the preferences; all others stay as they are."""
    import bpy
    from extension import PACKAGE

    from benchmarks.artist.scenes import SCENES

    artist, (width, height) = SCENES[options.scene], options.size
    bpy.context.preferences.filepaths.save_version = 0
    bpy.context.preferences.addons[PACKAGE].preferences.engine_python = sys.executable
    capture, bake, preview = scene.hashlight.capture, scene.hashlight.bake, scene.hashlight.preview
    capture.rig = artist.rig
    if artist.collection:
        capture.collection = bpy.data.collections[artist.collection]
    capture.resolution_x, capture.resolution_y = width, height
    capture.training_views, capture.held_out_views = options.views, options.held_out
    scene.hashlight.training.seconds = options.seconds
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.frame_start, scene.frame_end = 1, options.frames
    preview.percentage, preview.place = 100, "FRONT"
    bake.path, bake.frames = "ANIMATION" if artist.follows_camera else "TURNTABLE", options.frames
    bake.video, bake.result = "none", "FILES"


def _parse() -> argparse.Namespace:
    parser = scene_parser(__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--frames", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
