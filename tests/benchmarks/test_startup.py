"""A start of the command, measured from the outside."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks.startup import PHASES, StartupError, measure
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic


@pytest.mark.slow
def test_phases_of_a_start_add_up(tmp_path: Path) -> None:
    options = argparse.Namespace(dataset=write_nerf_synthetic(tmp_path / "data"), device=TEST_DEVICE)
    start = measure(options, tmp_path, 0)
    assert sum(start[phase] for phase in PHASES) == pytest.approx(start["seconds"], abs=1e-6)
    assert all(start[phase] > 0.0 for phase in PHASES)
    assert 0.0 < start["first_words"] <= start["seconds"] and 0.0 < start["longest_silence"] < start["seconds"]


@pytest.mark.slow
def test_a_start_that_fails_is_told_in_the_commands_words(tmp_path: Path) -> None:
    options = argparse.Namespace(dataset=tmp_path / "nowhere", device=TEST_DEVICE)
    with pytest.raises(StartupError, match="no such folder"):
        measure(options, tmp_path, 0)
