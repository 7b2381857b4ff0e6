"""``hashlight import``: a dataset in, a capture folder out, which Blender trains from as from one of its own."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.cli.arguments import add_holdout

TELL_EVERY = 0.2  # seconds between two lines of progress for programs
EXAMPLES = """\
examples:
  hashlight import data/lego --out scene.hashlight/capture
  hashlight import photos/transforms.json --out scene.hashlight/capture --holdout 8

DATASET is a folder (NeRF-synthetic, instant-ngp, nerfstudio, or a Hashlight capture) or its JSON file; it is only read.
Blender finds the capture when its scene's folder is the one that DIR lies in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or transforms JSON file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the capture folder to make")
    add_holdout(parser, "without a test split: hold out every K-th view, so that there is a score")
    parser.add_argument(
        "--json", action="store_true", help="print progress and the result as JSON, a line each, for programs"
    )


def run(options: argparse.Namespace) -> int:
    """Import the dataset. Returns the exit code."""
    from engine.cli.output import warn
    from engine.data.importing import import_dataset
    from engine.link.wording import counted_views

    tell, close = _json_lines() if options.json else _bars()
    try:
        imported = import_dataset(options.dataset, options.out, options.holdout, tell)
    finally:
        close()
    if options.json:
        _print_line(dataclasses.asdict(imported) | {"folder": str(imported.folder)})
        return 0
    for warning in imported.warnings:
        warn(warning)
    print(f"{imported.folder}: {counted_views(imported.train_views, imported.test_views)}")
    return 0


def _bars() -> tuple[Callable[[str, int, int], None], Callable[[], None]]:
    """A bar for each stage."""
    from engine.cli.output import Progress

    bars: dict[str, Progress] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = Progress(f"{stage} views", total)
        bars[stage].tell(done)
        if done == total:
            bars[stage].close()

    def close() -> None:
        for bar in bars.values():
            bar.close()

    return tell, close


def _json_lines() -> tuple[Callable[[str, int, int], None], Callable[[], None]]:
    """Now and then a line with ``stage``, ``done`` and ``total``."""
    told_at = 0.0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal told_at
        if done == total or time.monotonic() - told_at >= TELL_EVERY:
            told_at = time.monotonic()
            _print_line({"stage": stage, "done": done, "total": total})

    return tell, lambda: None


def _print_line(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)
