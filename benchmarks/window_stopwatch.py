"""Times what Blender's main thread spends in functions of ours, called by us or by Blender."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import bpy

CAPTURE = "capture, all else"
RENDER_CALL = "Blender's own start of a render, for each view"


class Stopwatch:
    """Times of named functions in milliseconds: by the clock, and of the thread's own computing. ``RENDER_CALL`` is not
    counted to the function that makes it."""

    def __init__(self) -> None:
        self.times: dict[str, list[tuple[float, float]]] = {}
        self._apart = (0.0, 0.0)  # spent in RENDER_CALL by the function that is timed

    def wrap(self, module: ModuleType | type, name: str, label: str) -> None:
        """Have every call of ``module.name`` timed under ``label``."""
        function: Callable[..., object] = getattr(module, name)

        @functools.wraps(function)
        def timed(*arguments: object, **options: object) -> object:
            with self._timed(label):
                return function(*arguments, **options)

        setattr(module, name, timed)

    def wrap_panel(self, panel: type[bpy.types.Panel]) -> None:
        """``wrap`` for a panel's ``draw`` and ``poll``, whose arguments Blender counts."""
        function = panel.draw

        def draw(self_: bpy.types.Panel, context: bpy.types.Context) -> None:
            with self._timed("panels"):
                function(self_, context)

        panel.draw = draw
        if "poll" not in vars(panel):
            return
        ask = panel.poll

        def poll(cls: type[bpy.types.Panel], context: bpy.types.Context) -> bool:
            with self._timed("panels, whether they show"):
                return ask(context)

        panel.poll = classmethod(poll)

    def wrap_modal(self, operator: type[bpy.types.Operator], label: str) -> None:
        """``wrap`` for an operator's ``modal``, whose arguments Blender counts."""
        function = operator.modal

        def modal(self_: bpy.types.Operator, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
            with self._timed(label):
                return function(self_, context, event)

        operator.modal = modal

    def wrap_button(self, operator: type[bpy.types.Operator]) -> None:
        """``wrap`` for an operator's ``execute``, likewise."""
        function = operator.execute

        def execute(self_: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
            with self._timed(f"button {operator.bl_label}"):
                return function(self_, context)

        operator.execute = execute

    @contextlib.contextmanager
    def _timed(self, label: str) -> Iterator[None]:
        if label != RENDER_CALL:
            self._apart = (0.0, 0.0)
        clock, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            spent = (1e3 * (time.perf_counter() - clock), 1e3 * (time.thread_time() - cpu))
            if label == RENDER_CALL:
                self._apart = spent
            elif label == CAPTURE:
                spent = (spent[0] - self._apart[0], spent[1] - self._apart[1])
            self.times.setdefault(label, []).append(spent)

    def take(self) -> dict[str, list[tuple[float, float]]]:
        """All that was measured since the last time."""
        times, self.times = self.times, {}
        return times
