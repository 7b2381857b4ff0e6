"""``hashlight eval``: scores of a run on views it wasn't trained on, with pictures and a report."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device, add_holdout, add_json

if TYPE_CHECKING:
    from engine.data.views import View
    from engine.evaluation.evaluate import ViewScore, ViewScores
    from engine.primitives.kind import Kind
    from engine.runs import Run

EXAMPLES = """\
examples:
  hashlight eval runs/lego                          every test view, PSNR and SSIM on black
  hashlight eval scene.hashlight/run                a run from Blender, with the capture beside it
  hashlight eval runs/lego --background white --json
  hashlight eval runs/lego --dataset data/lego --split train

Whole pictures are scored by the convention of the NeRF-synthetic benchmark: sRGB compositing on the named background,
pixel centres, means of per-view scores. White scores about 1 dB under black. Scene-linear runs are compared after sRGB
encoding. The subject is scored alone, too: pixels that it or the field covers, inside the bounds. That figure doesn't
rise with how much of the pictures is empty, and the word for it (blurred, soft, good, very good) goes by it.
Writes RUN/eval/: NAME.png (rendered) beside NAME_truth.png, scores.json and report.html."""


class EvalError(RuntimeError):
    """A run that can't be scored; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--dataset", type=Path, metavar="DATASET", help="other than the one it was trained from")
    parser.add_argument(
        "--flip", action="store_true", help="FLIP of the subject, too: 0 (looks the same) to 1 (needs flip-evaluator)"
    )
    parser.add_argument("--split", choices=("test", "train"), default="test", help="which views to score (test)")
    parser.add_argument("--background", choices=("black", "white"), default="black", help="to composite on (black)")
    add_holdout(parser, "hold out every K-th view (as in training)")
    add_device(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Score the run. Returns the exit code."""
    from engine.cli.datasets import load_with_progress
    from engine.cli.output import Progress, print_json, write_json
    from engine.cli.run_datasets import data_of
    from engine.evaluation.evaluate import ViewScores, score_view
    from engine.link.part_files import remove_leftovers
    from engine.primitives.registry import kind_named
    from engine.runs import load_run
    from taichi_kernels.runtime import choose_device

    opened = load_run(options.run, choose_device(options.device))
    path = options.dataset or data_of(options.run, opened.info, "name it with --dataset")
    holdout = options.holdout or opened.info.get("holdout")
    kind = kind_named(opened.trainer.primitive.spec.kind)
    if not kind.items_are_views:
        return _score_items(options, opened, kind, path)
    dataset = load_with_progress(path, holdout)
    views = dataset.test if options.split == "test" else dataset.train
    if not views:
        raise EvalError(f"{path}: no {options.split} views to score; try --holdout 8 or --split train")

    folder = options.run / "eval"
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    renderer = opened.trainer.primitive.viewer()
    scored: list[ViewScore] = []
    with Progress("Scoring", len(views), "views") as shown:
        for view in views:
            score = score_view(renderer, view, options.background, with_flip=options.flip)
            scored.append(_save_pictures(score, folder, view))
            shown.tell(len(scored))
    scores = ViewScores(options.background, scored)
    result = _result(options, opened, path, scores)
    write_json(folder / "scores.json", result)
    _write_report(folder / "report.html", opened, options, scores)
    if options.json:
        print_json(result)
    else:
        _print_table(scores, folder)
    return 0


def _score_items(options: argparse.Namespace, run: Run, kind: Kind[Any], path: Path) -> int:
    """Score a primitive that isn't learnt from views: figures of what is held out alone."""
    from engine.cli.datasets import load_data
    from engine.cli.output import print_json, to_plain_json, write_json
    from engine.primitives.base import Scores

    ignored = {
        "--split": options.split != "test",
        "--background": options.background != "black",
        "--flip": options.flip,
    }
    if given := [name for name, is_given in ignored.items() if is_given]:
        raise EvalError(f"{', '.join(given)}: only for runs that learn from views, which a {kind.name} doesn't")
    trainer, primitive = run.trainer, run.trainer.primitive
    for item in load_data(kind, path, None, options.holdout or run.info.get("holdout")).items:
        primitive.add(item)
    *_, scores = primitive.evaluate(primitive.viewer())
    assert isinstance(scores, Scores)
    result = {"run": str(options.run), "dataset": str(path), "step": trainer.step_count}
    result |= to_plain_json({"seconds": trainer.training_seconds, **scores.means, "items": {**scores.items}})
    folder = options.run / "eval"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "scores.json", result)
    if options.json:
        print_json(result)
    else:
        print(f"{kind.describe_scores(scores.means)}, {len(scores.items)} test {kind.item}s")
    return 0


def _save_pictures(score: ViewScore, folder: Path, view: View) -> ViewScore:
    from PIL import Image

    from engine.link.part_files import written_atomically

    for name, pixels in ((f"{view.name}.png", score.prediction), (f"{view.name}_truth.png", score.truth)):
        assert pixels is not None
        with written_atomically(folder / name) as temporary:
            Image.fromarray(pixels).save(temporary, compress_level=3)
    return score


def _result(options: argparse.Namespace, run: Run, dataset: Path, scores: ViewScores) -> dict[str, Any]:
    return {
        "run": str(options.run),
        "dataset": str(dataset),
        "split": options.split,
        "background": options.background,
        "step": run.trainer.step_count,
        "seconds": run.trainer.training_seconds,
        **scores.means,
        "views": scores.by_view,
    }


def _write_report(path: Path, run: Run, options: argparse.Namespace, scores: ViewScores) -> None:
    from engine.evaluation.report import read_history, write_report
    from engine.machine import device_name, versions
    from engine.primitives.registry import kind_named
    from engine.run_history import read_scores

    trainer = run.trainer
    history = read_history(read_scores(run.folder, run.info))
    trained = sum(view["split"] == "train" for view in run.info.get("data", {}).get("views", []))
    facts = {
        "Training views": trained,
        "Steps": trainer.step_count,
        "Training time": f"{trainer.training_seconds:.1f} s",
        **kind_named(trainer.primitive.spec.kind).facts(trainer.primitive),
        "Preset": trainer.primitive.config.preset,
        "Scored on": device_name(trainer.primitive.device),
        "Rendering": f"{1000 * statistics.median(view.render_seconds for view in scores.views):.0f} ms a view (median)",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    title = f"{options.run.resolve().name}: {options.split} views"
    write_report(path, title=title, history=history, scores=scores, facts=facts)


def _print_table(scores: ViewScores, folder: Path) -> None:
    from engine.link.scoring import describe_quality

    rows = {view.name: view.figures for view in scores.views} | {"mean": scores.means}
    width = max(map(len, rows))
    column = len(_describe(rows["mean"], "subject_"))
    print(f"{'':{width}}  {'the subject':>{column}}  {'whole pictures':>{len(_describe(rows['mean'], ''))}}")
    for name, figures in rows.items():
        print(f"{name:{width}}  {_describe(figures, 'subject_')}  {_describe(figures, '')}")
    if scores.subject_psnr is not None:
        print(f"The subject is {describe_quality(scores.subject_psnr)}. On {scores.background}.")
    print(f"Pictures and report: {folder / 'report.html'}")


def _describe(figures: Mapping[str, float | None], prefix: str) -> str:
    psnr, ssim, flip = (figures.get(prefix + name) for name in ("psnr", "ssim", "flip"))
    if psnr is None:
        return "nothing of it to be seen "
    words = f"{psnr:6.2f} dB  SSIM {ssim:.4f}"
    return words if flip is None else f"{words}  FLIP {flip:.4f}"
