"""What panels really draw: their own ``draw``, given a layout that writes down the words."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import bpy

_CALLS = bpy.types.UILayout.bl_rna.functions
_PROPERTIES = bpy.types.UILayout.bl_rna.properties
_ACROSS = {"row", "split", "grid_flow", "column_flow"}
_DOWN = {"column", "box"}


def words_drawn_by(panel: type[bpy.types.Panel], context: bpy.types.Context) -> str:
    """All that ``panel`` shows now, but for what its settings are called; empty when it is not shown at all."""
    return " ".join(items_drawn_by(panel, context))


def items_drawn_by(panel: type[bpy.types.Panel], context: bpy.types.Context) -> list[str]:
    """The same, item by item."""
    return _draw(panel, context).words


def rows_drawn_by(panel: type[bpy.types.Panel], context: bpy.types.Context) -> int:
    """How many rows ``panel`` takes up now; what is below each other within a row counts for one."""
    return _draw(panel, context).rows


def _draw(panel: type[bpy.types.Panel], context: bpy.types.Context) -> _Sheet:
    sheet = _Sheet()
    if not hasattr(panel, "poll") or panel.poll(context):
        panel.draw(_Drawn(panel, _Layout(sheet)), context)
    return sheet


@dataclasses.dataclass
class _Sheet:
    """What was drawn."""

    words: list[str] = dataclasses.field(default_factory=list)
    rows: int = 0


class _Drawn:
    """Stands in for a panel that Blender draws."""

    def __init__(self, panel: type[bpy.types.Panel], layout: _Layout) -> None:
        self.layout = layout
        self._panel = panel

    def __getattr__(self, name: str) -> Any:
        return types.MethodType(getattr(self._panel, name), self)


class _Layout:
    """Stands in for a UILayout: only what a real one has can be called or set."""

    def __init__(self, sheet: _Sheet, is_in_row: bool = False) -> None:
        object.__setattr__(self, "_sheet", sheet)
        object.__setattr__(self, "_is_in_row", is_in_row)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in _PROPERTIES, f"a layout has no property {name}"

    def __getattr__(self, name: str) -> Any:
        assert name in _CALLS, f"a layout has no {name}()"
        if name in _ACROSS:
            return self._begin_row
        if name in _DOWN:
            return lambda **_: _Layout(self._sheet, self._is_in_row)
        if name == "panel_prop":
            return lambda owner, switch: (
                self._begin_row(),
                _Layout(self._sheet) if getattr(owner, switch) else None,
            )
        if name == "template_list":
            return self._write_rows
        return self._write

    def _begin_row(self, **_: object) -> _Layout:
        self._sheet.rows += not self._is_in_row
        return _Layout(self._sheet, is_in_row=True)

    def _write_rows(self, _kind: str, _key: str, owner: Any, items: str, *_: object, **__: object) -> None:
        self._sheet.words.extend(item.name for item in getattr(owner, items))

    def _write(self, *arguments: object, text: str | None = None, **_: object) -> Any:
        self._sheet.rows += not self._is_in_row
        if text:
            self._sheet.words.append(text)
        elif arguments and "." in str(arguments[0]):  # an operator's button bears its label
            group, _dot, function = arguments[0].partition(".")
            self._sheet.words.append(getattr(getattr(bpy.ops, group), function).get_rna_type().name)
        return types.SimpleNamespace()
