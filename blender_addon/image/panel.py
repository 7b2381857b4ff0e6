"""The panel in the Image Editor's sidebar."""

from __future__ import annotations

import bpy

from ..layout import CATEGORY, draw_words, lay_out_settings
from ..session import registry
from ..session.status_text import describe_problem
from ..training import run, status_text
from . import canvas, source


class HASHLIGHT_PT_image(bpy.types.Panel):
    bl_label = "Neural Image"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        image = source.find_image(context)
        if reason := source.reason_against(image):
            draw_words(layout, context, reason, icon="INFO")
            return
        assert image is not None
        settings = context.scene.hashlight
        layout.prop(settings.training, "seconds")
        layout.prop(settings.image, "wraps")
        row = layout.row(align=True)
        _draw_button(row, image, settings.image.wraps, anew=False)
        row.operator("hashlight.pause_training", icon="PAUSE", text="Pause")
        _draw_button(layout, image, settings.image.wraps, anew=True)
        _draw_state(layout, context.scene)
        if (learnt := canvas.neural_image(image.name)) is not None:
            layout.label(text=learnt.name, icon="IMAGE_DATA")


def _draw_button(layout: bpy.types.UILayout, image: bpy.types.Image, wraps: bool, anew: bool) -> None:
    words = {"text": "Start Over", "icon": "FILE_REFRESH"} if anew else {"icon": "PLAY"}
    button = layout.operator("hashlight.train_image", **words)
    button.image, button.wraps, button.anew = image.name, wraps, anew


def _draw_state(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Two rows, whatever there is to say."""
    session = run.session_of(scene)
    status = session.status if session is not None else None
    words = describe_problem(registry.current())
    if session is None or status is None:
        layout.label(text=words, icon="ERROR" if words else "NONE")
        layout.label(text="")
        return
    told = words or status_text.describe_progress(status, 0, session.is_scoring)
    if status.progress is None or words:
        layout.label(text=told, icon="ERROR" if words else "NONE")
    else:
        layout.progress(factor=status.progress, text=told)
    layout.label(text=status_text.describe_score(session) if session.evaluations else "Not scored yet")


CLASSES = (HASHLIGHT_PT_image,)
