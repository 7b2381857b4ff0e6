"""What a prior shows of held-out procedural scenes by 1 and 3 views, with captured depth and without, beside the truth.

    python -m benchmarks.prior_pictures prior.safetensors [--scenes 4] [--side 160] [--views 1 3] --out pictures.png

A column a scene, all seen by a camera that is not among the known views; PSNR of each picture on black is printed. To
be looked at: figures alone tell neither blur from holes nor floaters from a wrong shape.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.few.data import know_by
from benchmarks.few.methods import Setup, read_prior, show_prior
from benchmarks.few_views_picture import Picture, compose, picture_of
from engine.cli.arguments import add_device
from engine.data.color import to_uint8
from engine.data.dataset import Dataset
from engine.evaluation.evaluate import truth_on
from engine.link.argument_types import whole_number
from engine.link.part_files import written_atomically
from engine.link.scoring import psnr
from engine.priors.evaluation import FIRST_HELD_OUT, render_views
from engine.priors.scenes.scene import BOUNDS
from taichi_kernels.runtime import choose_device

_SAMPLES = 8  # of a pixel of the scenes' pictures


def main() -> int:
    """Render and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior", type=Path, help="weights, as `hashlight prior train` writes them")
    add_device(parser)
    parser.add_argument("--views", type=whole_number(1, 64), nargs="+", default=[1, 3], metavar="N")
    parser.add_argument("--scenes", type=whole_number(1, 100), default=4, metavar="N", help="that are held out (4)")
    parser.add_argument("--side", type=whole_number(16, 2048), default=160, metavar="N", help="of all pictures (160)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    options = parser.parse_args()
    setup = Setup(options.prior, None, choose_device(options.device))
    kinds = [(count, with_depth) for with_depth in (True, False) for count in options.views]
    names = [
        f"{count} view{'s' if count > 1 else ''},{'' if with_depth else ' no'} depth" for count, with_depth in kinds
    ]
    rows: dict[str, list[Picture]] = {name: [] for name in (*names, "truth")}
    seed = int(read_prior(options.prior).facts.get("seed", 0))
    for number in range(FIRST_HELD_OUT, FIRST_HELD_OUT + options.scenes):
        counts = max(options.views), 1
        known, shown = render_views(seed, number, counts, options.side, _SAMPLES, setup.device)
        scene, view = Dataset(known, shown, BOUNDS, "linear", [], Path(f"{number}")), shown[0]
        truth = to_uint8(truth_on(view, "black"))
        rows["truth"].append(truth)
        for name, (count, with_depth) in zip(names, kinds, strict=True):
            picture = picture_of(show_prior(know_by(scene, count, with_depth), setup), view)
            rows[name].append(picture)
            print(f"scene {number - FIRST_HELD_OUT}, {name}: {psnr(picture / 255, truth / 255):.1f} dB", flush=True)
        columns = [f"scene {place}" for place in range(len(rows["truth"]))]
        with written_atomically(options.out) as path:  # all there are so far
            compose(rows, columns, options.side).save(path, "PNG")
    return 0


if __name__ == "__main__":
    sys.exit(main())
