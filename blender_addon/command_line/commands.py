"""capture, train, bake, setup: each does what the panels' buttons do, and waits for the end of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import bpy

from engine.link.messages import SnapshotSaved

from ..bake import jobs as bakes
from ..capture.bounds import bounds_object, fit_bounds, read_bounds, show_bounds
from ..capture.job import CaptureJob, ViewListener
from ..capture.operators import tell_listeners
from ..capture.plan import GENERATED_RIGS, plan_cameras
from ..engine_setup import jobs as setup
from ..folders import capture_folder, session_folder
from ..preferences import get_preferences
from ..roles import objects_of
from ..session import registry, run, saved_state
from ..session.engine_session import EngineSession
from ..session.status_text import describe_job, describe_progress, describe_seconds
from ..transfer import run_files
from .console import Console
from .engine_options import chosen_engine

_PUMP_SECONDS = 0.02


class CommandError(ValueError):
    """The command can't be carried out; in words."""


def capture(options: argparse.Namespace, console: Console) -> None:
    """Render all views that are still to be rendered. Raises CaptureError."""
    scene = bpy.context.scene
    _plan(scene, options)
    _render_views(scene, console)
    console.result(str(capture_folder(scene)))


def train(options: argparse.Namespace, console: Console) -> None:
    """Train until the planned time is used up, and save the run. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    settings = scene.hashlight.training
    for name in ("seconds", "evaluate_every", "preset", "seed"):
        if getattr(options, name) is not None:
            setattr(settings, name, getattr(options, name))
    if not settings.seconds:
        raise CommandError("the scene's training has no end: give --seconds")
    with chosen_engine(options):
        session = _begin_to_train(scene, options, console)
        _wait(session, console, lambda: _is_trained(session), lambda: _describe_training(session))
        status = session.progress_made
        _score(session, console)
        former = session.snapshot
        run_files.save_snapshot(session, session_folder(scene) / run.RUN)
        _wait(session, console, lambda: _is_saved(session, former), lambda: "Saving")
    if status is not None:
        console.result(f"{status.step} steps in {describe_seconds(status.seconds)}")
    if session.evaluations:
        last = session.evaluations[-1]
        console.result(f"PSNR {last.psnr:.2f} dB, SSIM {last.ssim:.3f} on {len(last.views)} held-out views")
    console.result(session.snapshot.path if session.snapshot is not None else str(session_folder(scene)))


def bake(options: argparse.Namespace, console: Console) -> None:
    """Bake, and wait for the last frame. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    settings = scene.hashlight.bake
    wanted = {"path": options.path, "name": options.name, "frames": options.frames, "image_format": options.format}
    wanted |= {"video": options.video, "samples": options.samples, "levels": options.levels, "result": options.result}
    wanted |= {"use_depth": options.depth, "transparent": options.transparent}
    if options.output is not None:
        wanted["output"] = str(options.output.absolute())
    if options.size is not None:
        wanted["resolution_x"], wanted["resolution_y"] = options.size
    for name, value in wanted.items():
        if value is not None:
            setattr(settings, name, value)
    with chosen_engine(options):
        if not (saved_state.has_saved_run(scene) or get_preferences().use_running_engine):
            raise CommandError("there is no run to bake from: train first")
        session = run.ensure_run(scene)
        name = bakes.start(session, scene, options.resume)
        _wait(session, console, lambda: not bakes.is_running(session, name), lambda: describe_job(session.jobs[name]))
    update = session.jobs[name]
    if update.state != "done":
        raise CommandError(describe_job(update))
    delivery = bakes.last_delivery()
    if delivery is not None and delivery.state == "failed":
        raise CommandError(f"the frames could not be brought here: {delivery.error}")
    for file in bakes.finished_files(name, update):
        console.result(str(file))


def set_up(options: argparse.Namespace, console: Console) -> None:
    """Install the engine and check it. Raises CommandError, SetUpError."""
    if bpy.ops.hashlight.set_up_engine(device=options.device) != {"FINISHED"}:
        raise CommandError("the engine can't be set up")
    installation = setup.installation()
    assert installation is not None
    while setup.is_busy() or (installation.state == "done" and setup.check() is None):
        registry.pump()
        console.progress(installation.progress if installation.state == "running" else "Checking")
        time.sleep(_PUMP_SECONDS)
    if installation.error is not None:
        raise CommandError("\n".join((str(installation.error), installation.error.hint, *installation.error.lines)))
    check = setup.check()
    if check is None or check.error:
        raise CommandError(check.error if check is not None else "the set-up was cancelled")
    for finding in check.findings:
        console.result(f"{finding.grade:4}  {finding.name}: {finding.detail}")
    if not check.is_good:
        raise CommandError("the engine is installed, but does not work here yet")


def _plan(scene: bpy.types.Scene, options: argparse.Namespace) -> None:
    """Set the scene's rig as the options say, fit bounds and plan cameras where that is wanted or still to be done."""
    settings = scene.hashlight.capture
    wanted = {"rig": options.rig, "training_views": options.views, "held_out_views": options.held_out}
    if options.capture_size is not None:
        wanted["use_scene_resolution"] = False
        wanted["resolution_x"], wanted["resolution_y"] = options.capture_size
    given = {name: value for name, value in wanted.items() if value is not None}
    for name, value in given.items():
        setattr(settings, name, value)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    if options.fit or bounds_object(scene) is None:
        show_bounds(scene, fit_bounds(scene, bpy.context.view_layer, depsgraph))
        given["bounds"] = True
    has_cameras = any(True for _ in objects_of(scene, "camera"))
    if settings.rig in GENERATED_RIGS and (options.plan or given or not has_cameras):
        bpy.context.view_layer.update()
        plan_cameras(scene, read_bounds(scene, bpy.context.evaluated_depsgraph_get()))
        bpy.context.view_layer.update()


def _render_views(scene: bpy.types.Scene, console: Console, on_view: ViewListener | None = None) -> None:
    with CaptureJob(scene, bpy.context.view_layer, capture_folder(scene), on_view) as job:
        try:
            for _view in job:
                eta = f", {describe_seconds(job.eta_seconds)} left" if job.eta_seconds is not None else ""
                console.progress(f"{job.done} of {job.total} views{eta}", is_last=job.done == job.total)
        finally:
            for warning in job.warnings:
                console.warn(warning)


def _begin_to_train(scene: bpy.types.Scene, options: argparse.Namespace, console: Console) -> EngineSession:
    if not options.capture:
        run.train_on_captured(scene, options.anew)
        session = registry.current()
        assert session is not None
        return session
    _plan(scene, options)
    session = run.ensure_engine(scene)
    run.open_run_for_capture(session, scene)
    run.train(session, scene)
    _render_views(scene, console, tell_listeners)
    if session.is_trained:  # the last views came too late: as much time again, with all of them
        run.train(session, scene)
    return session


def _is_trained(session: EngineSession) -> bool:
    """Whether the engine has every view and has used up the time planned for."""
    return session.is_trained and not session.views.count("waiting", "sent")


def _is_saved(session: EngineSession, former: SnapshotSaved | None) -> bool:
    """Whether the run was saved after ``former``, and is here."""
    return session.snapshot is not former and not run_files.is_fetching()


def _score(session: EngineSession, console: Console) -> None:
    """Have the held-out views scored as the field is now, unless the engine has done so by itself."""
    status = session.progress_made
    if status is None or not status.test_views:
        return

    def is_scored() -> bool:
        return bool(session.evaluations) and session.evaluations[-1].step >= status.step

    if not is_scored():
        session.evaluate()
    _wait(session, console, is_scored, lambda: "Scoring the held-out views")


def _describe_training(session: EngineSession) -> str:
    if session.status is None:
        return "Starting the engine"
    words = describe_progress(session.status)
    if session.status.step:
        words += f", step {session.status.step}"
    if session.evaluations:
        words += f", PSNR {session.evaluations[-1].psnr:.2f} dB"
    return words


def _wait(session: EngineSession, console: Console, is_done: Callable[[], bool], describe: Callable[[], str]) -> None:
    """Pump until ``is_done()``. Raises CommandError when the engine is lost or refuses."""
    told = None
    while not is_done():
        trouble = session.trouble
        if trouble is not None and trouble is not told:
            told = trouble
            words = f"{trouble.message} {trouble.hint}".strip()
            if trouble.regarding not in session.views:  # one view less is no reason to stop
                raise CommandError(words)
            console.warn(words)
        registry.pump()
        console.progress(describe())
        time.sleep(_PUMP_SECONDS)
    console.progress(describe(), is_last=True)


COMMANDS: dict[str, Callable[[argparse.Namespace, Console], None]] = {
    "capture": capture,
    "train": train,
    "bake": bake,
    "setup": set_up,
}
