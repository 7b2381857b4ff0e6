"""New, open, rename, delete and replace takes; begin another with the views of one."""

from __future__ import annotations

import functools
from collections.abc import Callable

import bpy
from bpy.props import EnumProperty, StringProperty

from ..folders import lock_folder, session_folder
from ..session import registry
from ..training import run
from ..training.reasons import find_missing_run
from . import changing, first_save, listing, moving, restarting, saved_as, settings, switching
from .take_folders import TakeError, make_take

_THEN = (
    ("NONE", "Nothing", "Leave it at that"),
    ("CAPTURE", "Capture", "Capture the plan"),
    ("CAPTURE_AND_TRAIN", "Capture and Train", "Capture the plan, and train on it"),
)


class _ChangesTakes:
    """What the operators share: they are refused while something is in progress that uses a take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        refusal = switching.find_refusal() or ("A take is being changed" if changing.is_changing() else "")
        cls.poll_message_set(refusal)
        return not refusal

    def attempt(self, work: Callable[[], None]) -> set[str]:
        """Do ``work``; what it raises is reported."""
        changing.forget()
        try:
            work()
        except (ValueError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}
        finally:
            listing.look_again()
        if words := changing.describe():
            self.report({"INFO"}, words)
        return {"FINISHED"}


class HASHLIGHT_OT_new_take(_ChangesTakes, bpy.types.Operator):
    """Begin an empty take and open it. The present one stays as it is"""

    bl_idname = "hashlight.new_take"
    bl_label = "New Take"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Name", description="Leave empty to have it numbered", options={"SKIP_SAVE"})
    then: EnumProperty(
        name="Then",
        description="What to do in the take next",
        items=_THEN,
        default="NONE",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: self._make(context.scene))

    def _make(self, scene: bpy.types.Scene) -> None:
        session, lock = session_folder(scene), lock_folder(scene)
        try:
            take = make_take(session, self.name, scene.hashlight.take)
        except OSError as error:
            raise TakeError(f"{error.filename}: can't be written ({error.strerror or error})") from None
        finally:
            lock.release()
        switching.open_take(scene, take.key)
        self.report({"INFO"}, f"{take.name} is open: it has no views yet")
        _start(self.then)


class HASHLIGHT_OT_open_take(_ChangesTakes, bpy.types.Operator):
    """Open a take. Training of the present one is paused and saved"""

    bl_idname = "hashlight.open_take"
    bl_label = "Open Take"
    bl_options = {"REGISTER"}

    take: StringProperty(name="Take", description="Name of the take to open", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        return self.attempt(lambda: switching.open_take(scene, switching.take_called(scene, self.take).key))


class HASHLIGHT_OT_rename_take(_ChangesTakes, bpy.types.Operator):
    """Give the open take another name. Its files stay where they are"""

    bl_idname = "hashlight.rename_take"
    bl_label = "Rename Take"
    bl_options = {"REGISTER"}

    take: StringProperty(name="Take", description="Its name; empty for the open one", options={"SKIP_SAVE", "HIDDEN"})
    name: StringProperty(name="Name", description="What to call it", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            self.name = self.name or switching.take_called(context.scene, self.take).name
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self, confirm_text="Rename")

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        return self.attempt(lambda: listing.rename(scene, switching.take_called(scene, self.take), self.name))


class HASHLIGHT_OT_delete_take(_ChangesTakes, bpy.types.Operator):
    """Move the open take into the bin folder. Nothing is erased"""

    bl_idname = "hashlight.delete_take"
    bl_label = "Delete Take"
    bl_options = {"REGISTER"}

    take: StringProperty(name="Take", description="Its name; empty for the open one", options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            name = switching.take_called(context.scene, self.take).name
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Delete {name}?",
            message="Its views, runs and rendered frames are moved into the bin folder. You can take them back.",
            confirm_text="Move to Bin",
            icon="TRASH",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        return self.attempt(
            lambda: moving.begin(scene, switching.take_called(scene, self.take), True, listing.look_again)
        )


class HASHLIGHT_OT_replace_take(_ChangesTakes, bpy.types.Operator):
    """Move what the open take holds into the bin folder, and start over in it"""

    bl_idname = "hashlight.replace_take"
    bl_label = "Replace Take"
    bl_options = {"REGISTER"}

    then: EnumProperty(
        name="Then",
        description="What to do in the take next",
        items=_THEN,
        default="NONE",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, go_on = context.scene, functools.partial(_start, self.then)
        return self.attempt(lambda: moving.begin(scene, switching.take_called(scene, ""), False, go_on))


class HASHLIGHT_OT_restart_training(_ChangesTakes, bpy.types.Operator):
    """Train from the beginning with the present settings, in a new take with the same views"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.restart_training"
    bl_label = "Restart Training"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if reason := find_missing_run(context.scene):
            cls.poll_message_set(reason)
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Restart training from the beginning?",
            message="The new run is another take, with the same views.\n"
            "This take keeps its run and its rendered frames: open it in the Takes panel to go on with them.",
            confirm_text="Restart",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: self.report({"INFO"}, restarting.restart(context.scene)))


class HASHLIGHT_OT_train_smaller(_ChangesTakes, bpy.types.Operator):
    """Train from the beginning with less memory and less detail. What is learnt already stays in its take"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.train_smaller"
    bl_label = "Train with a Smaller Preset"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("There is no smaller preset: use fewer or smaller views")
        session = registry.current()
        return session is not None and run.smaller_preset(session, context.scene) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.hashlight.training
        settings.preset = run.smaller_preset(registry.current(), context.scene)
        return self.attempt(lambda: self.report({"INFO"}, restarting.restart(context.scene)))


def _start(then: str) -> None:
    """Have the capture follow that this was done for. Raises RuntimeError with what it reports."""
    listing.look_again()
    if then == "NONE":
        return
    operator = getattr(bpy.ops.hashlight, then.lower())
    if bpy.app.background:
        operator()
        return
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        operator("INVOKE_DEFAULT")


CLASSES = (
    *settings.CLASSES,
    HASHLIGHT_OT_new_take,
    HASHLIGHT_OT_open_take,
    HASHLIGHT_OT_rename_take,
    HASHLIGHT_OT_delete_take,
    HASHLIGHT_OT_replace_take,
    HASHLIGHT_OT_restart_training,
    HASHLIGHT_OT_train_smaller,
)


def register() -> None:
    """Offer the list, and follow undo and the loading of files."""
    settings.register()
    switching.register()
    changing.register()
    listing.register()
    first_save.register()
    saved_as.register()


def unregister() -> None:
    """Undo ``register``."""
    saved_as.unregister()
    first_save.unregister()
    listing.unregister()
    changing.unregister()
    switching.unregister()
    settings.unregister()
