"""The panels on how good the field is: curves, worst views, comparisons."""

from __future__ import annotations

import bpy

from engine.link.metrics import METRICS

from ..durations import describe_seconds
from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from ..training.run import session_of
from ..training.status_text import describe_others
from . import comparison, scores
from .chart_icons import chart_icon
from .views import has_views

_WORST = 5
_PSNR_COLOR = (0.35, 0.7, 1.0)
_SSIM_COLOR = (0.45, 0.85, 0.5)
_LOSS_COLOR = (1.0, 0.6, 0.25)


class HASHLIGHT_PT_quality(SidebarPanel, bpy.types.Panel):
    bl_label = "Quality"
    bl_parent_id = "HASHLIGHT_PT_train"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = session_of(context.scene)
        return session is not None and (bool(session.evaluations) or len(scores.loss_history.points) > 1)

    def draw(self, context: bpy.types.Context) -> None:
        evaluations = registry.current().evaluations
        row = self.layout.row()
        loss = scores.loss_history.points
        if len(evaluations) > 1:
            for name, points, color, form in (
                ("PSNR", scores.psnr_points(evaluations), _PSNR_COLOR, "{:.1f}"),
                ("SSIM", scores.ssim_points(evaluations), _SSIM_COLOR, "{:.2f}"),
            ):
                if points:
                    self._draw_chart(row, name, points, color, form)
        if len(loss) > 1:
            self._draw_chart(row, "Loss", loss, _LOSS_COLOR, "{:.1g}")
        seconds = loss[-1][0] if loss else evaluations[-1].seconds
        self.layout.label(text=f"Over {describe_seconds(seconds)} of training")
        if not evaluations:
            return
        for line in describe_others(evaluations[-1].scores):
            self.layout.label(text=line)
        if words := scores.describe_what_is_scored(evaluations):
            draw_words(self.layout, context, words)
        self._draw_worst(evaluations[-1])

    def _draw_chart(
        self,
        row: bpy.types.UILayout,
        name: str,
        points: list[scores.Point],
        color: tuple[float, float, float],
        form: str,
    ) -> None:
        column = row.column(align=True)
        values = [value for _, value in points]
        column.label(text=name)
        column.template_icon(icon_value=chart_icon(name, points, color), scale=4.5)
        column.label(text=f"{form.format(min(values))} to {form.format(max(values))}")

    def _draw_worst(self, evaluation: scores.Evaluation) -> None:
        worst = scores.worst_views(evaluation, _WORST)
        if not worst:
            return
        column = self.layout.column(align=True)
        column.label(text="Worst Views")
        for name, psnr, ssim in worst:
            figures = f"{METRICS['psnr'].write(psnr)}, {METRICS['ssim'].write(ssim)}"
            operator = column.operator("hashlight.look_through_view", text=f"{name}: {figures}", icon="VIEW_CAMERA")
            operator.view = name


class HASHLIGHT_PT_compare(SidebarPanel, bpy.types.Panel):
    bl_label = "Compare with Captured Views"
    bl_parent_id = "HASHLIGHT_PT_preview"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_views(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.review

        row = layout.row(align=True)
        row.prop(settings, "view")
        row.operator("hashlight.step_view", text="", icon="TRIA_LEFT").step = -1
        row.operator("hashlight.step_view", text="", icon="TRIA_RIGHT").step = 1
        layout.prop(settings, "mode")
        if settings.mode == "DIFFERENCE":
            layout.prop(settings, "gain")
        layout.prop(settings, "keep_up")
        layout.operator("hashlight.compare_view", icon="IMAGE_PLANE")
        row = layout.row(align=True)
        row.operator("hashlight.look_through_view", icon="VIEW_CAMERA")
        row.operator("hashlight.look_away", icon="LOOP_BACK")
        if words := comparison.describe(context.scene):
            draw_words(layout, context, words)


CLASSES = (HASHLIGHT_PT_quality, HASHLIGHT_PT_compare)
