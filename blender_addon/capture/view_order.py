"""In which order the views of a capture are rendered: whatever there is by now is to be worth training on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engine.link.capture_format import ViewRecord

from .rigs import spread_order


def spread_views(records: Iterable[ViewRecord]) -> list[ViewRecord]:
    """``records`` in an order in which any first ones cover the subject evenly, within each split."""
    ordered = []
    for members in _by_split(records):
        order = spread_order(np.stack([record.camera.position for record in members]))
        ordered.extend(members[index] for index in order)
    return ordered


def order_views(records: Sequence[ViewRecord], leave_for_last: str) -> list[ViewRecord]:
    """``records`` as they come: those that are done, then held-out views evenly among the training views, for scores
    are wanted early, too, and the view named ``leave_for_last`` after all others."""
    finished = [record for record in records if record.is_done]
    place: dict[str, float] = {}
    missing = [record for record in records if not record.is_done]
    for members in _by_split(missing):
        for index, record in enumerate(members):
            place[record.name] = (index + (1 if record.split == "test" else 0)) / len(members)
    return finished + sorted(missing, key=lambda record: (record.name == leave_for_last, place[record.name]))


def _by_split(records: Iterable[ViewRecord]) -> list[list[ViewRecord]]:
    """Training views and held-out views, each if there are any."""
    records = tuple(records)
    splits = ([record for record in records if record.split == split] for split in ("train", "test"))
    return [members for members in splits if members]
