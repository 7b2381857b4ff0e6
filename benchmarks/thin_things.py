"""How much of thin wires a field keeps, and how smooth it leaves a smooth surface.

    python -m benchmarks.thin_things
    python -m benchmarks.thin_things --widths 1 --steps 250 --no-result

Wires of half a pixel to three pixels, alone and above a plate that takes most of the pixels, are rendered with alpha
and depth as Blender captures them (``tests/engine/training/wires.py``), and trained on for a number of steps. *Kept* is
the share of the wires' coverage that held-out views show, *rightly covered* the share of what they cover beside the
plate that wires do cover: less where silhouettes are bloated. *Grain* is what is left of the error on the plate when
its mean over 5 x 5 pixels is taken off, as a root mean square of display values: a weave, or speckles, of 1/255 are
0.004.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.machine import device_name, versions
from taichi_kernels.runtime import choose_device
from tests.engine.training.thin_things import grain, wire_coverage

WIDTHS = (0.5, 1.0, 2.0, 3.0)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", nargs="+", type=float, default=WIDTHS, help="of wires, in pixels")
    parser.add_argument("--steps", nargs="+", type=int, default=[250, 1000])
    add_device(parser)
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    rows: list[dict[str, Any]] = []
    for steps in options.steps:
        for width in options.widths:
            alone, above = (wire_coverage(device, [width], steps, with_plate=plate) for plate in (False, True))
            row = {"steps": steps, "width": width, "kept": alone.recall, "kept_above_plate": above.recall}
            rows.append(row | {"precision": alone.precision, "precision_above_plate": above.precision})
            print(
                f"{steps} steps, {width:g} pixels: {alone.recall:.1%} kept, {above.recall:.1%} above a plate; ", end=""
            )
            print(f"rightly covered {alone.precision:.1%} and {above.precision:.1%}", flush=True)
    grains = {str(steps): grain(device, steps) for steps in options.steps}
    print(f"grain on the plate after steps: {grains}")
    if not options.no_result:
        result = {"dataset": "wires", "size": [96, 96], "device_name": device_name(device), "versions": versions()}
        write_result("thin", result | {"rows": rows, "grain": grains})
    return 0


if __name__ == "__main__":
    sys.exit(main())
