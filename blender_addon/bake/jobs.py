"""Running bakes: started here, rendered by the engine, brought where they belong and shown when they are done."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import bpy

from engine.link.messages import BakeSpec, ImageFormat, JobUpdate

from .. import app_handlers
from ..capture.captured_views import captured_views
from ..capture.errors import CaptureError
from ..folders import bakes_folder, take_path
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.failure import Failure
from ..transfer.deliveries import deliver, is_delivering, is_remote
from ..transfer.delivery import Delivery
from . import results
from .display import display_fields
from .paths import animation_cameras, turntable_cameras
from .results import Bake
from .settings import HASHLIGHT_PG_bake
from .sharpness import bake_size, describe_softest, subject_to_bake

_FRAME = re.compile(r"frame_[0-9]{4,6}\.(png|exr)")
_bakes: dict[str, Bake] = {}
_last_job = ""
_former_file = ""  # the .blend that was open before the one that is being opened


def start(session: EngineSession, scene: bpy.types.Scene, resume: bool) -> str:
    """Start the bake that the scene's settings describe; returns the job's name. Raises CaptureError, GeometryError,
    ValueError."""
    global _last_job
    settings = scene.hashlight.bake
    name = _chosen_name(settings)
    if session.bounds is None:
        raise CaptureError("There is no run to render from: train first")
    if name in _bakes and is_running(session, name):
        raise CaptureError(f"{name} is being rendered already")
    results.check(scene)
    follows_camera = settings.path == "ANIMATION"
    if follows_camera:
        cameras = animation_cameras(scene)
    else:
        captured_views(scene)  # read now, so that the size and the subject are those of the capture as it is
        subject = subject_to_bake(scene, session.bounds)
        cameras = turntable_cameras(scene, session.bounds, bake_size(scene), subject)
    display = display_fields(scene)
    output = f"{session.source.subfolder}{take_path(scene)}bakes/{name}"
    _bakes[name] = Bake(
        name=name,
        scene=scene.name,
        cameras=cameras,
        bounds=session.bounds,
        follows_camera=follows_camera,
        frame_start=scene.frame_start,
        result=settings.result,
        output=output,
        folder=chosen_folder(settings),
    )
    _last_job = name
    session.start_job(
        name,
        BakeSpec(
            cameras=tuple(cameras),
            output=output,
            image_formats=_image_formats(settings),
            video=f"{output}/{name}.{settings.video}" if settings.video != "none" else None,
            fps=scene.render.fps / scene.render.fps_base,
            samples=settings.samples,
            transparent=settings.transparent,
            depth=settings.use_depth or settings.result == "COMPOSITE",
            resume=resume,
            **display,
        ),
        len(cameras),
    )
    return name


def describe_softness(name: str) -> str:
    """Whether frames of a camera animation will be soft, and which the most: the panel knows the present frame alone.
    Empty of turntables, whose frames are alike."""
    bake = _bakes[name]
    scene = bpy.data.scenes.get(bake.scene)
    return describe_softest(scene, bake.cameras) if bake.follows_camera and scene is not None else ""


def count_frames(scene: bpy.types.Scene) -> int:
    """How many frames are there already under the name that is chosen: rendering without Resume replaces them."""
    return max((sum(1 for _ in _frames_in(folder)) for folder in _folders(scene)), default=0)


def find_frames(scene: bpy.types.Scene) -> Path | None:
    """The folder in which frames are under the name that is chosen, where the user wants them before where the run is;
    None while there are none. Cheap: for panels."""
    return next((folder for folder in reversed(_folders(scene)) if any(_frames_in(folder))), None)


def _folders(scene: bpy.types.Scene) -> list[Path]:
    """Where frames of the chosen name may be: with the run, and where the user wants them."""
    settings = scene.hashlight.bake
    try:
        folders = [bakes_folder(scene) / _chosen_name(settings), chosen_folder(settings)]
    except ValueError:  # told when they are to be rendered
        return []
    return [folder for folder in folders if folder is not None and folder.is_dir()]


def _frames_in(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if _FRAME.fullmatch(entry.name))


def last_update(session: EngineSession, scene: bpy.types.Scene) -> JobUpdate | None:
    """How the bake of ``scene`` that was started last stands with the engine; None when that was another scene's."""
    return session.jobs.get(_last_job) if _is_last_of(scene) else None


def last_delivery(scene: bpy.types.Scene) -> Delivery | None:
    """How the files of that bake are brought where they belong; None before that begins, or when they are there."""
    return _bakes[_last_job].delivery if _is_last_of(scene) else None


def _is_last_of(scene: bpy.types.Scene) -> bool:
    bake = _bakes.get(_last_job)
    return bake is not None and bake.scene == scene.name


def forget_last() -> None:
    """Another take is open: how the bake that was started last stands is no news there."""
    global _last_job
    _last_job = ""


def is_running(session: EngineSession, job: str) -> bool:
    """Whether a bake is running, or its files are still being copied."""
    update, bake = session.jobs.get(job), _bakes.get(job)
    if update is not None and update.state == "running":
        return True
    return bake is not None and bake.delivery is not None and is_delivering(session, bake.delivery)


def is_busy() -> bool:
    """Whether the bake that was started last is running."""
    session = registry.current()
    return session is not None and is_running(session, _last_job)


def finished_files(job: str, update: JobUpdate) -> list[Path]:
    """Where the files of a bake are that has ended."""
    folder = _bakes[job].folder
    if folder is None:
        return [Path(file) for file in update.files]
    return [folder / name for name in _names_of(update)]


def cancel(session: EngineSession) -> None:
    """Stop the running bake; its finished frames stay, and resuming it renders and fetches only the others."""
    bake = _bakes.get(_last_job)
    delivery = None if bake is None else bake.delivery
    if delivery is not None and delivery.state == "running":
        delivery.cancel()
    elif _last_job:
        session.cancel_job(_last_job)


def _image_formats(settings: HASHLIGHT_PG_bake) -> tuple[ImageFormat, ...]:
    """What comes back into the scene is scene-linear, whatever else is wanted."""
    if settings.result == "FILES":
        return (settings.image_format,)
    return tuple(dict.fromkeys((settings.image_format, "exr")))


def _chosen_name(settings: HASHLIGHT_PG_bake) -> str:
    name = bpy.path.clean_name(settings.name.strip())
    if not name:
        raise CaptureError("Render from Field: Name is empty")
    return name


def chosen_folder(settings: HASHLIGHT_PG_bake) -> Path | None:
    """Where the user wants the frames of a bake; None for the folder that the run is in. Raises CaptureError."""
    output = settings.output.strip()
    if not output:
        return None
    if output.startswith("//") and not bpy.data.filepath:
        raise CaptureError(f"Output {output} is relative to the .blend file, which was never saved: save it first")
    return Path(bpy.path.abspath(output)).absolute() / _chosen_name(settings)


def _names_of(update: JobUpdate) -> list[str]:
    """The names of a bake's files, whose paths are of the engine's computer and may be of another system. What a bake
    doesn't write is left out: nothing else is to be written here in its name."""
    names = [re.split(r"[\\/]", file)[-1] for file in update.files]
    ours = re.compile(rf"(frame|depth)_[0-9]{{4,6}}\.(png|exr)|{re.escape(update.job)}\.(mp4|webp)")
    return [name for name in names if ours.fullmatch(name)]


def _on_update(session: EngineSession, update: JobUpdate) -> None:
    bake = _bakes.get(update.job)
    if bake is None or bake.has_ended or update.state not in ("done", "cancelled"):
        return  # how bakes ended is told once more after the connection was lost
    bake.has_ended = True
    scene = _scene_of(bake)
    if is_remote(session) and bake.folder is None and scene is not None:
        bake.folder = bakes_folder(scene) / bake.name
    is_wanted = update.state == "done" or is_remote(session)
    if bake.folder is None or not is_wanted:
        _finish(session, bake, update)
        return
    files = [(f"{bake.output}/{name}", bake.folder / name) for name in _names_of(update)]
    bake.delivery = deliver(session, files, lambda delivery: _on_delivered(session, bake, update, delivery))


def _on_delivered(session: EngineSession, bake: Bake, update: JobUpdate, delivery: Delivery) -> None:
    if delivery.state == "done":
        _finish(session, bake, update)
    elif delivery.state == "failed":
        hint = "The frames are safe with the engine: Resume brings those that are missing."
        session.failure = Failure(f"Frames of {bake.name}: {delivery.error}", hint, "file", bake.name)


def _finish(session: EngineSession, bake: Bake, update: JobUpdate) -> None:
    """Show what is done, if the scene is still there."""
    scene = _scene_of(bake)
    if scene is None or update.state != "done":
        return
    try:
        results.show(scene, bake, finished_files(bake.name, update))
    except (OSError, RuntimeError, ValueError) as error:
        session.failure = Failure(f"Frames of {bake.name} are done, but can't be shown: {error}", regarding=bake.name)


def _scene_of(bake: Bake) -> bpy.types.Scene | None:
    """The scene that a bake is of, if it is still there."""
    return None if bake.scene is None else bpy.data.scenes.get(bake.scene)


def _before_load(*_: object) -> None:
    global _former_file
    _former_file = bpy.data.filepath


def _after_load(*_: object) -> None:
    """Scenes of other files bear the same names: what was baked must not be shown in them."""
    if bpy.data.filepath and bpy.data.filepath == _former_file:  # the same one, read again
        return
    for bake in _bakes.values():
        bake.scene = None


_LISTENERS = ((JobUpdate, _on_update),)
_HANDLERS = ((bpy.app.handlers.load_pre, _before_load), (bpy.app.handlers.load_post, _after_load))


def register() -> None:
    """Listen to the engine, and follow which file is open."""
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    registry.stop_listening(_LISTENERS)
    _bakes.clear()
