"""The demo's stages in order, each through the add-on's operators. Needs the extension to be enabled."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import scene as still_life
from console import Console, StopRequest
from extension import PACKAGE, addon_module
from record import Record

from engine.link.messages import RunOpened, Welcome

if TYPE_CHECKING:
    from blender_addon.session.engine_session import EngineSession

NAME = "hashlight-demo"
FRAMES_PER_SECOND = 16
ENGINE_START_TIMEOUT = 180.0
PATIENCE = 120.0  # seconds without any news from the engine before the demo gives up
EVALUATE_EVERY, EVALUATE_EVERY_AT_FIRST = 10.0, 2.5  # seconds of training
# Turntable and scene camera's picture are this much wider than a view. A turntable's cameras leave more room around the
# subject, so that it is enlarged less: as much as still looks sharp.
ENLARGEMENT = 1.25
LIVE_PERCENTAGE, FINAL_PERCENTAGE = 33, 100

registry = addon_module("session.registry")


def run_stages(options: argparse.Namespace, out: Path, console: Console, stop: StopRequest) -> None:
    """Do all of it. Raises KeyboardInterrupt when asked to stop, RuntimeError when something fails."""
    record = Record(registry)
    blend = out / f"{NAME}.blend"
    try:
        with record.stage("scene"), console.stage("Building the still life"):
            scene = still_life.build_scene()
            configure(scene, options)
            bpy.ops.wm.save_as_mainfile(filepath=str(blend))  # from here on everything is kept beside the file
            bpy.ops.hashlight.fit_bounds()
            bpy.ops.hashlight.plan_cameras()
        with record.stage("engine start"), console.stage("Starting the engine"):
            bpy.ops.hashlight.start_engine()
            wait(lambda: session().phase != "starting", stop, ENGINE_START_TIMEOUT)
            warm_up(scene, stop)
            welcome, run = session().welcome, session().run
        with record.stage("capture"):
            capture(options, console, stop, record)
        with record.stage("training"):
            finish_training(options, console, stop, record)
        with record.stage("rendering"):
            bake(scene, console, stop)
        with record.stage("final picture"), console.stage("Rendering the scene camera"):
            show_final_picture(scene, stop)
        film = out / "turntable.mp4"
        shutil.copyfile(find_film(), film)
        bpy.ops.wm.save_mainfile(compress=True)
    finally:
        registry.close()
    record.write(out / "summary.json", describe(options, out, blend, film, welcome, run))


def configure(scene: bpy.types.Scene, options: argparse.Namespace) -> None:
    """The settings that a user would make in the panels and the preferences."""
    preferences = bpy.context.preferences
    preferences.filepaths.save_version = 0  # no .blend1 beside the result
    preferences.addons[PACKAGE].preferences.engine_python = options.engine_python
    width, height = (int(side) for side in options.size.split("x"))
    settings = scene.hashlight
    settings.capture.resolution_x, settings.capture.resolution_y = width, height
    settings.capture.training_views, settings.capture.held_out_views = options.views, options.held_out
    settings.training.seconds, settings.training.evaluate_every = options.seconds, EVALUATE_EVERY
    settings.preview.percentage, settings.preview.place = LIVE_PERCENTAGE, "FRONT"
    settings.bake.frames = options.frames
    larger = [2 * round(ENLARGEMENT * side / 2) for side in (width, height)]  # videos have an even number of pixels
    settings.bake.resolution_x, settings.bake.resolution_y = larger
    scene.render.resolution_x, scene.render.resolution_y = larger
    scene.frame_start, scene.frame_end = 1, options.frames
    scene.render.fps = FRAMES_PER_SECOND


def warm_up(scene: bpy.types.Scene, stop: StopRequest) -> None:
    """Open the run before there are views, so that the engine has compiled its kernels when the first one comes."""
    addon_module("training.run").open_run_for_capture(session(), scene)
    wait(lambda: session().status is not None and session().status.state == "paused", stop, ENGINE_START_TIMEOUT)


def capture(options: argparse.Namespace, console: Console, stop: StopRequest, record: Record) -> None:
    """Render all views, each sent to the engine at once, which trains from the first one on, as far as rendering leaves
    it the processor. The planned time begins with half of the views."""
    listeners = addon_module("capture.current_capture").view_listeners
    bpy.ops.hashlight.preview_live()
    with console.bar("Capturing", options.views + options.held_out, "views") as bar:

        def on_view(*_view: object) -> None:
            record.note_captured_view()
            stop.check()
            check_engine()
            if record.wants_score(EVALUATE_EVERY_AT_FIRST):
                bpy.ops.hashlight.evaluate()
            bar.tell(bar.done + 1, record.describe())

        listeners.insert(0, on_view)  # before the add-on's own, which sends the view
        try:
            bpy.ops.hashlight.capture_and_train()
        except RuntimeError:
            stop.check()  # Blender turns what a listener raises into a RuntimeError
            check_engine()
            raise
        finally:
            listeners.remove(on_view)


def finish_training(options: argparse.Namespace, console: Console, stop: StopRequest, record: Record) -> None:
    """Follow training to the end of its time and to its last score."""
    with console.bar("Training", options.seconds, "s", done=record.planned_share * options.seconds) as bar:

        def is_finished() -> bool:
            status = session().status
            if status is None:
                return False
            bar.tell(record.planned_share * options.seconds, record.describe())
            last = record.last_evaluation
            return session().is_trained and last is not None and last.step == status.step

        wait(is_finished, stop, options.seconds * 3 + PATIENCE)
    bpy.ops.hashlight.preview_live()  # off again


def bake(scene: bpy.types.Scene, console: Console, stop: StopRequest) -> None:
    """Bake the turntable; its frames come back as an image-sequence plane."""
    bpy.ops.hashlight.bake()
    job = scene.hashlight.bake.name
    with console.bar("Rendering", scene.hashlight.bake.frames, "frames") as bar:

        def is_done() -> bool:
            update = session().jobs[job]
            bar.tell(update.done)
            return update.state != "running"

        wait(is_done, stop, scene.hashlight.bake.frames * 10.0 + PATIENCE)
    if (update := session().jobs[job]).state != "done":
        raise RuntimeError(f"Rendering from the field ended as {update.state}: {update.message}")


def show_final_picture(scene: bpy.types.Scene, stop: StopRequest) -> None:
    """Put the scene camera's picture, as learnt by now and in full size, onto the preview plane."""
    scene.hashlight.preview.percentage = FINAL_PERCENTAGE
    former = session().frame
    bpy.ops.hashlight.preview()
    wait(lambda: session().frame is not former, stop, PATIENCE)


def find_film() -> Path:
    """The turntable's film among what the bake wrote."""
    files = [Path(file) for job in session().jobs.values() for file in job.files]
    return next(file for file in files if file.suffix == ".mp4")


def session() -> EngineSession:
    """The add-on's view of the engine."""
    return registry.current()


def check_engine() -> None:
    """Raise RuntimeError in the add-on's own words if the engine is lost or refused something."""
    failure = session().failure
    if failure is not None:
        raise RuntimeError(f"{failure.message}. {failure.hint}".removesuffix(". ").strip())


def wait(is_done: Callable[[], bool], stop: StopRequest, timeout: float) -> None:
    """Pump until ``is_done()``. Raises KeyboardInterrupt, or RuntimeError when the engine fails or takes too long."""

    def is_over() -> bool:
        stop.check()
        check_engine()
        return is_done()

    if not registry.pump_until(is_over, timeout):
        raise RuntimeError(f"The engine gave no result within {timeout:.0f} s; see {session().source.log}")


def describe(
    options: argparse.Namespace, out: Path, blend: Path, film: Path, welcome: Welcome, run: RunOpened
) -> dict[str, Any]:
    """What the figures are about; paths are relative to ``out``."""
    capture_folder = addon_module("folders").capture_folder(bpy.context.scene)
    pixels = addon_module("bake.sharpness").enlargement(bpy.context.scene)
    return {
        "enlargement": None if pixels is None else round(pixels[1] / pixels[0], 3),
        "size": [int(side) for side in options.size.split("x")],
        "training_views": options.views,
        "held_out_views": options.held_out,
        "background": "black",
        "device": welcome.device,
        "device_name": welcome.device_name,
        "blender": bpy.app.version_string,
        "blend": blend.relative_to(out).as_posix(),
        "film": film.relative_to(out).as_posix(),
        "run": (Path(welcome.root) / run.run).relative_to(out).as_posix(),
        "capture": capture_folder.relative_to(out).as_posix(),
    }
