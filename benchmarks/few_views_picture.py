"""The README's comparison picture: one test view as few views show it, by a hash grid and by a prior.

    python -m benchmarks.few_views_picture prior.safetensors data/lego [--views 1 2 3 8 50] [--seconds 5] [--view 100]
    python -m benchmarks.few_views_picture prior.safetensors data/lego --steps 600

From left to right the numbers of views, evenly chosen; from top to bottom the hash grid that learnt from them for so
many seconds (or steps, where the machine has other work), the prior, which learnt nothing of the scene, the same with
what is predicted hatched, and what is right. Written to docs/images/few-views.webp.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks.few.data import know_by
from benchmarks.few.methods import Setup, begin_by, read_prior, show_grid
from benchmarks.results import RESULTS
from benchmarks.trainings import begin_training, train_steps
from benchmarks.view_scores import Show, showing
from engine.cli.arguments import add_device
from engine.cli.datasets import shrink_all
from engine.data.color import composite_for_display, to_uint8
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.views import View
from engine.evaluation.evaluate import truth_on
from engine.link.argument_types import picture_size, positive_number, whole_number
from engine.link.geometry import Camera
from engine.link.part_files import written_atomically
from engine.rendering.prediction_marks import mark
from taichi_kernels.runtime import choose_device

IMAGE = RESULTS.parents[1] / "docs" / "images" / "few-views.webp"
_GAP, _HEADER, _LABEL = 4, 22, 120  # pixels
_PAPER, _INK = (255, 255, 255), (40, 40, 40)

Picture = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]


def main() -> int:
    """Render and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior", type=Path, help="weights, as `hashlight prior train` writes them")
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--views", type=whole_number(1, 1000), nargs="+", default=[1, 2, 3, 8, 50], metavar="N")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=positive_number, default=5.0, help="of the hash grid's training (5)")
    length.add_argument("--steps", type=whole_number(1), metavar="N", help="of it, in the place of a time")
    parser.add_argument("--view", type=whole_number(0), default=100, metavar="N", help="number of the test view (100)")
    parser.add_argument("--size", type=picture_size, metavar="WxH", help="of all views, which are without depth then")
    parser.add_argument("--side", type=whole_number(16, 2048), default=200, help="of each in the picture (200)")
    parser.add_argument("--out", type=Path, default=IMAGE)
    options = parser.parse_args()
    dataset = load_dataset(options.dataset)
    if options.view >= len(dataset.test):
        parser.error(f"--view {options.view}: there are {len(dataset.test)} test views")
    if max(options.views) > len(dataset.train):
        parser.error(f"--views {max(options.views)}: there are {len(dataset.train)} training views")
    (view,) = shrink_all([dataset.test[options.view]], options.size)
    setup, with_depth = Setup(options.prior, None, choose_device(options.device)), options.size is None
    length_words = f"{options.seconds:g} s" if options.steps is None else f"{options.steps} steps"
    rows: dict[str, list[Picture]] = {f"grid, {length_words}": [], "prior": [], "predicted": [], "truth": []}
    grids, priors, marked, truths = rows.values()
    for count in options.views:
        known = know_by(dataset, count, with_depth)
        if options.size is not None:
            known.train[:] = shrink_all(known.train, options.size)
        grids.append(picture_of(_show_grid(known, setup, options), view))
        for row, shown in zip((priors, marked), _show_prior(known, setup, view.camera), strict=True):
            row.append(_picture(shown, view))
        truths.append(to_uint8(truth_on(view, "black")))
        print(f"{count} views: done", file=sys.stderr, flush=True)
    names = [f"{count} view{'s' if count > 1 else ''}" for count in options.views]
    with written_atomically(options.out) as path:
        compose(rows, names, options.side).save(path, "WEBP", quality=88, method=6)
    return 0


def _show_grid(known: Dataset, setup: Setup, options: argparse.Namespace) -> Show:
    if options.steps is None:
        return show_grid(known, setup, options.seconds)
    return showing(train_steps(begin_training(known, setup.device), options.steps).primitive.viewer())


def _show_prior(known: Dataset, setup: Setup, camera: Camera) -> tuple[Light, Light]:
    """What it makes of ``camera``, and the same with marks."""
    primitive = begin_by(read_prior(setup.prior), known, setup.device)
    for view in known.train:
        primitive.add(view)
    viewer = primitive.viewer()
    plain = viewer.render(camera)
    captured = viewer.captured(camera, plain)
    assert captured is not None
    return plain.color.cpu().numpy(), mark(camera, plain, captured).color.cpu().numpy()


def picture_of(show: Show, view: View) -> Picture:
    """What ``show`` makes of the view's camera, uint8 [H, W, 3] on black."""
    return _picture(show(view.camera), view)


def _picture(light: Light, view: View) -> Picture:
    return to_uint8(composite_for_display(light, view.color_space, "black"))


def compose(rows: dict[str, list[Picture]], columns: Sequence[str], side: int) -> Image.Image:
    """Pictures [H, W, 3] of all rows, by the rows' names, in a frame with these and the names of the ``columns``; each
    as large as fits ``side`` pixels."""
    height, width = next(iter(rows.values()))[0].shape[:2]
    scale = side / max(height, width)
    cell = round(width * scale), round(height * scale)
    step = cell[0] + _GAP, cell[1] + _GAP
    sheet = Image.new("RGB", (_LABEL + step[0] * len(columns), _HEADER + step[1] * len(rows)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, name in enumerate(columns):
        middle = _LABEL + column * step[0] + cell[0] / 2, _HEADER / 2
        draw.text(middle, name, _INK, font, anchor="mm")
    for row, (name, pictures) in enumerate(rows.items()):
        top = _HEADER + row * step[1]
        draw.text((_LABEL - 2 * _GAP, top + cell[1] / 2), name, _INK, font, anchor="rm")
        for column, picture in enumerate(pictures):
            shown = Image.fromarray(picture).resize(cell, Image.Resampling.LANCZOS)
            sheet.paste(shown, (_LABEL + column * step[0], top))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
