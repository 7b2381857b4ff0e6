"""The warnings that the panel lists, with their buttons, which stay where they are while the pointer is over the panel.

Then the row of a warning that no longer holds is kept, ticked and grey, and new warnings come last: whatever button is
about to be clicked is not moved by another's being pressed, or by a check that happens to end just then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import bpy

from .. import app_handlers, pointer, write_lock
from ..layout import redraw_sidebars
from .plan_warnings import PlanWarning, pack, unpack

CLASSES = ()
_WAIT = 0.5  # seconds between two looks at whether the pointer has left

_Row = tuple[str, str, bool]  # words, cures, whether that is settled

_waiting: dict[str, list[PlanWarning]] = {}  # by scene: what its capture found, till the pointer has left the panel


def tell(warnings: Iterable[PlanWarning], findings: bpy.types.bpy_prop_collection, keeps_places: bool = False) -> bool:
    """Have ``findings``, of the capture's settings, hold ``warnings``; whether they held others before.
    ``keeps_places``: what is listed stays in its row."""
    told = [(warning.words, pack(warning.cures), False) for warning in warnings]
    rows = [(finding.words, finding.cures, finding.is_settled) for finding in findings]
    wanted = _merge(rows, told) if keeps_places else told
    if wanted == rows:
        return False
    findings.clear()
    for words, cures, is_settled in wanted:
        finding = findings.add()
        finding.words, finding.cures, finding.is_settled = words, cures, is_settled
    return True


def tell_in_window(warnings: Iterable[PlanWarning], scene: bpy.types.Scene) -> None:
    """Show ``warnings`` of the plan of ``scene`` in the panel."""
    settings = scene.hashlight.capture
    is_pointed_at = pointer.rests_on_our_panels()
    if tell(warnings, settings.plan_findings, keeps_places=is_pointed_at):
        redraw_sidebars()
    if is_pointed_at:
        tidy_soon()


def tell_later(warnings: Iterable[PlanWarning], scene: bpy.types.Scene) -> None:
    """Show what a capture of ``scene`` found once the pointer has left the panel, in which it would move buttons."""
    _waiting[scene.name] = list(warnings)
    tidy_soon()


def forget_waiting(scene: bpy.types.Scene) -> None:
    """What a former capture of ``scene`` found is old news."""
    _waiting.pop(scene.name, None)


def tidy_soon() -> None:
    """Leave nothing in its place that need not be there once the pointer has left the panel."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tidy):
        bpy.app.timers.register(_tidy, first_interval=_WAIT)


def _merge(rows: list[_Row], told: list[_Row]) -> list[_Row]:
    """``told`` in the rows that they have, or that a warning of their kind leaves to them; the others at the end."""
    left = [row for row in told if row[:2] not in {other[:2] for other in rows}]
    merged = []
    for words, cures, _ in rows:
        if (words, cures, False) in told:
            merged.append((words, cures, False))
        elif of_its_kind := next((row for row in left if _kind(row) == _kind((words, cures, False))), None):
            left.remove(of_its_kind)
            merged.append(of_its_kind)
        else:
            merged.append((words, cures, True))
    return merged + left


def _kind(row: _Row) -> tuple[str, list[str]]:
    """What warnings have in common that differ in numbers and names alone: how they begin, and their buttons."""
    beginning = re.sub(r"\([^)]*\)|[0-9.]+", "", row[0].partition(": ")[0])
    singular = re.sub(r"\b(is|are|isn't|aren't|has|have)\b|s\b", "", beginning)
    return singular, [cure.label for cure in unpack(row[1])]


def _tidy() -> float | None:
    if pointer.rests_on_our_panels() or not write_lock.unlock():
        return _WAIT
    _drop_settled()
    for name, warnings in _waiting.items():
        if (scene := bpy.data.scenes.get(name)) is not None:
            tell(warnings, scene.hashlight.capture.capture_findings)
    _waiting.clear()
    redraw_sidebars()
    return None


def _before_load(*_: object) -> None:
    _waiting.clear()


def _drop_settled(*_: object) -> None:
    for scene in bpy.data.scenes:
        settings = scene.hashlight.capture
        for index in reversed(range(len(settings.plan_findings))):
            if settings.plan_findings[index].is_settled:
                settings.plan_findings.remove(index)
        settings.property_unset("settings_rows")


_HANDLERS = (
    (bpy.app.handlers.load_pre, _before_load),
    (bpy.app.handlers.load_post, _drop_settled),  # the file may have been saved meanwhile
)


def register() -> None:
    """Follow the loading of files."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    if bpy.app.timers.is_registered(_tidy):
        bpy.app.timers.unregister(_tidy)
