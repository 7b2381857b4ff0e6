"""What tests of a prior that guides share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.priors.weights import Prior
from tests.engine.primitives.radiance_field.known_prior import make_prior


@pytest.fixture
def prior(tmp_path: Path) -> Prior:
    """A good one."""
    return make_prior(tmp_path / "prior.safetensors", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the guide sees it. It stands still: nothing of a prior's takes any."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("engine.primitives.radiance_field.guide.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock
