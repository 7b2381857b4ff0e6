"""Charts as icons, which is the one kind of picture that a panel can show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy.utils.previews

from .chart import Color, draw_chart

_SIZE = 160
_REFRESH = 1.0  # seconds after which a chart whose points have changed is drawn again
_PAUSE = 0.1  # seconds between two charts

_icons: Any = None  # bpy.utils.previews.ImagePreviewCollection
_drawn: dict[str, _Drawn] = {}
_drawn_at = 0.0


@dataclass(frozen=True)
class _Drawn:
    """A chart as it was drawn last."""

    key: tuple[object, ...]
    at: float


def chart_icon(name: str, points: Sequence[tuple[float, float]], color: Color) -> int:
    """The icon of chart ``name``, drawn again if its points have changed and there is time for it.

    Panels are drawn several times a second, and a chart takes some milliseconds: the others follow when the panel is
    drawn the next time.
    """
    global _drawn_at
    icon = _icons.get(name) or _icons.new(name)
    key = (len(points), *points[-1:], *points[:1])
    now, drawn = time.monotonic(), _drawn.get(name)
    is_due = drawn is None or (drawn.key != key and now - drawn.at > _REFRESH)
    if is_due and now - _drawn_at > _PAUSE:
        _drawn[name] = _Drawn(key, now)
        _drawn_at = now
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
