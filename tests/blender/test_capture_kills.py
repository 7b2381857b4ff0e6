"""``kill -9`` over the add-on's writer of captures: no view that it has told of is lost, and nothing half is left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Import = Callable[[str], ModuleType]

_WRITER = """
import importlib, sys
from pathlib import Path
import bpy, addon_utils
import numpy as np
addon_utils.enable("bl_ext.user_default.hashlight", default_set=True)
module = lambda name: importlib.import_module("bl_ext.user_default.hashlight." + name)
from engine.link.capture_format import ViewRecord
from engine.link.geometry import Bounds, Camera
camera = Camera(np.eye(4), 64, 64, 60.0, 60.0, 32.0, 32.0)
views = [ViewRecord(f"v{i:04d}", "train", camera, "rig") for i in range(1000)]
settings = {"color_space": "linear", "depth": True}
dataset = module("capture.dataset").CaptureDataset(Path(sys.argv[1]), settings, Bounds([0] * 3, [1] * 3), views)
rng = np.random.default_rng(1)
cost = module("capture.render_cost").RenderCost(0.1, None)
for view in views:
    if not dataset.views[view.name].is_done:
        color, depth = rng.random((64, 64, 4)).astype(np.float16), rng.random((64, 64)).astype(np.float32)
        dataset.write(view.name, color, depth, cost)
        print(view.name, flush=True)
"""


def _kill(addon: Import, folder: Path, kills: int) -> tuple[int, int]:
    """Views that were told of as written, and how many of them were lost."""
    dataset_module, told, lost = addon("capture.dataset"), set(), 0
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        while first and not first.startswith("v"):
            first = process.stdout.readline()  # Blender's own words
        time.sleep(random.uniform(0.0, 0.3))
        process.kill()
        told |= {line for line in [first.strip(), *process.communicate()[0].split()] if line.startswith("v")}
        dataset = dataset_module.CaptureDataset.open(folder)
        for name in told:
            try:
                assert dataset.views[name].is_done
                color, depth = dataset.read(name)
                assert color.shape == (64, 64, 4) and depth.shape == (64, 64)
            except Exception as error:
                print(name, error)
                lost += 1
        for split in ("train", "test"):
            json.loads((folder / f"transforms_{split}.json").read_text())
    assert len(list((folder / "images").glob(".*.part.*"))) <= 1
    dataset_module.CaptureDataset(folder, dataset.settings, dataset.bounds, list(dataset.views.values()))
    assert not list(folder.rglob(".*.part.*")), "the next start takes away what the last one left"
    return len(told), lost


def test_a_killed_writer_loses_no_view(addon: Import, tmp_path: Path) -> None:
    told, lost = _kill(addon, tmp_path / "capture", 1)
    assert told and not lost


@pytest.mark.faults
def test_a_writer_that_is_killed_again_and_again_loses_no_view(addon: Import, tmp_path: Path, tally) -> None:  # noqa: ANN001
    told, lost = _kill(addon, tmp_path / "capture", 40)
    tally.add("kills of the add-on's writer of captures", 40, lost=lost)
    assert told >= 40 and not lost
