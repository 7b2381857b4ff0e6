"""What the buttons below warnings do."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from . import plan_watch, told_findings
from .as_rendered import gather_as_rendered
from .bounds import bounds_object, fit_bounds, read_bounds, show_bounds
from .cameras import find_camera
from .current_capture import is_capturing
from .errors import CaptureError
from .layouts.table import LAYOUTS, enum_items, layout_of
from .plan import plan_cameras, remove_planned_cameras
from .subject import read_subject

_COLLECTION_NAME = "Capture Collection"
_MARK = "hashlight_capture_collection"


class _Cure:
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A capture is in progress")
        return not is_capturing()


class _Change(_Cure):
    """Changes something of the scene, and then has the plan checked again."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        self.change(context)
        plan_watch.check(context)
        return {"FINISHED"}

    def change(self, context: bpy.types.Context) -> None:
        """What the button does."""
        raise NotImplementedError


class HASHLIGHT_OT_use_layout(_Cure, bpy.types.Operator):
    bl_idname = "hashlight.use_layout"
    bl_label = "Use Layout"
    bl_description = "Choose another layout, with bounds and cameras that suit it"

    rig: EnumProperty(
        name="Layout", description="Where the scene is looked at from", items=enum_items(), options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, layout = context.scene, LAYOUTS[self.rig]
        settings = scene.hashlight.capture
        former, rows = settings.rig, len(layout_of(scene).settings)
        remove_planned_cameras(scene)
        settings.rig = self.rig
        try:
            if self.rig == "INSIDE" or bounds_object(scene) is None:
                show_bounds(scene, fit_bounds(scene, context.view_layer, context.evaluated_depsgraph_get()))
                context.view_layer.update()
            if layout.is_generated:
                depsgraph = context.evaluated_depsgraph_get()
                bounds = read_bounds(scene, depsgraph)
                plan_cameras(scene, bounds, read_subject(scene, context.view_layer, depsgraph, bounds))
                context.view_layer.update()
            plan_watch.check(context, walk_views=True)
        except CaptureError as error:
            settings.rig = former
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not bpy.app.background:
            settings.settings_rows = rows  # no button moves under the pointer
            told_findings.tidy_soon()
        return {"FINISHED"}


class HASHLIGHT_OT_leave_out(_Cure, bpy.types.Operator):
    bl_idname = "hashlight.leave_out"
    bl_label = "Leave Out of Capture"
    bl_description = (
        "Make a Capture Collection of everything else: what is left out still lights the rest, casts shadows on it and "
        "shows in its reflections"
    )

    names: StringProperty(name="Names", description="The objects to leave out, a line each", options={"SKIP_SAVE"})
    fit: BoolProperty(
        name="Fit", description="Fit the bounds and cameras to what is captured then", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        settings = scene.hashlight.capture
        depsgraph = context.evaluated_depsgraph_get()
        left_out = set(self.names.splitlines())
        surroundings = gather_as_rendered(context.view_layer, depsgraph)
        captured = surroundings.owners - left_out
        if not captured:
            self.report({"ERROR"}, "Nothing would be left to capture")
            return {"CANCELLED"}
        collection = settings.collection
        if collection is None or not collection.get(_MARK):  # one of the user's own stays as it is
            collection = bpy.data.collections.new(_COLLECTION_NAME)
            collection[_MARK] = True
            scene.collection.children.link(collection)
        for obj in list(collection.objects):
            if obj.name not in captured:
                collection.objects.unlink(obj)
        for name in sorted(captured - {obj.name for obj in collection.objects}):
            collection.objects.link(bpy.data.objects[name])
        settings.collection = collection
        context.view_layer.update()
        try:
            if self.fit:
                show_bounds(scene, fit_bounds(scene, context.view_layer, context.evaluated_depsgraph_get()))
                context.view_layer.update()
                plan_watch.follow(scene, context.view_layer, context.evaluated_depsgraph_get())
            plan_watch.check(context)
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{collection.name}: {len(captured)} objects are captured, {len(left_out)} left out")
        return {"FINISHED"}


class HASHLIGHT_OT_include_collections(_Change, bpy.types.Operator):
    bl_idname = "hashlight.include_collections"
    bl_label = "Show Here"
    bl_description = "Show these collections in this view layer, too, which is the one that is captured"

    names: StringProperty(name="Names", description="The collections to show, a line each", options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context) -> None:
        wanted, waiting = set(self.names.splitlines()), [context.view_layer.layer_collection]
        while waiting:
            layer = waiting.pop()
            if layer.collection.name in wanted:
                layer.exclude = False
            waiting += layer.children
        context.view_layer.update()


class HASHLIGHT_OT_disable_in_renders(_Change, bpy.types.Operator):
    bl_idname = "hashlight.disable_in_renders"
    bl_label = "Disable in Renders"
    bl_description = "Hide these objects from renders; modifiers go on working with them"

    names: StringProperty(name="Names", description="The objects to hide, a line each", options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context) -> None:
        for name in self.names.splitlines():
            if (obj := bpy.data.objects.get(name)) is not None:
                obj.hide_render = True
        context.view_layer.update()


class HASHLIGHT_OT_capture_without_depth(_Change, bpy.types.Operator):
    bl_idname = "hashlight.capture_without_depth"
    bl_label = "Capture Without Depth"
    bl_description = "Turn off Depth for captures, so that the field learns what is behind glass and in mirrors"

    def change(self, context: bpy.types.Context) -> None:
        context.scene.hashlight.capture.use_depth = False


class HASHLIGHT_OT_link_cameras(_Change, bpy.types.Operator):
    bl_idname = "hashlight.link_cameras"
    bl_label = "Link to This Scene"
    bl_description = "Have these cameras of other scenes in this one, too"

    names: StringProperty(name="Names", description="The cameras to link, a line each", options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context) -> None:
        for name in self.names.splitlines():
            camera = find_camera(name)
            if camera is not None and camera not in context.scene.objects.values():
                context.scene.collection.objects.link(camera)
        context.view_layer.update()


class HASHLIGHT_OT_use_cycles(_Change, bpy.types.Operator):
    bl_idname = "hashlight.use_cycles"
    bl_label = "Use Cycles"
    bl_description = "Make Cycles the scene's render engine"

    def change(self, context: bpy.types.Context) -> None:
        context.scene.render.engine = "CYCLES"


class HASHLIGHT_OT_use_dithered(_Change, bpy.types.Operator):
    bl_idname = "hashlight.use_dithered"
    bl_label = "Use Dithered"
    bl_description = "Set the Render Method of these materials to Dithered, of which EEVEE gives depth"

    names: StringProperty(name="Names", description="The materials, a line each", options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context) -> None:
        for name in self.names.splitlines():
            if (material := bpy.data.materials.get(name)) is not None:
                material.surface_render_method = "DITHERED"


class HASHLIGHT_OT_fit_field_of_view(_Change, bpy.types.Operator):
    bl_idname = "hashlight.fit_field_of_view"
    bl_label = "Fit Field of View"
    bl_description = "Set the planned cameras' Field of View so that what is visible fills their pictures"

    angle: FloatProperty(name="Angle", description="The opening angle", subtype="ANGLE", options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context) -> None:
        context.scene.hashlight.capture.field_of_view = self.angle
        context.view_layer.update()


class HASHLIGHT_OT_turn_off_motion_blur(_Change, bpy.types.Operator):
    bl_idname = "hashlight.turn_off_motion_blur"
    bl_label = "Turn Off Motion Blur"
    bl_description = "Render the scene without motion blur, which the field would learn as if it were there"

    def change(self, context: bpy.types.Context) -> None:
        context.scene.render.use_motion_blur = False


class HASHLIGHT_OT_select_objects(_Cure, bpy.types.Operator):
    bl_idname = "hashlight.select_objects"
    bl_label = "Select"
    bl_description = "Select these objects"

    names: StringProperty(name="Names", description="The objects to select, a line each", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        wanted = set(self.names.splitlines())
        for obj in context.view_layer.objects:
            is_wanted = obj.name in wanted or obj.name_full in wanted  # cameras are known by the latter
            obj.select_set(is_wanted)
            if is_wanted:
                context.view_layer.objects.active = obj
        return {"FINISHED"}


CLASSES = (
    HASHLIGHT_OT_use_layout,
    HASHLIGHT_OT_leave_out,
    HASHLIGHT_OT_include_collections,
    HASHLIGHT_OT_link_cameras,
    HASHLIGHT_OT_disable_in_renders,
    HASHLIGHT_OT_capture_without_depth,
    HASHLIGHT_OT_use_cycles,
    HASHLIGHT_OT_use_dithered,
    HASHLIGHT_OT_fit_field_of_view,
    HASHLIGHT_OT_turn_off_motion_blur,
    HASHLIGHT_OT_select_objects,
)
