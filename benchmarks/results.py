"""Where measurements are kept: one JSON file a kind, dataset and device in benchmarks/results/."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.link.part_files import written_atomically

if TYPE_CHECKING:
    from engine.data.dataset import Dataset

RESULTS = Path(__file__).resolve().parent / "results"


def add_no_result(parser: argparse.ArgumentParser) -> None:
    """``--no-result``, for those that write their own result."""
    parser.add_argument("--no-result", action="store_true", help="leave benchmarks/results as it is")


def describe(path: Path, dataset: Dataset, device: str) -> dict[str, Any]:
    """What every result begins with: the dataset read from ``path``, how large it is, and the machine."""
    from engine.machine import device_name, versions  # here, for a measured start must not import more than its command

    camera = dataset.train[0].camera
    return {
        "dataset": path.resolve().name,
        "size": [camera.width, camera.height],
        "train_views": len(dataset.train),
        "test_views": len(dataset.test),
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
    }


def result_path(kind: str, dataset: str, device_name: str) -> Path:
    """The file of one result; its folder exists afterwards."""
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{kind}-{slug(dataset)}-{slug(device_name)}.json"


def write_result(kind: str, result: dict[str, Any]) -> None:
    """Keep ``result``, which names its ``dataset`` and ``device_name``."""
    with written_atomically(result_path(kind, result["dataset"], result["device_name"])) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def read_results() -> dict[str, list[dict[str, Any]]]:
    """All results by kind."""
    results: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        results.setdefault(path.name.partition("-")[0], []).append(json.loads(path.read_text(encoding="utf-8")))
    return results


def slug(name: str) -> str:
    """``name`` as a part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
