"""What is kept of what the engine says, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

Import = Callable[[str], ModuleType]


def test_what_the_former_run_does_is_not_taken_for_the_next_one(addon: Import) -> None:
    from engine.link.geometry import Bounds
    from engine.link.messages import RadianceFieldSpec, RunOpened, Status

    box = Bounds([0] * 3, [1] * 3)
    opened = RunOpened(run="run", step=0, preset="cpu", primitive=RadianceFieldSpec(bounds=box), bounds=box)
    mirror = addon("session.engine_state").EngineState()
    mirror.note(opened)
    mirror.note(Status(state="training", step=90))
    mirror.forget_run(history=False)

    mirror.note(Status(state="training", step=91))
    assert mirror.status is None, "the engine trains the former run until it opens the next one"
    mirror.note(Status(state="warming up", message="opening run"))
    assert mirror.status.message == "opening run"
    mirror.note(Status(state="training", step=92))
    assert mirror.status is None, "it could not be opened, and the former one goes on"
    mirror.note(opened)
    mirror.note(Status(state="training", step=1))
    assert mirror.status.step == 1
