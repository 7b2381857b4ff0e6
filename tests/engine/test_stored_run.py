"""Runs that older versions saved: each opens, shows what it showed, and trains on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.evaluation.evaluate import mean_psnr
from engine.run_info import FORMAT
from engine.runs import load_run, save_run
from tests.device import TEST_DEVICE
from tests.scenes import sphere_views

STORED = Path(__file__).parent / "stored_runs"
VIEWS = sphere_views(12, 32)  # what they were trained on
SHOWN = VIEWS[5:6]


@pytest.mark.parametrize("number", range(1, FORMAT))
def test_a_run_of_an_older_format_opens_and_trains_on(number: int, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(STORED / f"format-{number}", tmp_path / "run"))
    assert json.loads((folder / "run.json").read_text())["format"] == number
    run = load_run(folder, TEST_DEVICE)
    trainer, told = run.trainer, run.info["history"][-1]["psnr"]
    assert run.info["kind"] == "radiance-field" and run.info["primitive"]["field"] == "hash-grid"
    assert trainer.primitive.config.kind == "hash-grid" and trainer.step_count == 400
    score = mean_psnr(trainer.primitive.viewer(), SHOWN)["black"]
    assert score == pytest.approx(told, abs=0.05)

    for view in VIEWS:
        trainer.primitive.add(view)
    trainer.set_budget(None, 440)
    while not trainer.is_finished:
        trainer.step()
    assert mean_psnr(trainer.primitive.viewer(), SHOWN)["black"] > told - 0.5
    save_run(folder, trainer, {})
    again = load_run(folder, TEST_DEVICE)
    assert (again.info["format"], again.info["kind"], again.trainer.step_count) == (FORMAT, "radiance-field", 440)
