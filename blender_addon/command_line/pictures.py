"""preview, compare: what the panels put onto planes, as picture files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import bpy
import numpy as np

from engine.link.disk import replace_file

from ..capture.captured_views import neighbour
from ..folders import session_folder
from ..preview import live
from ..preview.material import picture_node
from ..preview.plane import PlaneUse, find_plane
from ..review import comparison
from ..session.engine_session import EngineSession
from .console import Console
from .engine_options import chosen_engine
from .waiting import CommandError, open_run, wait

_FORMATS = {".png": "PNG", ".exr": "OPEN_EXR"}


def preview(options: argparse.Namespace, console: Console) -> None:
    """Write what the field looks like from the scene camera. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    target = _target(scene, options, "preview")
    if options.percentage is not None:
        scene.hashlight.preview.percentage = options.percentage
    if options.mark_predicted:
        scene.hashlight.preview.mark_predicted = True
    live.preview_camera(scene)  # what is wrong with it is told before an engine is started
    with chosen_engine(options):
        session = open_run(scene, "to show")
        former = session.frame
        live.request_picture(session, scene)
        wait(session, console, lambda: session.frame is not former, lambda: _describe(session))
    scene.hashlight.preview.shown = "PREVIEW"
    console.result(str(_save_plane(scene, "preview", target)))


def compare(options: argparse.Namespace, console: Console) -> None:
    """Write a captured view and what the field makes of it. Raises CommandError, CaptureError, ValueError."""
    scene = bpy.context.scene
    settings = scene.hashlight.review
    for name in ("mode", "gain"):
        if getattr(options, name) is not None:
            setattr(settings, name, getattr(options, name))
    view = options.view or settings.view or neighbour(scene, "", 0)
    target = _target(scene, options, f"compare-{view}")
    with chosen_engine(options):
        session = open_run(scene, "to compare with")
        comparison.begin(session, scene, view)
        wait(session, console, lambda: comparison.is_shown(view), lambda: _describe(session))
    settings.view = view
    scene.hashlight.preview.shown = "COMPARISON"
    console.result(comparison.describe(scene))
    console.result(str(_save_plane(scene, "comparison", target)))


def _describe(session: EngineSession) -> str:
    return "Starting the engine" if session.run is None else "Rendering"


def _target(scene: bpy.types.Scene, options: argparse.Namespace, name: str) -> Path:
    """Where the picture is to be. Raises CommandError."""
    target = options.output.absolute() if options.output is not None else session_folder(scene) / f"{name}.png"
    if target.suffix.lower() not in _FORMATS:
        raise CommandError(f"--output {target}: a picture is a .png or an .exr file")
    return target


def _save_plane(scene: bpy.types.Scene, kind: PlaneUse, target: Path) -> Path:
    """Write the picture on a plane: PNG in the scene's view transform, EXR scene-linear. Raises OSError."""
    plane = find_plane(scene, kind)
    assert plane is not None
    shown = picture_node(plane.active_material).image
    pixels = np.empty(len(shown.pixels), np.float32)
    shown.pixels.foreach_get(pixels)
    # The plane's image is kept from colour management; this one is to have it. So is a copy of the scene, for what a
    # file is written as is the scene's own business.
    image = bpy.data.images.new("Hashlight File", *shown.size, alpha=True, float_buffer=True)
    copy = scene.copy()
    try:
        image.alpha_mode = "PREMUL"
        image.pixels.foreach_set(pixels)
        settings = copy.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "IMAGE"
        settings.file_format = _FORMATS[target.suffix.lower()]
        settings.color_mode = "RGBA"
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
        try:
            image.save_render(str(temporary), scene=copy)
            replace_file(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    finally:
        bpy.data.images.remove(image)
        bpy.data.scenes.remove(copy)
    return target
