"""Training that can't go on: the run is saved if it can be, and nothing is said that isn't so."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pytest

from engine.cli import train
from engine.cli.interrupts import DeferredInterrupt
from engine.primitives.base import NoDataError
from engine.primitives.kind import TrainingData
from engine.primitives.radiance_field.kind import RADIANCE_FIELD
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_field


def test_what_can_not_be_saved_is_lost_and_nothing_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    options = parser.parse_args(["data", "--out", str(tmp_path / "run"), "--steps", "5"])
    data = TrainingData(sphere_field(), [], TINY)  # without a view there is no step
    training = train.Training(options, RADIANCE_FIELD, data, TEST_DEVICE)
    training.trainer.primitive.parameters()[0].values.fill_(math.nan)  # nor is this saved
    with DeferredInterrupt() as interrupt, pytest.raises(NoDataError):
        training.train(interrupt)
    warning = capsys.readouterr().err
    assert "not saved: training has failed" in warning and "goes on" not in warning
    assert "what was learnt since the last save is lost" in warning
