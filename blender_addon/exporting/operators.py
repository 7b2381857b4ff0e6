"""Export what was captured as a dataset, cancel that, show the folder."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..capture.current_capture import is_capturing
from ..folders import session_folder
from ..layout import lay_out_settings
from ..training.reasons import find_missing_engine, find_missing_views
from . import exports
from .dataset_export import ExportSettings


class HASHLIGHT_OT_export_dataset(bpy.types.Operator):
    # Returns at once, in the background too: pump until nothing is exported any more.
    bl_idname = "hashlight.export_dataset"
    bl_label = "Export Dataset"
    bl_description = "Write the captured views, their cameras and points as a dataset that other programs train on"
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="File Path", description="The folder to make", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_folder: BoolProperty(
        name="Filter Folders", description="Whether the browser lists folders", default=True, options={"HIDDEN"}
    )
    dataset_format: EnumProperty(
        name="Format",
        description="What programs are to read it",
        items=(
            ("colmap", "COLMAP", "images and sparse/0, which most programs for Gaussian splats begin with"),
            ("nerfstudio", "nerfstudio", "transforms.json with depth, masks and points, which instant-ngp reads, too"),
        ),
    )
    images: EnumProperty(
        name="Images",
        description="How the pictures are written",
        items=(
            ("png", "PNG", "8 bits with alpha, as the scene is displayed"),
            ("jpeg", "JPEG", "8 bits on black, as the scene is displayed"),
            ("exr", "OpenEXR", "Scene-linear light with alpha"),
        ),
    )
    points: IntProperty(
        name="Points",
        description="How many points there are at most, spread evenly over what the captured depth shows",
        default=100_000,
        min=0,
        soft_max=1_000_000,
        max=20_000_000,
    )
    use_overwrite: BoolProperty(
        name="Set Aside",
        description="Rename a folder that is there already, to NAME-former-1, instead of refusing",
        default=False,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = find_missing_engine() or find_missing_views(context.scene)
        if is_capturing():
            reason = "A capture is in progress"
        elif exports.is_exporting():
            reason = "A dataset is being exported already"
        cls.poll_message_set(reason or "-")
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        folder = session_folder(context.scene)
        self.filepath = str(folder.with_name(f"{folder.stem}-dataset"))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        for name in ("dataset_format", "images", "points", "use_overwrite"):
            layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = ExportSettings(self.dataset_format, self.images, self.points, self.use_overwrite)
        try:
            if not self.filepath:
                raise ValueError("Name the folder to make")
            exports.start(context.scene, Path(bpy.path.abspath(self.filepath)).absolute(), settings)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_cancel_export(bpy.types.Operator):
    """Cancel the export. Nothing of it is left"""

    bl_idname = "hashlight.cancel_export"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is being exported")
        return exports.is_exporting()

    def execute(self, context: bpy.types.Context) -> set[str]:
        exports.cancel()
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_export_dataset, HASHLIGHT_OT_cancel_export)


def register() -> None:
    """Have no export outlive its file."""
    exports.register()


def unregister() -> None:
    """Undo ``register``."""
    exports.unregister()
