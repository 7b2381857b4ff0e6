"""Captured views on their way from disk to the engine."""

from __future__ import annotations

import functools
from pathlib import Path

from engine.link.messages import AddView

from ..capture.dataset import CaptureDataset
from ..session.engine_session import EngineSession


def offer_captured_views(session: EngineSession, folder: Path) -> int:
    """Offer every finished view of the capture in ``folder`` to the engine; returns how many. Raises CaptureError."""
    dataset = CaptureDataset.open(folder)
    names = [name for name, view in dataset.views.items() if view.is_done]
    for name in names:
        session.add_item(name, functools.partial(read_view, folder, name))
    return len(names)


def read_view(folder: Path, name: str) -> AddView:
    """One finished view of the capture in ``folder``. Raises CaptureError that names the file at fault."""
    dataset = CaptureDataset.open_shared(folder)
    record = dataset.views[name]
    color, depth = dataset.read(name)
    return AddView(
        name=name,
        split=record.split,
        camera=record.camera,
        color=color,
        depth=depth,
        render_seconds=record.render_seconds or 0.0,
    )
