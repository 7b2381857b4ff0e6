"""The panels on how good the field is: curves, worst views, comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from engine.link.messages import Evaluation
from engine.link.metrics import Described, metric_named
from engine.link.scoring import RADIANCE_FIELD_METRICS

from ..capture.captured_views import has_views, known_capture, known_dataset
from ..capture.current_capture import is_capturing
from ..durations import describe_seconds
from ..layout import SidebarPanel, draw_words, lay_out_settings
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
        is_open = session_of(context.scene) is not None
        return is_open or is_capturing() or has_views(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        # As much as there will be from the beginning, so that no button moves when figures come.
        session = session_of(context.scene)
        evaluations = session.evaluations if session is not None else []
        metrics = (session.metrics if session is not None else {}) or RADIANCE_FIELD_METRICS
        row = self.layout.row()
        loss = scores.losses_of(session) if session is not None else ()
        if len(evaluations) > 1:
            for name, color in zip(scores.figures_to_chart(evaluations, metrics), _SCORE_COLORS, strict=False):
                label = metric_named(name, metrics).label
                _draw_chart(row, label, scores.points_of(name, evaluations), color, "{:.3g}")
        _draw_chart(row, "Loss", loss, _LOSS_COLOR, "{:.1g}")
        self.layout.label(text=_describe_span(loss, evaluations))
        about = scores.describe_what_is_scored(evaluations, metrics) if evaluations else ""
        draw_words(self.layout, context, about, rows=1)
        _draw_worst(self.layout, context.scene, evaluations[-1] if evaluations else None, metrics)


def _describe_span(loss: Sequence[scores.Point], evaluations: Sequence[Evaluation]) -> str:
    if loss or evaluations:
        return f"Over {describe_seconds(loss[-1][0] if loss else evaluations[-1].seconds)} of training"
    return "Curves come with training"


def _draw_chart(
    row: bpy.types.UILayout,
    name: str,
    points: Sequence[scores.Point],
    color: tuple[float, float, float],
    form: str,
) -> None:
    column = row.column(align=True)
    values = [value for _, value in points]
    column.label(text=name)
    column.template_icon(icon_value=chart_icon(name, points, color), scale=4.5)
    column.label(text=f"{form.format(min(values))} to {form.format(max(values))}" if values else "")


def _draw_worst(
    layout: bpy.types.UILayout, scene: bpy.types.Scene, evaluation: Evaluation | None, metrics: Described
) -> None:
    rows = min(_count_test_items(scene), _WORST)
    worst = scores.worst_items(evaluation, _WORST, metrics) if evaluation is not None else []
    if not worst and not rows:
        return
    _, views = known_capture(scene, _MAX_AGE)
    column = layout.column(align=True)
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


def _count_test_items(scene: bpy.types.Scene) -> int:
    """How many test views there are, or will be when all is captured; what else a run holds out."""
    dataset = known_dataset(scene, _MAX_AGE)
    if dataset is not None:
        return sum(view.split == "test" for view in dataset.views.values())
    session = session_of(scene)
    if session is not None and session.status is not None and not session.takes_views:
        return session.status.test_items
    return scene.hashlight.capture.held_out_views


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
            draw_words(layout, context, words, rows=3)  # so that nothing below moves when the engine answers


CLASSES = (HASHLIGHT_PT_quality, HASHLIGHT_PT_compare)
