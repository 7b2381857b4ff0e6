"""The panels on how good the field is: curves, worst views, comparisons."""

from __future__ import annotations

import bpy

from engine.link.metrics import metric_named

from ..capture.captured_views import has_views, known_capture
from ..durations import describe_seconds
from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from ..training.run import session_of
from . import comparison, scores
from .chart_icons import chart_icon

_WORST = 5
_FIGURES = 2  # of each
_MAX_AGE = 2.0  # seconds after which the capture's manifest is looked at again
_SCORE_COLORS = ((0.35, 0.7, 1.0), (0.45, 0.85, 0.5))
_LOSS_COLOR = (1.0, 0.6, 0.25)


class HASHLIGHT_PT_quality(SidebarPanel, bpy.types.Panel):
    bl_label = "Quality"
    bl_parent_id = "HASHLIGHT_PT_train"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = session_of(context.scene)
        return session is not None and (bool(session.evaluations) or len(scores.losses_of(session)) > 1)

    def draw(self, context: bpy.types.Context) -> None:
        session = registry.current()
        evaluations, metrics = session.evaluations, session.metrics
        row = self.layout.row()
        loss = scores.losses_of(session)
        if len(evaluations) > 1:
            for name, color in zip(scores.figures_to_chart(evaluations, metrics), _SCORE_COLORS, strict=False):
                label = metric_named(name, metrics).label
                self._draw_chart(row, label, scores.points_of(name, evaluations), color, "{:.3g}")
        if len(loss) > 1:
            self._draw_chart(row, "Loss", loss, _LOSS_COLOR, "{:.1g}")
        seconds = loss[-1][0] if loss else evaluations[-1].seconds
        self.layout.label(text=f"Over {describe_seconds(seconds)} of training")
        words = scores.describe_what_is_scored(evaluations, metrics) if evaluations else "Not scored yet"
        if words:
            draw_words(self.layout, context, words)
        # As many rows as there will be, so that no button below moves when scores come.
        rows = min(session.status.test_items, _WORST) if session.status is not None else 0
        self._draw_worst(context.scene, evaluations[-1] if evaluations else None, rows)

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

    def _draw_worst(self, scene: bpy.types.Scene, evaluation: scores.Evaluation | None, rows: int) -> None:
        metrics = registry.current().metrics
        worst = scores.worst_items(evaluation, _WORST, metrics) if evaluation is not None else []
        if not worst and not rows:
            return
        _, views = known_capture(scene, _MAX_AGE)
        column = self.layout.column(align=True)
        column.label(text="Worst Views" if views else "Worst")
        for name, figures in worst:
            shown = list(figures.items())[:_FIGURES]
            words = f"{name}: " + ", ".join(metric_named(key, metrics).write(value) for key, value in shown)
            if name in views:
                column.operator("hashlight.look_through_view", text=words, icon="VIEW_CAMERA").view = name
            else:
                column.label(text=words)
        for _ in range(rows - len(worst)):
            column.label(text="")


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
