"""Pictures asked of the engine: which ids they have, and which of them won't come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

Import = Callable[[str], ModuleType]


def test_what_was_asked_of_a_former_engine_or_run_is_known_to_be_lost(addon: Import, tmp_path: Path) -> None:
    from engine.link.geometry import Bounds, Camera
    from engine.link.messages import OpenRun, RadianceFieldSpec

    camera = Camera(np.eye(4), 4, 4, 4.0, 4.0, 2.0, 2.0)
    session = addon("session.engine_session").EngineSession(addon("session.connecting").LocalEngine("python", tmp_path))
    requests = session.frame_requests
    first, second = requests.ask(0, camera), requests.ask(1, camera)
    assert second > first > 0
    assert not requests.has_lost(first)
    assert requests.take({first, second}) is None

    session.stop()
    assert requests.has_lost(first) and requests.has_lost(second)
    third = requests.ask(1, camera)
    assert third > second
    assert not requests.has_lost(third)
    session.open_run(OpenRun(run="run", primitive=RadianceFieldSpec(bounds=Bounds(np.zeros(3), np.ones(3)))))
    assert requests.has_lost(third)
