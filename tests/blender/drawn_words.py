"""What panels really draw: their own ``draw``, given a layout that writes down the words."""

from __future__ import annotations

import types
from typing import Any

import bpy

_CALLS = bpy.types.UILayout.bl_rna.functions
_PROPERTIES = bpy.types.UILayout.bl_rna.properties
_PARTS = {"row", "column", "column_flow", "box", "split", "grid_flow"}


def words_drawn_by(panel: type[bpy.types.Panel], context: bpy.types.Context) -> str:
    """All that ``panel`` shows now, but for what its settings are called; empty when it is not shown at all."""
    return " ".join(items_drawn_by(panel, context))


def items_drawn_by(panel: type[bpy.types.Panel], context: bpy.types.Context) -> list[str]:
    """The same, item by item."""
    words: list[str] = []
    if not hasattr(panel, "poll") or panel.poll(context):
        panel.draw(_Drawn(panel, _Layout(words)), context)
    return words


class _Drawn:
    """Stands in for a panel that Blender draws."""

    def __init__(self, panel: type[bpy.types.Panel], layout: _Layout) -> None:
        self.layout = layout
        self._panel = panel

    def __getattr__(self, name: str) -> Any:
        return types.MethodType(getattr(self._panel, name), self)


class _Layout:
    """Stands in for a UILayout: only what a real one has can be called or set."""

    def __init__(self, words: list[str]) -> None:
        object.__setattr__(self, "_words", words)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in _PROPERTIES, f"a layout has no property {name}"

    def __getattr__(self, name: str) -> Any:
        assert name in _CALLS, f"a layout has no {name}()"
        if name in _PARTS:
            return lambda **_: _Layout(self._words)
        if name == "panel_prop":
            return lambda owner, switch: (
                _Layout(self._words),
                _Layout(self._words) if getattr(owner, switch) else None,
            )
        if name == "template_list":
            return self._write_rows
        return self._write

    def _write_rows(self, _kind: str, _key: str, owner: Any, items: str, *_: object, **__: object) -> None:
        self._words.extend(item.name for item in getattr(owner, items))

    def _write(self, *arguments: object, text: str | None = None, **_: object) -> Any:
        if text:
            self._words.append(text)
        elif arguments and isinstance(arguments[0], str):  # an operator's button bears its label
            group, _dot, function = arguments[0].partition(".")
            self._words.append(getattr(getattr(bpy.ops, group), function).get_rna_type().name)
        return types.SimpleNamespace()
