"""capture, plan, train, render, setup: each does what the panels' buttons do, and waits for the end of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import bpy

from engine.link.messages import SnapshotSaved
from engine.link.metrics import describe_first

from ..bake import jobs as bakes
from ..bake.status_text import describe_job
from ..capture import current_capture, plan_watch, poses
from ..capture.bounds import bounds_object, fit_bounds, read_bounds, show_bounds
from ..capture.drawn_engines import describe_pace
from ..capture.errors import ChangedPlanError
from ..capture.job import CaptureJob, ViewListener
from ..capture.passed_over import describe_backdrop
from ..capture.plan import GENERATED_RIGS, plan_cameras, planned_views
from ..capture.plan_warnings import PlanWarning, unpack
from ..capture.subject import read_subject
from ..durations import describe_rest, describe_seconds
from ..engine_setup import jobs as setup
from ..folders import capture_folder, run_folder
from ..roles import objects_of
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.source import ensure_engine
from ..takes import changing, restarting
from ..training import run
from ..training.status_text import describe_progress
from ..transfer import run_files
from .console import Console
from .datasets import import_dataset, import_into
from .engine_options import chosen_engine
from .pictures import compare, preview
from .scores import describe_scores, evaluate, score
from .takes import manage
from .waiting import PUMP_SECONDS, CommandError, open_run, wait


def capture(options: argparse.Namespace, console: Console) -> None:
    """Render all views that are still to be rendered. Raises CaptureError."""
    scene = bpy.context.scene
    _plan(scene, options)
    with _begin_capture(scene, options, console) as job:
        _render_views(job, console)
    console.result(str(capture_folder(scene)))


def plan(options: argparse.Namespace, console: Console) -> None:
    """Plan the cameras, and tell what is wrong with the plan. Raises CaptureError."""
    scene = bpy.context.scene
    _plan(scene, options)
    bpy.ops.hashlight.plan_cameras()
    _warn_of_plan(scene, console)
    views = planned_views(scene)
    training = sum(view.split == "train" for view in views)
    bounds = read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    size = " x ".join(f"{high - low:.2f}" for low, high in zip(bounds.minimum, bounds.maximum, strict=True))
    console.result(f"Bounds of {size} m, views: {training} to train on, {len(views) - training} to test")


def train(options: argparse.Namespace, console: Console) -> None:
    """Train until the planned time is used up, and save the run. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    settings = scene.hashlight.training
    for name in ("seconds", "evaluate_every", "field", "preset", "seed"):
        if getattr(options, name) is not None:
            setattr(settings, name, getattr(options, name))
    if not settings.seconds:
        raise CommandError("the scene's training has no end: give --seconds")
    with chosen_engine(options):
        session = _begin_to_train(scene, options, console)
        wait(session, console, lambda: _is_trained(session), lambda: _describe_training(session))
        status = session.progress_made
        _score_if_due(session, console)
        former = session.snapshot
        run_files.save_snapshot(session, run_folder(scene))
        wait(session, console, lambda: _is_saved(session, former), lambda: "Saving")
    if status is not None:
        console.result(f"{status.step} steps in {describe_seconds(status.seconds)}")
    if session.evaluations:
        console.result(describe_scores(session))
    console.result(session.snapshot.path if session.snapshot is not None else str(run_folder(scene)))


def render(options: argparse.Namespace, console: Console) -> None:
    """Render from the field, and wait for the last frame. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    settings = scene.hashlight.bake
    wanted = {"path": options.path, "name": options.name, "frames": options.frames, "image_format": options.format}
    wanted |= {"video": options.video, "samples": options.samples, "levels": options.levels, "result": options.result}
    wanted |= {"view_transform": options.view_transform, "use_depth": options.depth}
    wanted |= {"transparent": options.transparent, "radius": options.radius}
    if options.output is not None:
        wanted["output"] = str(options.output.absolute())
    if options.size is not None:
        wanted["resolution_x"], wanted["resolution_y"] = options.size
    for name, value in wanted.items():
        if value is not None:
            setattr(settings, name, value)
    with chosen_engine(options):
        session = open_run(scene, "to render from")
        name = bakes.start(session, scene, options.resume)
        wait(session, console, lambda: _is_rendered(session, name), lambda: describe_job(session.jobs[name]))
    update = session.jobs[name]
    delivery = bakes.last_delivery(scene)
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
        console.progress(installation.progress if installation.is_running else "Checking")
        time.sleep(PUMP_SECONDS)
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
    """Set the layout as the options say, fit bounds and plan cameras where that is wanted or still to be done."""
    settings = scene.hashlight.capture
    wanted = {"rig": options.cameras, "training_views": options.views, "held_out_views": options.test_views}
    wanted["radius"] = options.radius
    wanted["curve"] = _find(bpy.data.objects, options.curve, "object")
    if options.capture_size is not None:
        wanted["use_scene_resolution"] = False
        wanted["resolution_x"], wanted["resolution_y"] = options.capture_size
    given = {name: value for name, value in wanted.items() if value is not None}
    for name, value in given.items():
        setattr(settings, name, value)
    if options.collection is not None:
        settings.collection = _find(bpy.data.collections, options.collection, "collection")
    depsgraph = bpy.context.evaluated_depsgraph_get()
    if options.fit or options.fit_selected or bounds_object(scene) is None:
        show_bounds(scene, fit_bounds(scene, bpy.context.view_layer, depsgraph, options.fit_selected))
        given["bounds"] = True
    has_cameras = any(True for _ in objects_of(scene, "camera"))
    if settings.rig in GENERATED_RIGS and (options.plan or given or not has_cameras):
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        bounds = read_bounds(scene, depsgraph)
        plan_cameras(scene, bounds, read_subject(scene, bpy.context.view_layer, depsgraph, bounds))
        bpy.context.view_layer.update()


def _find(items: Any, name: str | None, kind: str) -> Any:
    """The one of ``items`` with this name, None without a name. Raises CommandError."""
    if not name:
        return None
    found = items.get(name)
    if found is None:
        raise CommandError(f"{name!r}: this .blend has no {kind} of that name")
    return found


def _begin_capture(
    scene: bpy.types.Scene, options: argparse.Namespace, console: Console, on_view: ViewListener | None = None
) -> CaptureJob:
    try:
        job = CaptureJob(scene, bpy.context.view_layer, capture_folder(scene), on_view)
    except ChangedPlanError as error:
        if not options.replace:
            raise CommandError(f"{error} (--new-take), or replace what is there (--replace)") from None
        bpy.ops.hashlight.replace_take()
        console.warn(changing.describe())
        job = CaptureJob(scene, bpy.context.view_layer, capture_folder(scene), on_view)
    try:
        poses.keep_poses(scene, job.poses)  # where the cameras of other frames are, too
        plan_watch.check(bpy.context)
    except BaseException:
        job.close()
        raise
    _warn_of_plan(scene, console)
    for words in (describe_pace(scene), describe_backdrop(scene)):
        if words:
            console.warn(words)
    return job


def _render_views(job: CaptureJob, console: Console) -> None:
    current_capture.begin(job, None)
    told: list[PlanWarning] = []
    try:
        for _view in job:
            words = f"{job.done} of {job.total} views{describe_rest(job.eta_seconds)}"
            console.progress(words, is_last=job.done == job.total)
            if job.done == 1:  # what it shows to be wrong is told while it can be stopped
                told = job.warnings
                _warn(told, console)
    finally:
        current_capture.end()
        _warn([warning for warning in job.warnings if warning not in told], console)


def _warn_of_plan(scene: bpy.types.Scene, console: Console) -> None:
    """Tell what is wrong with the plan."""
    findings = scene.hashlight.capture.plan_findings
    _warn([PlanWarning(finding.words, tuple(unpack(finding.cures))) for finding in findings], console)


def _warn(warnings: list[PlanWarning], console: Console) -> None:
    """Tell what is wrong, and the options that put it right."""
    for warning in warnings:
        options = [cure.option for cure in warning.cures if cure.option]
        console.warn(f"{warning.words} ({' or '.join(options)})" if options else warning.words)


def _begin_to_train(scene: bpy.types.Scene, options: argparse.Namespace, console: Console) -> EngineSession:
    if options.dataset is not None:
        import_into(scene, options, console)
    if not options.capture:
        if options.restart:
            console.result(restarting.restart(scene))
        else:
            run.train_on_captured(scene, anew=False)
        session = registry.current()
        assert session is not None
        return session
    _plan(scene, options)
    session = ensure_engine(scene)
    with _begin_capture(scene, options, console, current_capture.tell_listeners) as job:
        run.open_run_for_capture(session, scene)
        run.train(session, scene)
        _render_views(job, console)
    return session


def _is_trained(session: EngineSession) -> bool:
    """Whether the engine has every view and has used up the time planned for."""
    return session.is_trained and not session.views.count("waiting", "sent")


def _is_rendered(session: EngineSession, name: str) -> bool:
    """Whether every frame is there. Raises CommandError when that has failed."""
    if bakes.is_running(session, name):
        return False
    if session.jobs[name].state != "done":
        raise CommandError(describe_job(session.jobs[name]))
    return True


def _is_saved(session: EngineSession, former: SnapshotSaved | None) -> bool:
    """Whether the run was saved after ``former``, and is here."""
    return session.snapshot is not former and not run_files.is_fetching()


def _score_if_due(session: EngineSession, console: Console) -> None:
    """Have the test views scored as the field is now, unless there are none or the engine has done so by itself."""
    status = session.progress_made
    if status is None or not status.test_items:
        return
    if not session.evaluations or session.evaluations[-1].step < status.step:
        score(session, console)


def _describe_training(session: EngineSession) -> str:
    if session.status is None:
        return "Starting the engine"
    words = describe_progress(session.status)
    if session.status.step:
        words += f", step {session.status.step}"
    if session.evaluations:
        words += f", {describe_first(session.evaluations[-1].scores, session.metrics)}"
    return words


COMMANDS: dict[str, Callable[[argparse.Namespace, Console], None]] = {
    "capture": capture,
    "plan": plan,
    "import": import_dataset,
    "train": train,
    "evaluate": evaluate,
    "preview": preview,
    "compare": compare,
    "render": render,
    "takes": manage,
    "setup": set_up,
}
