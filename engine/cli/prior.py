"""``hashlight prior``: what PixelNeRF knows before it has seen a scene."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from engine.cli.arguments import add_device, add_json
from engine.cli.prior_training import add_training, train
from engine.link.argument_types import whole_number

EXAMPLES = """\
examples:
  hashlight prior scenes --out scenes.png           a contact sheet of the scenes that a prior learns from
  hashlight prior train --out prior --minutes 10    a part of ten minutes; the same again goes on
  hashlight prior info                              what the prior is that Hashlight brings along
  hashlight prior info prior/prior.safetensors      what a file of weights is
  hashlight train data/lego --out runs/lego --field pixelnerf --prior prior/prior.safetensors

Ctrl-C, SIGTERM and a closed terminal save the training; the same command goes on from there."""
_COLUMNS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own commands and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    scenes = actions.add_parser("scenes", help="render a contact sheet of the scenes that a prior learns from")
    scenes.add_argument("--out", type=Path, required=True, metavar="PNG", help="the picture to write")
    scenes.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, metavar="N", help="random seed (0)")
    scenes.add_argument("--first", type=whole_number(0), default=0, metavar="N", help="number of the first scene (0)")
    scenes.add_argument("--count", type=whole_number(1, 1000), default=24, metavar="N", help="how many scenes (24)")
    scenes.add_argument("--views", type=whole_number(1, 16), default=3, metavar="N", help="views of each (3)")
    scenes.add_argument("--side", type=whole_number(8, 1024), default=128, metavar="PX", help="of a view (128)")
    scenes.add_argument("--samples", type=whole_number(1, 1024), default=8, metavar="N", help="a pixel (8)")
    add_device(scenes)
    scenes.set_defaults(act=_draw_scenes)

    training = actions.add_parser("train", help="train a prior for some minutes, from scratch or from where it ended")
    add_training(training)
    training.set_defaults(act=train)
    info = actions.add_parser("info", help="say what a file of a prior's weights is")
    info.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="as `hashlight prior train` writes it; without one, what Hashlight brings along",
    )
    add_json(info)
    info.set_defaults(act=_tell)


def run(options: argparse.Namespace) -> int:
    """What the action says. Returns the exit code."""
    return int(options.act(options))


def _draw_scenes(options: argparse.Namespace) -> int:
    from engine.cli.output import Progress
    from engine.data.png import encode_png
    from engine.link.part_files import write_whole
    from engine.priors.scenes.sheet import render_rows, tile
    from taichi_kernels.runtime import choose_device

    device = choose_device(options.device)
    rows = []
    with Progress("Rendering", options.count, "scenes") as shown:
        for row in render_rows(
            options.seed, options.first, options.count, options.views, options.side, options.samples, device
        ):
            rows.append(row)
            shown.tell(len(rows))
    write_whole(options.out, encode_png(tile(rows, min(_COLUMNS, options.count))))
    print(f"{options.count} scenes, {options.views} views of each, written to {options.out}", file=sys.stderr)
    return 0


def _tell(options: argparse.Namespace) -> int:
    from engine.cli.output import print_json
    from engine.priors.shipped import find_prior
    from engine.priors.weights import load_prior

    file = find_prior(options.file)
    prior = load_prior(file)
    size = file.stat().st_size
    result = {
        "file": str(file),
        "bytes": size,
        "parameters": prior.parameters,
        "sha256": prior.checksum,
        "field": prior.config.kind,
        "summary": prior.config.summary,
        "config": dataclasses.asdict(prior.config),
        **prior.facts,
    }
    if options.json:
        print_json(result)
        return 0
    print(f"{file}: {prior.parameters / 1e6:.2f} million parameters, {size / 1e6:.2f} MB")
    print(f"{prior.config.kind}: {prior.config.summary}")
    print(f"SHA-256 of the weights: {prior.checksum}")
    facts = prior.facts
    if {"steps", "minutes", "scenes", "seed"} <= facts.keys():
        print(
            f"Learnt in {facts['steps']} steps and {facts['minutes']:g} minutes from {facts['scenes']} scenes "
            f"of seed {facts['seed']}"
        )
    for name, value in sorted(facts.get("scores", {}).items()):
        print(f"  {name:24} {value:6.2f} dB")
    return 0
