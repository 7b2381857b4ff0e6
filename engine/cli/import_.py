"""``hashlight import``: a dataset in, a capture folder out, which Blender trains from as from one of its own."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from engine.cli.arguments import add_holdout

EXAMPLES = """\
examples:
  hashlight import data/lego --out scene.hashlight/capture
  hashlight import photos/transforms.json --out scene.hashlight/capture --holdout 8

DATASET is a folder (NeRF-synthetic, instant-ngp, nerfstudio, COLMAP, LLFF, or a Hashlight capture) or its JSON file; it
is only read.
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
    from engine.cli.stages import print_line, stage_progress
    from engine.data.importing import import_dataset
    from engine.link.wording import counted_views

    tell, close = stage_progress(options.json)
    try:
        imported = import_dataset(options.dataset, options.out, options.holdout, tell)
    finally:
        close()
    if options.json:
        print_line(dataclasses.asdict(imported) | {"folder": str(imported.folder)})
        return 0
    for warning in imported.warnings:
        warn(warning)
    print(f"{imported.folder}: {counted_views(imported.train_views, imported.test_views)}")
    return 0
