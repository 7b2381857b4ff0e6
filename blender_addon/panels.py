"""The sidebar of the 3D viewport: one panel for each step, in the order in which they are taken."""

from __future__ import annotations

import bpy


class SidebarPanel:
    """What all of Hashlight's panels share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hashlight"


class HASHLIGHT_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.capture

        layout.operator("hashlight.fit_bounds", icon="SHADING_BBOX")
        layout.prop(settings, "rig")
        column = layout.column()
        if settings.rig == "RINGS":
            column.prop(settings, "ring_levels")
            column.prop(settings, "ring_count")
        elif settings.rig in {"SPHERE", "HEMISPHERE"}:
            column.prop(settings, "training_views")
        elif settings.rig == "ANIMATION":
            column.prop(settings, "frame_step")
        column.prop(settings, "held_out_views")
        layout.operator("hashlight.plan_cameras", icon="OUTLINER_OB_CAMERA")
        layout.operator("hashlight.capture", icon="RENDER_STILL")


class HASHLIGHT_PT_capture_rig(SidebarPanel, bpy.types.Panel):
    bl_label = "Rig"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.hashlight.capture.rig in {"SPHERE", "HEMISPHERE", "RINGS"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.capture

        if settings.rig != "SPHERE":
            column = layout.column(align=True)
            column.prop(settings, "elevation_min", text="Elevation Lowest")
            column.prop(settings, "elevation_max", text="Highest")
        layout.prop(settings, "field_of_view")
        layout.prop(settings, "margin")
        layout.prop(settings, "jitter")
        layout.prop(settings, "seed")


class HASHLIGHT_PT_capture_output(SidebarPanel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.capture

        layout.prop(settings, "use_scene_resolution")
        column = layout.column(align=True)
        column.active = not settings.use_scene_resolution
        column.prop(settings, "resolution_x")
        column.prop(settings, "resolution_y")
        layout.prop(settings, "use_depth")
        layout.prop(context.scene.hashlight, "folder")


CLASSES = (HASHLIGHT_PT_capture, HASHLIGHT_PT_capture_rig, HASHLIGHT_PT_capture_output)
