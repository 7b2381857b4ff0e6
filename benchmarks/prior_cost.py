"""What a prior costs by how many views there are: seconds to encode them, and to a picture; in benchmarks/results/.

    python -m benchmarks.prior_cost prior.safetensors [--device cpu] [--views 1 2 3 5 8 16 50] [--frames 20]

A procedural scene that the prior hasn't learnt from, with depth, 400x400 on a GPU and 160x160 on a processor. The first
picture is one of a moving view, measured from when its first views are there (before they are taken in, marked in the
occupancy grid and encoded) to the picture in the host's memory; kernels are compiled before, as an engine's are. What
is rendered then are the same views from aside, each from another side, in the median.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.few.methods import begin_by
from benchmarks.few_tables import prior_cost_table
from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.data.dataset import Dataset
from engine.data.views import View
from engine.device import PROFILES
from engine.link.argument_types import whole_number
from engine.machine import device_name, versions
from engine.priors.evaluation import FIRST_HELD_OUT, render_views
from engine.priors.scenes.scene import BOUNDS
from engine.priors.weights import Prior, load_prior
from engine.rendering.renderer import Renderer
from taichi_kernels.runtime import choose_device

SIDES = {"cuda": 400, "cpu": 160}
_SAMPLES = 4  # a pixel, of the views


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior", type=Path, help="weights, as `hashlight prior train` writes them")
    add_device(parser)
    parser.add_argument("--views", type=whole_number(1, 200), nargs="+", default=[1, 2, 3, 5, 8, 16, 50], metavar="N")
    parser.add_argument("--side", type=whole_number(8, 2048), help="of all pictures, instead of the device's")
    parser.add_argument("--frames", type=whole_number(1, 1000), default=20, help="of which the median is (20)")
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    prior = load_prior(options.prior)
    side = options.side or SIDES[device]
    counts = max(options.views), options.frames
    known, shown = render_views(int(prior.facts.get("seed", 0)), FIRST_HELD_OUT, counts, side, _SAMPLES, device)
    for count in (1, max(options.views)):
        measure(prior, known[:count], shown[:1], device)  # kernels are compiled
    rows = []
    for count in options.views:
        rows.append(measure(prior, known[:count], shown, device))
        print(", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), file=sys.stderr, flush=True)
    result = {
        "dataset": "cost",
        "size": [side, side],
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
        "prior": {"sha256": prior.checksum, **prior.facts},
        "rows": rows,
    }
    print(prior_cost_table([result]))
    if not options.no_result:
        write_result("prior", result)
    return 0


def measure(prior: Prior, known: Sequence[View], shown: Sequence[View], device: str) -> dict[str, Any]:
    """The figures by the views ``known``, from the cameras of ``shown``."""
    primitive = begin_by(prior, Dataset(list(known), [], BOUNDS, "linear", [], Path()), device)
    PROFILES[device].wait()
    started = time.perf_counter()
    for view in known:
        primitive.add(view)
    viewer = primitive.viewer()
    _show(viewer, shown[0])
    first_seconds = time.perf_counter() - started
    frames = []
    for view in shown:
        started = time.perf_counter()
        _show(viewer, view)
        frames.append(time.perf_counter() - started)
    sources, network = primitive.field.sources, primitive.field.module
    PROFILES[device].wait()
    started = time.perf_counter()
    with torch.no_grad():
        for picture in sources.pictures:
            network.encode(picture, sources.linear)
    PROFILES[device].wait()
    return {
        "views": len(known),
        "encoding_seconds": time.perf_counter() - started,
        "first_seconds": first_seconds,
        "frame_ms": 1e3 * statistics.median(frames),
    }


def _show(viewer: Renderer, view: View) -> None:
    viewer.render(view.camera, "moving").color.cpu()


if __name__ == "__main__":
    sys.exit(main())
