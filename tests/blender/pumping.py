"""Waiting for what an engine does, in a Blender without timers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

PATIENCE = 120.0  # seconds: a first start imports torch and compiles kernels


def wait_for(
    addon: Callable[[str], ModuleType], done: Callable[[], object], what: str, timeout: float = PATIENCE
) -> None:
    """Pump until ``done()`` holds; ``what`` that means is said when it did not come."""
    registry = addon("session.registry")
    assert registry.pump_until(lambda: bool(done()), timeout), f"{what} did not come: {registry.current().failure}"
