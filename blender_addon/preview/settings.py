"""Which neural picture is seen and where, as ``scene.hashlight.preview``."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, IntProperty

from . import plane


def _show_plane(settings: HASHLIGHT_PG_preview, context: bpy.types.Context) -> None:
    kinds: dict[str, plane.Kind] = {"PREVIEW": "preview", "COMPARISON": "comparison", "BAKE": "bake"}
    plane.show_only(settings.id_data, kinds.get(settings.shown))


class HASHLIGHT_PG_preview(bpy.types.PropertyGroup):
    shown: EnumProperty(
        name="Show",
        description="Which plane is seen",
        items=(
            ("PREVIEW", "Preview", "The neural picture of the scene camera"),
            ("COMPARISON", "Compare", "A captured view and its neural picture"),
            ("BAKE", "Bake", "The frames of the last bake"),
            ("NONE", "None", "No plane"),
        ),
        default="PREVIEW",
        update=_show_plane,
    )
    place: EnumProperty(
        name="Place",
        description="How far from the camera the plane stands",
        items=(
            ("FRONT", "In Front", "Before the bounds: nothing of the subject hides the plane"),
            ("CENTER", "Center", "Through the middle of the bounds"),
            ("BEHIND", "Behind", "Beyond the bounds: the subject stands before the plane"),
        ),
        default="FRONT",
    )
    percentage: IntProperty(
        name="Resolution",
        description="Size of the neural picture, as a share of the render resolution",
        subtype="PERCENTAGE",
        default=100,
        min=1,
        max=100,
    )
