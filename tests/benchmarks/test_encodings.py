"""The comparison of encodings: what is measured, and how trainings become a result and a picture."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks.curves import draw_curves
from benchmarks.encodings import encodings
from benchmarks.encodings_result import BASE, BASELINE, extend, recorded_trainings, summarise
from benchmarks.results import write_result
from taichi_kernels import triton_kernels
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic

REPOSITORY = Path(__file__).resolve().parents[2]
ENCODINGS = tuple(encodings("cpu", {}))
HEAD = {"dataset": "lego", "device": "cuda", "device_name": "a card"}


def _training(encoding: str, seconds: float, seed: int, psnr: float, subject: float | None = None) -> dict[str, Any]:
    figures = {"seconds": seconds, "step": 100.0 * seed, "psnr_black": psnr, "subject_psnr": subject}
    return {"encoding": encoding, "network": "large", "seed": seed, "head": HEAD, "figures": figures}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_grids_take_the_same_memory(device: str) -> None:
    fields = {name: encoding.config.fit(encoding.config.field) for name, encoding in encodings(device, {}).items()}
    entries = {name: fields[name].grid.entries for name in (BASE, "dense grid", "hash table of one level")}
    most = fields[BASE].levels << fields[BASE].log2_table_size
    assert entries["hash table of one level"] == most
    assert entries[BASE] <= most and 0.9 * most < entries["dense grid"] <= most
    assert all(encoding.config.needed_bytes("cpu") < 8e9 for encoding in encodings(device, {}).values())


def test_a_setting_is_tried_with_the_large_networks_alone() -> None:
    rows = encodings("cpu", {"seed": 3}, {"learning_rate": 0.123})
    assert {name for name, row in rows.items() if row.config.learning_rate == 0.123} == {
        BASELINE,
        "nerf, coarse and fine",
    }
    assert all(row.config.seed == 3 for row in rows.values())


def test_seeds_are_averaged_and_the_speedup_is_that_to_the_baselines_last_score() -> None:
    trainings = [_training(BASE, 1.0, 0, 30.0), _training(BASE, 5.0, 0, 34.0), _training(BASE, 5.0, 1, 36.0, 20.0)]
    trainings += [_training(BASELINE, 5.0, 0, 20.0), _training(BASELINE, 300.0, 0, 32.5)]
    result = summarise(trainings, ENCODINGS)
    assert [row["encoding"] for row in result["rows"]] == [BASE, BASELINE] and result["device_name"] == "a card"
    last = result["rows"][0]["budgets"][1]
    assert last["psnr_black"] == 35.0 and last["psnr_black_spread"] == [34.0, 36.0]
    assert last["figures_by_seed"] == {"0": trainings[1]["figures"], "1": trainings[2]["figures"]}
    assert last["subject_psnr"] is None
    assert result["speedup"] == pytest.approx(300.0 / 3.0)  # half of the way from 1 to 5 s
    assert summarise(trainings[:3], ENCODINGS)["speedup"] is None


def test_what_is_recorded_is_extended_and_replaced_seed_by_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.results.RESULTS", tmp_path)
    first = [_training(BASE, 5.0, seed, 30.0 + seed) for seed in (0, 1)]
    write_result("encodings", summarise(first, ENCODINGS))
    recorded = recorded_trainings("lego", "cuda")
    assert recorded == first
    anew = _training(BASE, 5.0, 0, 33.0) | {"figures": first[0]["figures"] | {"step": 20.0, "psnr_black": 33.0}}
    (row,) = summarise(extend(recorded, [anew, _training(BASE, 5.0, 2, 38.0)]), ENCODINGS)["rows"]
    assert row["budgets"][0]["step"] == (20.0 + 100.0 + 200.0) / 3 and row["budgets"][0]["psnr_black"] == 34.0
    assert recorded_trainings("lego", "cuda", "another card") == recorded_trainings("lego", "cpu") == []


def test_a_row_of_which_only_means_are_known_keeps_them_by_the_number_of_its_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.results.RESULTS", tmp_path)
    means = {"seconds": 5.0, "step": 70.0, "psnr_black": 31.0, "subject_psnr": 20.0}
    budget = means | {"psnr_black_spread": [30.0, 32.0], "psnr_black_by_seed": {"0": 30.0, "1": 32.0}}
    rows = [{"encoding": BASE, "network": "large", "budgets": [budget]}]
    write_result("encodings", HEAD | {"rows": rows, "speedup": None})
    recorded = recorded_trainings("lego", "cuda")
    assert [(each["seed"], each["figures"]["psnr_black"], each["shared"]) for each in recorded] == [
        (0, 30.0, [0, 1]),
        (1, 32.0, [0, 1]),
    ]
    result = summarise(extend(recorded, [_training(BASE, 5.0, 2, 34.0, 23.0)]), ENCODINGS)
    write_result("encodings", result)
    (extended,) = result["rows"][0]["budgets"]
    assert (extended["step"], extended["subject_psnr"]) == ((70.0 + 70.0 + 200.0) / 3, 21.0)
    assert extended["psnr_black_by_seed"] == {"0": 30.0, "1": 32.0, "2": 34.0} and "figures_by_seed" not in extended
    assert summarise(recorded_trainings("lego", "cuda"), ENCODINGS)["rows"][0]["budgets"] == [extended]
    with pytest.raises(SystemExit, match=r"hash grid, 5 s: seed 1 was trained anew, but of the seeds 0, 1, 2 only"):
        extend(recorded_trainings("lego", "cuda"), [_training(BASE, 5.0, 1, 33.0)])
    everything = [_training(BASE, 5.0, seed, 33.0) for seed in range(3)]
    assert extend(recorded_trainings("lego", "cuda"), everything) == everything


def test_the_picture_names_every_line_and_is_xml() -> None:
    lines = {"grid & more": [(1.0, 30.0), (300.0, 35.0)], "nerf": [(5.0, 20.0), (300.0, 34.9)]}
    texts = [element.text for element in ElementTree.fromstring(draw_curves(lines)).iter() if element.text]
    assert {"grid & more", "nerf", "300", "5", "1"} <= set(texts)


def test_triton_is_back_after_it_was_switched_off() -> None:
    before = triton_kernels.available()
    with triton_kernels.switched_off():
        assert not triton_kernels.available()
        with triton_kernels.switched_off():
            pass
        assert not triton_kernels.available()
    assert triton_kernels.available() == before


@pytest.mark.slow
def test_a_training_ends_as_a_file_and_is_not_made_again(tmp_path: Path) -> None:
    dataset = write_nerf_synthetic(tmp_path / "sphere", train=3, test=1, size=160)
    options = [
        "--device",
        TEST_DEVICE,
        "--only",
        "hash-grid_*",
        "--budgets",
        "0.2",
        "--seeds",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    command = [sys.executable, "-m", "benchmarks.encodings", str(dataset), *options]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    (path,) = (tmp_path / "out").iterdir()
    training = json.loads(path.read_text())
    assert training["encoding"] == BASE and training["figures"]["step"] >= 1 and training["head"]["test_views"] == 1
    assert training["figures"]["psnr_black"] > 5.0
    before = path.stat().st_mtime_ns
    subprocess.run(command, cwd=REPOSITORY, check=True)
    assert path.stat().st_mtime_ns == before
