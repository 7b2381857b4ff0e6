"""The panels that captures are planned in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from . import fast_capture
from .captured_views import has_views, known_dataset
from .compat import CROSS_STOPS_ANY_SCENE
from .current_capture import current, describe_capture, is_capturing
from .drawn_engines import describe_pace
from .layouts.table import layout_of
from .passed_over import describe_backdrop
from .plan_warnings import unpack

_MAX_AGE = 2.0  # seconds after which the views are counted again


def shows_plan(scene: bpy.types.Scene) -> bool:
    """Whether the panel shows how views are planned: until they are captured, and when that is unfolded."""
    return scene.hashlight.capture.show_settings or not (is_capturing() or has_views(scene))


class HASHLIGHT_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.capture

        header, body = layout.panel_prop(settings, "show_settings")
        if body is None and is_capturing():
            share, words = describe_capture()
            header.progress(factor=share, text=words)
        else:
            header.label(text=_describe_views(context.scene))
        if shows_plan(context.scene):
            self._draw_plan(body or layout.column(), context)
        layout.operator("hashlight.capture_and_train", icon="RENDER_ANIMATION")
        row = layout.split(factor=0.4, align=True)
        row.operator("hashlight.capture", icon="RENDER_STILL")
        row.operator("hashlight.stop_capture", icon="PAUSE")
        # What holds still comes first: captures find nothing more once they have ended, plans are checked all the time.
        _draw_findings(layout, context, settings.capture_findings)
        if shows_plan(context.scene):
            _draw_findings(layout, context, settings.plan_findings)
            if words := describe_pace(context.scene):  # no less while they are captured, so that nothing below moves
                draw_words(layout, context, words, icon="ERROR")
            names, rows = _settings_in_place(context.scene)
            for name in names[rows:]:
                layout.prop(settings, name)

    def _draw_plan(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        # While views are captured every button stays where it is, so that none gets under the pointer of another: two
        # settings make room for the progress.
        settings = context.scene.hashlight.capture
        row = layout.row(align=True)
        row.enabled = not is_capturing()
        row.operator("hashlight.fit_bounds", icon="SHADING_BBOX")
        row.operator("hashlight.fit_to_selected")
        if is_capturing():
            _draw_progress(layout)
        else:
            layout.prop(settings, "rig")
        plan = layout.column()
        plan.enabled = not is_capturing()
        column = plan.column()
        column.prop(settings, "collection", text="Collection")
        names, rows = _settings_in_place(context.scene)
        for name in names[:rows]:
            column.prop(settings, name)
        for _ in range(rows - len(names)):
            column.label()
        if not is_capturing():
            column.prop(settings, "held_out_views")
        row = plan.row(align=True)
        row.operator("hashlight.plan_cameras", icon="OUTLINER_OB_CAMERA")
        row.prop(settings, "show_plan", text="", icon="HIDE_OFF" if settings.show_plan else "HIDE_ON")


class HASHLIGHT_PT_capture_rig(SidebarPanel, bpy.types.Panel):
    bl_label = "Framing"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_plan(context.scene) and bool(layout_of(context.scene).details)

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        layout.enabled = not is_capturing()
        settings = context.scene.hashlight.capture

        for name in layout_of(context.scene).details:
            row = layout.row()
            row.active = name != "margin" or settings.radius == 0.0
            row.prop(settings, name)


class HASHLIGHT_PT_capture_output(SidebarPanel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_plan(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        layout.enabled = not is_capturing()
        settings = context.scene.hashlight.capture

        layout.prop(settings, "use_scene_resolution")
        column = layout.column(align=True)
        column.active = not settings.use_scene_resolution
        column.prop(settings, "resolution_x")
        column.prop(settings, "resolution_y")
        layout.prop(settings, "use_depth")
        row = layout.row()
        row.active = context.scene.render.engine == "CYCLES"
        row.prop(settings, "use_fast_capture")
        if words := fast_capture.describe(context.scene, context.view_layer):
            draw_words(layout, context, words)
        if words := describe_backdrop(context.scene):
            draw_words(layout, context, words)
        layout.prop(context.scene.hashlight, "folder")


def _describe_views(scene: bpy.types.Scene) -> str:
    """What is captured or imported, in a line."""
    if is_capturing() or not has_views(scene):
        return "Plan"
    dataset = known_dataset(scene, _MAX_AGE)
    done = [view for view in dataset.views.values() if view.is_done] if dataset is not None else []
    if dataset is None or not done:  # they are still counted
        return "Views are there"
    count = f"{len(done)}" if len(done) == len(dataset.views) else f"{len(done)} of {len(dataset.views)}"
    verb = "imported" if dataset.imported_from else "captured"
    return f"{count} views {verb}, {done[0].camera.width} x {done[0].camera.height}"


def _settings_in_place(scene: bpy.types.Scene) -> tuple[tuple[str, ...], int]:
    """The settings of the layout, and how many rows they have where they belong: a button that chooses another layout
    is not moved by that, and the settings for which there is no row come last until the pointer has left."""
    names, rows = layout_of(scene).settings, scene.hashlight.capture.settings_rows
    return names, len(names) if rows < 0 else rows


def _draw_progress(layout: bpy.types.UILayout) -> None:
    share, words = describe_capture()
    column = layout.column(align=True)
    column.progress(factor=share, text=words)
    row = column.row()
    if bpy.app.is_job_running("RENDER"):
        if CROSS_STOPS_ANY_SCENE:
            row.template_running_jobs()
        else:
            row.label(text="Rendering a view: Esc stops it", icon="SCENE")
    else:
        is_reading = (job := current()) is not None and job.is_reading
        row.label(text="Reading the view" if is_reading else "Storing the view", icon="SCENE")


def _draw_findings(
    layout: bpy.types.UILayout, context: bpy.types.Context, findings: bpy.types.bpy_prop_collection
) -> None:
    """What is wrong with the plan or the capture, with buttons that put it right. It stands below the buttons that are
    always there, which would move under the pointer when a warning has gone."""
    for finding in findings:
        column = layout.column(align=True)
        column.enabled = not finding.is_settled
        draw_words(column, context, finding.words, icon="CHECKMARK" if finding.is_settled else "ERROR")
        row = column.row(align=True)
        row.enabled = not is_capturing()
        for cure in unpack(finding.cures):
            button = row.operator(cure.operator, text=cure.label)
            for name, value in cure.properties.items():
                setattr(button, name, value)


CLASSES = (HASHLIGHT_PT_capture, HASHLIGHT_PT_capture_rig, HASHLIGHT_PT_capture_output)
