"""Charts as icons, which is the one kind of picture that a panel can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy.utils.previews

from .chart import Color, draw_chart

_SIZE = 256

_icons: Any = None  # bpy.utils.previews.ImagePreviewCollection
_drawn: dict[str, object] = {}


def chart_icon(name: str, points: Sequence[tuple[float, float]], color: Color) -> int:
    """The icon of chart ``name``, drawn again if its points have changed."""
    icon = _icons.get(name) or _icons.new(name)
    key = (len(points), *points[-1:], *points[:1])
    if _drawn.get(name) != key:
        _drawn[name] = key
        icon.image_size = (_SIZE, _SIZE)
        icon.image_pixels_float.foreach_set(draw_chart(points, color, _SIZE).reshape(-1))
    return icon.icon_id


def register() -> None:
    """Make room for icons."""
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    """Free them."""
    bpy.utils.previews.remove(_icons)
    _drawn.clear()
