"""How captured views are compared, as ``scene.hashlight.review``."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..capture.captured_views import captured_views
from . import comparison


def _find_views(settings: HASHLIGHT_PG_review, context: bpy.types.Context, text: str) -> list[str]:
    """Captured views whose name holds ``text``, for the search below the field."""
    return [name for name in captured_views(settings.id_data) if text.lower() in name.lower()]


def _compose_again(settings: HASHLIGHT_PG_review, context: bpy.types.Context) -> None:
    comparison.compose_again(settings.id_data)


class HASHLIGHT_PG_review(bpy.types.PropertyGroup):
    view: StringProperty(
        name="View",
        description="Captured view to compare with the field",
        search=_find_views,
    )
    mode: EnumProperty(
        name="Show",
        description="How to compare the two pictures",
        items=(
            ("SIDE_BY_SIDE", "Side by Side", "The neural picture on the left, the captured one on the right"),
            ("DIFFERENCE", "Difference", "How far the two are apart, as displayed on black"),
            ("NEURAL", "Neural", "The neural picture alone"),
            ("TRUTH", "Captured", "The captured picture alone"),
        ),
        default="SIDE_BY_SIDE",
        update=_compose_again,
    )
    gain: FloatProperty(
        name="Gain",
        description="Multiply differences, to see small ones",
        default=4.0,
        min=1.0,
        max=100.0,
        soft_max=20.0,
        update=_compose_again,
    )
    keep_up: BoolProperty(
        name="Keep Up",
        description="Render the view again while training goes on",
        default=False,
    )
