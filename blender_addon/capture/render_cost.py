"""What it took to render a view."""

from __future__ import annotations

import time
from dataclasses import dataclass

import bpy


@dataclass(frozen=True)
class RenderCost:
    """``seconds`` on the clock, and ``cpu_seconds`` of processor time, of all cores together: that does not grow when
    other programs, or the training of the field, have a part of the processor. None where a graphics card renders."""

    seconds: float
    cpu_seconds: float | None = None


def is_on_card(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` is rendered by Cycles on a graphics card. What draws with OpenGL or Vulkan may do so on the
    processor all the same."""
    return scene.render.engine == "CYCLES" and scene.cycles.device != "CPU"


class Stopwatch:
    """Measures the cost of what is rendered from now on, with the settings of ``scene``."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._is_on_cpu = scene.render.engine == "CYCLES" and not is_on_card(scene)
        self._began, self._cpu_began = time.monotonic(), time.process_time()

    def cost(self) -> RenderCost:
        """What it took so far."""
        cpu_seconds = time.process_time() - self._cpu_began if self._is_on_cpu else None
        return RenderCost(time.monotonic() - self._began, cpu_seconds)
