"""Which neural picture is seen and where, as ``scene.hashlight.preview``."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from . import plane


def _show_plane(settings: HASHLIGHT_PG_preview, context: bpy.types.Context) -> None:
    kinds: dict[str, plane.PlaneUse] = {"PREVIEW": "preview", "COMPARISON": "comparison", "BAKE": "bake"}
    plane.show_only(settings.id_data, kinds.get(settings.shown))


def _show_in_renders(settings: HASHLIGHT_PG_preview, context: bpy.types.Context) -> None:
    plane.show_in_renders(settings.id_data, settings.show_in_renders)


class HASHLIGHT_PG_preview(bpy.types.PropertyGroup):
    shown: EnumProperty(
        name="Show",
        description="Plane to show",
        items=(
            ("PREVIEW", "Preview", "The neural picture of the scene camera"),
            ("COMPARISON", "Compare", "A captured view and its neural picture"),
            ("BAKE", "Rendered Frames", "The frames that were last rendered from the field"),
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
    show_in_renders: BoolProperty(
        name="Show in Renders",
        description="Show the plane in renders of the scene, too",
        default=False,
        update=_show_in_renders,
    )
    mark_predicted: BoolProperty(
        name="Mark Predicted",
        description="Hatch surfaces that no captured view shows, while the picture is predicted from few views",
        default=False,
    )
    hide_captured: BoolProperty(
        name="Hide Captured Objects",
        description="Hide the objects that the field holds while the neural view is on, in this viewport alone",
        default=True,
    )
    percentage: IntProperty(
        name="Resolution",
        description="Size of the neural picture, as a share of the render resolution",
        subtype="PERCENTAGE",
        default=100,
        min=1,
        max=100,
    )
