"""What trainings of several encodings become: one result in benchmarks/results/, tables and a picture.

A training is the JSON that ``benchmarks.encodings`` leaves for each: ``encoding``, ``network``, ``seed``, ``head`` (see
benchmarks.results.describe) and ``figures``. A result has the figures of each seed (``figures_by_seed``), so that it
can be extended. Of older rows with several seeds only each one's PSNR was kept (``psnr_black_by_seed``), beside means:
such a training has ``shared``, the seeds whose means its other figures are.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import make_tables
from benchmarks.curves import draw_curves
from benchmarks.results import RESULTS, read_results, slug, write_result
from benchmarks.training_tables import curves_name
from engine.cli.training_benchmark import time_to_reach
from engine.link.part_files import written_atomically

IMAGES = RESULTS.parents[1] / "docs" / "images"
BASE, BASELINE = "hash grid", "nerf"


def collect(folder: Path, names: Sequence[str], is_extended: bool) -> None:
    """Make one result, the tables and the picture of the trainings in ``folder``; with ``is_extended``, of those that
    are recorded of the same data and machine, too."""
    trainings = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    if not trainings:
        raise SystemExit(f"{folder}: no training has ended there yet")
    if is_extended:
        head = trainings[0]["head"]
        trainings = extend(recorded_trainings(head["dataset"], head["device"], head["device_name"]), trainings)
    result = summarise(trainings, names)
    write_result("encodings", result)
    lines = {
        row["encoding"]: [(figures["seconds"], figures["psnr_black"]) for figures in row["budgets"]]
        for row in result["rows"]
    }
    with written_atomically(IMAGES / curves_name(result)) as path:
        path.write_text(draw_curves(lines) + "\n", encoding="utf-8")
    make_tables.write_pages()


def summarise(trainings: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Any]:
    """The result that is kept: rows in the order of ``names``, budgets in theirs, means over seeds and each
    seed's."""
    rows = []
    for name in names:
        own = [training for training in trainings if training["encoding"] == name]
        budgets = sorted({training["figures"]["seconds"] for training in own})
        if own:
            of_budgets = [[each for each in own if each["figures"]["seconds"] == seconds] for seconds in budgets]
            rows.append(
                {"encoding": name, "network": own[0]["network"], "budgets": [_average(seeds) for seeds in of_budgets]}
            )
    return {**trainings[0]["head"], "rows": rows, "speedup": find_speedup(rows)}


def extend(recorded: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trainings of both, new ones in the place of recorded ones. Raises SystemExit where these are some of those
    of which only means are known: the others' are not."""
    names = {training_name(training) for training in new}
    kept = [training for training in recorded if training_name(training) not in names]
    for training in kept:
        encoding, seconds = training["encoding"], training["figures"]["seconds"]
        again = [seed for seed in training.get("shared", ()) if job_name(encoding, seconds, seed) in names]
        if again:
            raise SystemExit(
                f"{encoding}, {seconds:g} s: seed {again[0]} was trained anew, but of the seeds "
                f"{', '.join(map(str, training['shared']))} only means are recorded: train each of them anew"
            )
    return [*new, *kept]


def recorded_trainings(dataset: str, device: str, machine: str = "") -> list[dict[str, Any]]:
    """What benchmarks/results/ has of ``dataset`` on a kind of device (one named ``machine``, where given), a training
    for each seed."""
    return [
        {
            "encoding": row["encoding"],
            "network": row["network"],
            "head": {name: value for name, value in result.items() if name not in ("rows", "speedup")},
            **training,
        }
        for result in read_results().get("encodings", [])
        if result["dataset"] == dataset and result["device"] == device and machine in ("", result["device_name"])
        for row in result["rows"]
        for budget in row["budgets"]
        for training in _split(budget)
    ]


def _split(budget: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row's ``seed`` and ``figures`` of each training, with ``shared`` where it has means."""
    if "figures_by_seed" in budget:
        return [{"seed": int(seed), "figures": figures} for seed, figures in budget["figures_by_seed"].items()]
    means = {name: value for name, value in budget.items() if not name.startswith("psnr_black_")}
    scores = {int(seed): score for seed, score in budget["psnr_black_by_seed"].items()}
    shared = {"shared": sorted(scores)} if len(scores) > 1 else {}
    return [{"seed": seed, "figures": {**means, "psnr_black": score}, **shared} for seed, score in scores.items()]


def training_name(training: Mapping[str, Any]) -> str:
    return job_name(training["encoding"], training["figures"]["seconds"], training["seed"])


def job_name(encoding: str, seconds: float, seed: int) -> str:
    return f"{slug(encoding)}_{seconds:g}_{seed}"


def _average(trainings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each figure over the seeds, None where one has none, with every seed's own as far as they are
    known."""
    figures = {str(training["seed"]): training["figures"] for training in trainings}
    first, *_ = figures.values()
    means = {
        name: None if None in (values := [each[name] for each in figures.values()]) else statistics.fmean(values)
        for name in first
    }
    scores = {seed: each["psnr_black"] for seed, each in figures.items()}
    spread = {"psnr_black_spread": [min(scores.values()), max(scores.values())]} if len(scores) > 1 else {}
    if any("shared" in training for training in trainings):
        return {**means, **spread, "psnr_black_by_seed": scores}
    return {**means, **spread, "figures_by_seed": figures}


def find_speedup(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """How many times as long as the hash grid the original NeRF took to its last score; None: the hash grid's first
    budget was enough already, so that there is only a bound, or its last was not."""
    budgets = {row["encoding"]: row["budgets"] for row in rows}
    if not {BASE, BASELINE} <= budgets.keys():
        return None
    goal = budgets[BASELINE][-1]
    reached = time_to_reach(budgets[BASE], goal["psnr_black"])
    return None if reached is None or reached <= budgets[BASE][0]["seconds"] else goal["seconds"] / reached
