"""The order in which a capture renders its views."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def records(addon: Import) -> Callable[..., list[Any]]:
    """``records(training, held_out)``: that many views on a straight line, one metre from each other."""

    def records(training: int, held_out: int) -> list[Any]:
        from engine.link.capture_format import ViewRecord
        from engine.link.geometry import Camera

        made = []
        for split, count in (("train", training), ("test", held_out)):
            for index in range(count):
                pose = np.eye(4)
                pose[0, 3] = index
                camera = Camera(pose, width=8, height=8, fx=8.0, fy=8.0, cx=4.0, cy=4.0)
                made.append(ViewRecord(f"{split}_{index}", split, camera, "Camera"))
        return made

    return records


def test_held_out_views_stand_evenly_among_training_views(addon: Import, records: Callable[..., list[Any]]) -> None:
    ordered = addon("capture.view_order").order_views(records(8, 2), "")
    assert [record.name for record in ordered if record.split == "train"] == [f"train_{index}" for index in range(8)]
    assert [index for index, record in enumerate(ordered) if record.split == "test"] == [5, 9]


def test_what_is_done_comes_first_and_what_failed_last(addon: Import, records: Callable[..., list[Any]]) -> None:
    views = records(4, 1)
    views[3].render_seconds = 1.0
    ordered = addon("capture.view_order").order_views(views, "train_0")
    assert [record.name for record in ordered] == ["train_3", "train_1", "train_2", "test_0", "train_0"]


def test_a_few_views_of_a_row_are_spread_over_all_of_it(addon: Import, records: Callable[..., list[Any]]) -> None:
    ordered = addon("capture.view_order").spread_views(records(17, 5))
    assert [record.split for record in ordered] == ["train"] * 17 + ["test"] * 5
    first = [record.camera.position[0] for record in ordered[:5]]
    assert max(first) - min(first) == 16 and max(np.diff(sorted(first))) <= 5
