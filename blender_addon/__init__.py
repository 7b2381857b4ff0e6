"""Hashlight inside Blender: capture a scene, follow its training, see it on a plane, render turntables from it."""

from __future__ import annotations

from types import ModuleType

import bpy

from . import leftovers, migrate, pointer, preferences, properties, undo_steps, write_lock
from .bake import operators as bake_operators
from .bake import panel as bake_panel
from .capture import bounds_gizmo, cure_operators, plan_operators, told_findings
from .capture import operators as capture_operators
from .capture import panel as capture_panel
from .command_line import registration as command_line
from .engine_setup import operators as setup_operators
from .engine_setup import panel as setup_panel
from .exporting import operators as export_operators
from .exporting import panel as export_panel
from .image import operators as image_operators
from .image import panel as image_panel
from .importing import operators as import_operators
from .importing import panel as import_panel
from .preview import operators as preview_operators
from .preview import panel as preview_panel
from .review import operators as review_operators
from .review import panel as review_panel
from .session import operators as session_operators
from .session import panel as session_panel
from .takes import operators as take_operators
from .takes import panel as take_panel
from .training import operators as training_operators
from .training import panel as training_panel
from .transfer import deliveries, run_files

# Registered in this order, unregistered in reverse. Each module offers CLASSES, and register()/unregister() where
# classes alone don't do: properties hangs its settings on the scene, for one.
MODULES: tuple[ModuleType, ...] = (
    preferences,
    properties,
    migrate,
    write_lock,
    undo_steps,
    pointer,
    told_findings,
    setup_operators,
    plan_operators,
    cure_operators,
    capture_operators,
    bounds_gizmo,
    session_operators,
    training_operators,
    import_operators,
    export_operators,
    deliveries,
    run_files,
    preview_operators,
    review_operators,
    bake_operators,
    image_operators,
    leftovers,
    take_operators,
    setup_panel,
    capture_panel,
    take_panel,
    session_panel,
    training_panel,
    preview_panel,
    import_panel,
    review_panel,
    bake_panel,
    export_panel,
    image_panel,
    command_line,
)


def register() -> None:
    """Called by Blender when the extension is enabled."""
    for module in MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
        if hasattr(module, "register"):
            module.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    for module in reversed(MODULES):
        if hasattr(module, "unregister"):
            module.unregister()
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
