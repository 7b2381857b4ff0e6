"""Import a dataset, cancel that."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..capture.current_capture import is_capturing
from ..layout import lay_out_settings
from . import imports


class HASHLIGHT_OT_import_dataset(bpy.types.Operator):
    # Returns at once, in the background too: pump until nothing is imported any more.
    bl_idname = "hashlight.import_dataset"
    bl_label = "Import Dataset"
    bl_description = "Import pictures and cameras to train on: choose a transforms.json, a COLMAP model, or its folder"
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="File Path",
        description="The dataset: its folder, its transforms.json, or a file of its COLMAP model",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_glob: StringProperty(
        name="Filter",
        description="Which files the browser lists",
        default="*.json;cameras.bin;cameras.txt;poses_bounds.npy",
        options={"HIDDEN"},
    )
    filter_folder: BoolProperty(
        name="Filter Folders", description="Whether the browser lists folders", default=True, options={"HIDDEN"}
    )
    holdout: IntProperty(
        name="Test View Every",
        description="Where the dataset has no test views, keep every n-th as one. 0 keeps none",
        default=8,
        min=0,
        soft_max=50,
        max=10_000,
    )
    use_render_settings: BoolProperty(
        name="Set Resolution",
        description="Set the scene's render resolution and pixel aspect to those of the pictures",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A capture is in progress" if is_capturing() else "A dataset is being imported already")
        return not (is_capturing() or imports.is_importing())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        layout.prop(self, "holdout")
        layout.prop(self, "use_render_settings")

    def execute(self, context: bpy.types.Context) -> set[str]:
        source = Path(bpy.path.abspath(self.filepath))
        try:
            imports.start(context.scene, source, self.holdout, self.use_render_settings)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_cancel_import(bpy.types.Operator):
    """Cancel the import. The scene and its folder stay as they were"""

    bl_idname = "hashlight.cancel_import"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is being imported")
        return imports.is_importing()

    def execute(self, context: bpy.types.Context) -> set[str]:
        imports.cancel()
        return {"FINISHED"}


def _draw_menu_item(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator("hashlight.import_dataset", text="Hashlight Dataset (transforms.json, COLMAP, LLFF)")


CLASSES = (HASHLIGHT_OT_import_dataset, HASHLIGHT_OT_cancel_import)


def register() -> None:
    """Add the importer to Blender's menu, and have no import outlive its file."""
    imports.register()
    bpy.types.TOPBAR_MT_file_import.append(_draw_menu_item)


def unregister() -> None:
    """Undo ``register``."""
    bpy.types.TOPBAR_MT_file_import.remove(_draw_menu_item)
    imports.unregister()
