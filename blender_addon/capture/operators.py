"""Fit bounds, plan cameras, capture."""

from __future__ import annotations

CLASSES: tuple[type, ...] = ()
