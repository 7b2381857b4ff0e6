"""Brings the settings of scenes that an older version saved to the form that they have now, version by version.

``scene.hashlight.version`` says which form they have; 0 is that of all versions before there was such a number. When
settings change their name or meaning, add a step, which is given a scene in the form before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from engine.link.metrics import describe_first
from engine.link.scoring import RADIANCE_FIELD_METRICS

from . import app_handlers
from .capture.bounds import bounds_object
from .preview.plane import show_in_renders

CLASSES = ()


def migrate(scene: bpy.types.Scene) -> None:
    """Take ``scene`` through all steps that it has not taken yet. A scene of a newer version is left as it is."""
    settings = scene.hashlight
    for version, step in _STEPS:
        if settings.version < version:
            step(settings)
            settings.version = version


def _keep_chosen_size(settings: bpy.types.PropertyGroup) -> None:
    """2: frames can follow the captures' size. A size that was set before there was that choice is a chosen one."""
    bake = settings.bake
    is_set = bake.is_property_set("resolution_x") or bake.is_property_set("resolution_y")
    if is_set and not bake.is_property_set("use_capture_size"):
        bake.use_capture_size = False


def _hide_planes(settings: bpy.types.PropertyGroup) -> None:
    """3: renders show the planes where the settings say so. Before there was that choice, they always did."""
    if not settings.preview.show_in_renders:
        show_in_renders(settings.id_data, False)


def _keep_samples(settings: bpy.types.PropertyGroup) -> None:
    """4: captures are fast where nothing else was chosen. A plan from before that choice keeps the scene's samples."""
    capture = settings.capture
    if bounds_object(settings.id_data) is not None and not capture.is_property_set("use_fast_capture"):
        capture.use_fast_capture = False


def _forget_findings(settings: bpy.types.PropertyGroup) -> None:
    """5: buttons below warnings may set what operators had before, and have no more."""
    settings.capture.plan_findings.clear()


def _keep_score(settings: bpy.types.PropertyGroup) -> None:
    """6: how a run was scored is kept as text, whatever it is of. Before there were two figures, 0 without one."""
    for saved in (settings.run, *settings.other_runs):
        figures = {name: _former_value(saved, name) or None for name in ("subject_psnr", "psnr")}
        saved.score = describe_first(figures, RADIANCE_FIELD_METRICS)


def _former_value(settings: bpy.types.PropertyGroup, name: str) -> Any:
    """What a file has for a property that there is no more. From Blender 5.0 on it isn't among the custom ones."""
    find = getattr(settings, "bl_system_properties_get", lambda: settings)
    stored = find()
    return None if stored is None else stored.get(name)


_STEPS: tuple[tuple[int, Callable[[bpy.types.PropertyGroup], None]], ...] = (
    (2, _keep_chosen_size),
    (3, _hide_planes),
    (4, _keep_samples),
    (5, _forget_findings),
    (6, _keep_score),
)
VERSION = _STEPS[-1][0]


def _migrate_all(*_: object) -> None:
    for scene in getattr(bpy.data, "scenes", ()):  # while Blender starts there are none yet; a file is loaded then
        migrate(scene)


def _migrate_appended(imported: bpy.types.BlendImportContext, *_: object) -> None:
    for item in imported.import_items:
        if isinstance(item.id, bpy.types.Scene):
            migrate(item.id)


def _number_new(*_: object) -> None:
    """Scenes that have no number although all that were loaded have one are new, and have the present form."""
    for scene in bpy.data.scenes:
        scene.hashlight.version = scene.hashlight.version or VERSION


_HANDLERS = (
    (bpy.app.handlers.load_post, _migrate_all),
    (bpy.app.handlers.blend_import_post, _migrate_appended),
    (bpy.app.handlers.save_pre, _number_new),
)


def register() -> None:
    """See to the scenes that are there, to those that are loaded or appended, and to new ones before they are saved."""
    _migrate_all()
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
