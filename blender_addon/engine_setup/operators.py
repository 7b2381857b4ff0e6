"""Set up the engine, check it, cancel, show what was printed."""

from __future__ import annotations

import sys

import bpy
from bpy.props import EnumProperty

from ..preferences import get_preferences
from ..session.source import engine_python
from . import jobs
from .bundle import engine_home


class HASHLIGHT_OT_set_up_engine(bpy.types.Operator):
    """Install the engine into an environment of its own, in Blender's folder for this extension's files"""

    # Returns at once, in the background too: pump until the installation's state is no longer "running".
    bl_idname = "hashlight.set_up_engine"
    bl_label = "Set Up Engine"
    bl_options = {"REGISTER"}

    device: EnumProperty(
        name="Device",
        description="What the engine is to compute on",
        items=(
            ("cpu", "CPU", "The CPU; works everywhere"),
            ("cuda", "CUDA", "An NVIDIA graphics card: much faster. On Windows, Torch Index says where its torch is"),
        ),
        default="cpu",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.device == "cuda":
            return "Install the engine for an NVIDIA graphics card. Downloads some gigabytes"
        return "Install the engine for the CPU. Works everywhere"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A set-up or a check is running already")
        return not jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        preferences = get_preferences(context)
        index = preferences.torch_index.strip()
        try:
            if self.device == "cuda":
                _check_cuda_can_be_had(index)
            jobs.set_up(bpy.path.abspath(preferences.set_up_python.strip()), _check_index(index))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        preferences.device = "auto" if self.device == "cuda" else "cpu"
        return {"FINISHED"}


class HASHLIGHT_OT_cancel_set_up(bpy.types.Operator):
    """Cancel. An engine that was there before stays"""

    bl_idname = "hashlight.cancel_set_up"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is running")
        return jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}


class HASHLIGHT_OT_check_engine(bpy.types.Operator):
    """Check whether the engine works on this machine"""

    # Returns at once, in the background too: pump until the check is no longer running.
    bl_idname = "hashlight.check_engine"
    bl_label = "Check"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A set-up or a check is running already")
        return not jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            jobs.start_check(engine_python())
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_put_set_up_away(bpy.types.Operator):
    """Hide what the last set-up and check found"""

    bl_idname = "hashlight.put_set_up_away"
    bl_label = "Put Away"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A set-up or a check is running")
        return not jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.put_away()
        return {"FINISHED"}


class HASHLIGHT_OT_open_set_up_log(bpy.types.Operator):
    """Show everything that the last set-up printed"""

    bl_idname = "hashlight.open_set_up_log"
    bl_label = "Open Log"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing was set up yet")
        return engine_home().log.is_file()

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.wm.path_open(filepath=str(engine_home().log))
        return {"FINISHED"}


def _check_cuda_can_be_had(index: str) -> None:
    """Say so before gigabytes are downloaded for nothing. Raises SetUpError."""
    if sys.platform == "darwin":
        raise jobs.SetUpError("There is no CUDA on macOS: choose CPU")
    if sys.platform == "win32" and not index:
        raise jobs.SetUpError(
            "On Windows pip's usual index has torch for the CPU only: copy the address that PyTorch's install "
            "page gives for CUDA into Torch Index, in Hashlight's preferences"
        )


def _check_index(index: str) -> str:
    """The torch index as pip is to be given it. Raises SetUpError for what is none."""
    if index and not index.startswith(("https://", "file://")):
        raise jobs.SetUpError(f"Torch Index {index} is no address: it must begin with https:// or file://")
    return index


CLASSES = (
    HASHLIGHT_OT_set_up_engine,
    HASHLIGHT_OT_cancel_set_up,
    HASHLIGHT_OT_check_engine,
    HASHLIGHT_OT_put_set_up_away,
    HASHLIGHT_OT_open_set_up_log,
)
register, unregister = jobs.register, jobs.unregister
