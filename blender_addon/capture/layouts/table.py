"""All layouts, by identifier, in the order in which they are offered."""

from __future__ import annotations

import bpy

from .along_curve import AlongCurve
from .around import Hemisphere, Rings, Sphere
from .front_arc import FrontArc
from .inside import Inside
from .layout import Layout
from .own_cameras import Animation, SceneCameras

LAYOUTS: dict[str, Layout] = {
    layout.identifier: layout
    for layout in (Sphere(), Hemisphere(), Rings(), FrontArc(), Inside(), AlongCurve(), SceneCameras(), Animation())
}


def layout_of(scene: bpy.types.Scene) -> Layout:
    """The layout that is chosen in ``scene``."""
    return LAYOUTS[scene.hashlight.capture.rig]


def enum_items() -> list[tuple[str, str, str, str, int]]:
    """The layouts as the items of an EnumProperty."""
    return [(layout.identifier, layout.label, layout.description, "NONE", layout.number) for layout in LAYOUTS.values()]
