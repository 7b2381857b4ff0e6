"""Compare captured views with the field, one by one, and look through their cameras."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty, StringProperty

from engine.link.messages import RunOpened, Status

from ..capture.captured_views import find_view, neighbour
from ..session import registry
from ..training import run
from ..training.reasons import find_missing_run, find_missing_views
from . import chart_icons, comparison, scores, viewpoint


class _NeedsViews:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = find_missing_views(context.scene)
        cls.poll_message_set(reason)
        return not reason


class HASHLIGHT_OT_compare_view(_NeedsViews, bpy.types.Operator):
    """Show a captured view beside its neural picture, on a plane before its camera"""

    # Returns at once, in the background too: pump until the comparison plane has its picture.
    bl_idname = "hashlight.compare_view"
    bl_label = "Compare"
    bl_options = {"REGISTER"}

    view: StringProperty(
        name="View",
        description="The captured view to compare; the one that is chosen in the panel where none is named",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        reason = find_missing_run(context.scene)
        cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        settings = scene.hashlight.review
        try:
            name = self.view or settings.view or neighbour(scene, "", 0)
            comparison.begin(run.ensure_run(scene), scene, name)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings.view = name
        scene.hashlight.preview.shown = "COMPARISON"
        return {"FINISHED"}


class HASHLIGHT_OT_look_through_view(_NeedsViews, bpy.types.Operator):
    """Look through the camera of a captured view in this viewport, and compare it if there is a run"""

    # In the background there is no viewport to turn: the view's camera is placed all the same.
    bl_idname = "hashlight.look_through_view"
    bl_label = "Look Through"
    bl_options = {"REGISTER"}

    view: StringProperty(
        name="View",
        description="The captured view to look at; the one that is chosen in the panel where none is named",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        which = f"view {properties.view}" if properties.view else "the captured view chosen above"
        return f"Look through the camera of {which} in this viewport, and compare it with the field"

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        settings = scene.hashlight.review
        try:
            name = self.view or settings.view or neighbour(scene, "", 0)
            viewer = viewpoint.place_viewer(scene, find_view(scene, name).camera)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings.view = name
        if context.area is not None and context.area.type == "VIEW_3D":
            viewpoint.look_through(context.area, viewer)
        if bpy.ops.hashlight.compare_view.poll():
            bpy.ops.hashlight.compare_view(view=name)
        return {"FINISHED"}


class HASHLIGHT_OT_step_view(_NeedsViews, bpy.types.Operator):
    """Go on to the next captured view, or back to the one before"""

    bl_idname = "hashlight.step_view"
    bl_label = "Next View"
    bl_options = {"REGISTER"}

    step: IntProperty(
        name="Step", description="How many views to go on", default=1, min=-1, max=1, options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Go on to the next captured view" if properties.step > 0 else "Go back to the captured view before"

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        settings = scene.hashlight.review
        settings.view = neighbour(scene, settings.view, self.step)
        if viewpoint.is_looking_through(context.area):
            bpy.ops.hashlight.look_through_view(view=settings.view)
        elif bpy.ops.hashlight.compare_view.poll():
            bpy.ops.hashlight.compare_view(view=settings.view)
        return {"FINISHED"}


class HASHLIGHT_OT_look_away(bpy.types.Operator):
    """Take the comparison away, and have this viewport where it was before"""

    # In the background there is no viewport that looked through a view.
    bl_idname = "hashlight.look_away"
    bl_label = "Leave View"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is compared, and this viewport does not look through a captured view")
        return viewpoint.is_looking_through(context.area) or comparison.is_on_plane(context.scene)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if viewpoint.is_looking_through(context.area):
            viewpoint.look_away(context.area)
        if comparison.is_on_plane(context.scene):
            comparison.end(context.scene)
        return {"FINISHED"}


CLASSES = (
    HASHLIGHT_OT_compare_view,
    HASHLIGHT_OT_look_through_view,
    HASHLIGHT_OT_step_view,
    HASHLIGHT_OT_look_away,
)

_LISTENERS = ((Status, scores.note_status), (RunOpened, scores.note_run))


def register() -> None:
    """Listen to the engine, and make room for charts."""
    chart_icons.register()
    comparison.register()
    viewpoint.register()
    registry.listen(_LISTENERS)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(_LISTENERS)
    viewpoint.unregister()
    comparison.unregister()
    chart_icons.unregister()
