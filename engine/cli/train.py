"""``hashlight train``: a dataset in, a run out."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device, add_holdout, add_preset, positive_seconds, whole_number

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.training.trainer import Trainer

DEFAULT_SECONDS = 60.0
SAVE_EVERY = 60.0  # seconds of training between snapshots
REFRESH_EVERY = 0.25  # seconds between looks at the loss: each one waits for the device
QUICK_VIEWS = 8  # held-out views scored while training and at its end
EXAMPLES = """\
examples:
  hashlight train data/lego --out runs/lego --seconds 60
  hashlight train photos/transforms.json --out runs/photos --holdout 8 --steps 20000
  hashlight train data/lego --out runs/lego --seconds 300 --resume     train on, up to 300 s in all

DATASET is a folder (NeRF-synthetic, instant-ngp, nerfstudio, or a Hashlight capture) or its JSON file.
Ctrl-C saves the run; --resume goes on from there."""


class TrainError(RuntimeError):
    """Training can't start; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or transforms JSON file")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder for the run")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--seconds", type=positive_seconds, metavar="S", help=f"training time in all ({DEFAULT_SECONDS:g})"
    )
    budget.add_argument("--steps", type=whole_number(1, 100_000_000), metavar="N", help="training steps in all")
    add_device(parser)
    add_preset(parser)
    add_holdout(parser, "without a test split: hold out every K-th view, so that there is a score")
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, metavar="N", help="random seed (0)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument(
        "--evaluate-every",
        type=positive_seconds,
        metavar="S",
        help=f"score {QUICK_VIEWS} held-out views every S seconds of training, for the curve in the report",
    )


def run(options: argparse.Namespace) -> int:
    """Train. Returns the exit code; 130 when Ctrl-C ended it early, with the run saved."""
    from engine.cli.preload import preloading
    from engine.run_folder import is_run

    if is_run(options.out) and not options.resume:
        raise TrainError(f"{options.out} already holds a run: add --resume to go on with it, or choose another --out")
    if options.resume and not is_run(options.out):
        raise TrainError(f"{options.out} holds no run to resume: leave --resume out to start one")
    with preloading():
        return _train(options)


def _train(options: argparse.Namespace) -> int:
    from engine.cli.datasets import load_with_progress

    dataset = load_with_progress(options.dataset, options.holdout)
    print("Loading torch and Taichi ...", file=sys.stderr, flush=True)
    from engine.runs import make_run_folder
    from taichi_kernels.runtime import choose_device

    device = choose_device(options.device)
    make_run_folder(options.out)  # what can't be written is told before the training rather than after it
    training = Training(options, dataset, device)
    if training.train():
        training.save()
        print(
            f"Stopped at step {training.trainer.step_count}, saved to {options.out}; --resume goes on", file=sys.stderr
        )
        return 130
    training.report()
    return 0


class Training:
    """One training from the command line: the trainer, its history and its folder."""

    def __init__(self, options: argparse.Namespace, dataset: Dataset, device: str) -> None:
        from engine.evaluation.evaluate import choose_evenly

        self.options = options
        self.dataset = dataset
        self.history: list[dict[str, Any]] = []
        self.trainer = self._open_trainer(device)
        self.test_views = choose_evenly(dataset.test, QUICK_VIEWS)
        if options.seconds is None and options.steps is None:
            options.seconds = DEFAULT_SECONDS
        self.trainer.set_budget(options.seconds, options.steps)
        print(f"Preparing {self.trainer.config.preset} kernels on {device} ...", file=sys.stderr, flush=True)
        started = time.perf_counter()
        for view in dataset.train:
            self.trainer.add_view(view)
        self.trainer.warm_up()
        print(f"Ready after {time.perf_counter() - started:.1f} s", file=sys.stderr)

    def train(self) -> bool:
        """Train until the budget is used up, saving now and then; returns whether Ctrl-C ended it."""
        from engine.cli.interrupts import DeferredInterrupt

        trainer = self.trainer
        saved = evaluated = trainer.training_seconds
        refreshed = 0.0
        with DeferredInterrupt() as interrupt, self._open_bar() as bar:
            while not trainer.is_finished and not interrupt.requested:
                trainer.step()
                now = time.perf_counter()
                if now - refreshed > REFRESH_EVERY:
                    refreshed = now
                    self._refresh(bar)
                if trainer.training_seconds - saved > SAVE_EVERY:
                    saved = trainer.training_seconds
                    self._save_on_the_way()
                every = self.options.evaluate_every
                if every is not None and trainer.training_seconds - evaluated > every:
                    evaluated = trainer.training_seconds
                    self.evaluate()
            self._refresh(bar)
        return interrupt.requested

    def save(self) -> None:
        """Write the run."""
        from engine.runs import describe_views, save_run

        save_run(
            self.options.out,
            self.trainer,
            {
                "views": describe_views(self.dataset.views),
                "history": self.history,
                "dataset": str(self.options.dataset.resolve()),
                "holdout": self.options.holdout,
            },
        )

    def _save_on_the_way(self) -> None:
        """A snapshot that can't be written (a full disk, say) is no reason to throw the training away."""
        from engine.cli.output import warn
        from engine.runs import RunError

        try:
            self.save()
        except RunError as error:
            warn(f"{error}; training goes on")

    def evaluate(self) -> float | None:
        """Score the quick selection of held-out views on black for the history; None where there are none."""
        from engine.cli.output import to_plain_json
        from engine.evaluation.evaluate import evaluate

        if not self.test_views:
            return None
        scores = evaluate(self.trainer.renderer(), self.test_views, "black", keep_images=False)
        point = {"step": self.trainer.step_count, "seconds": self.trainer.training_seconds}
        self.history.append(to_plain_json(point | {"psnr": scores.psnr, "ssim": scores.ssim}))
        return scores.psnr

    def report(self) -> None:
        """Save, score and say what has come of it."""
        self.save()  # before the scores, which take a while
        psnr = self.evaluate()
        if psnr is not None:
            self.save()
        trainer, count = self.trainer, len(self.test_views)
        print(
            f"{trainer.step_count} steps in {trainer.training_seconds:.1f} s of training, saved to {self.options.out}"
        )
        if psnr is None:
            print("No held-out views, so no score: --holdout 8 holds out every eighth")
            return
        some = f"{count} of {len(self.dataset.test)}" if count < len(self.dataset.test) else str(count)
        print(f"PSNR {psnr:.2f} dB on black over {some} held-out views; `hashlight eval {self.options.out}` scores all")

    def _open_trainer(self, device: str) -> Trainer:
        from engine.runs import load_run
        from engine.training.config import choose_preset
        from engine.training.trainer import Trainer

        if not self.options.resume:
            overrides = self.dataset.train_settings() | {"seed": self.options.seed}
            config = choose_preset(self.options.preset, device, overrides)
            return Trainer(config, self.dataset.bounds, self.dataset.color_space, device)
        run = load_run(self.options.out, device)
        if run.trainer.color_space != self.dataset.color_space:
            raise TrainError(
                f"{self.options.out} learnt {run.trainer.color_space} colour, but {self.options.dataset} is "
                f"{self.dataset.color_space}: resume with the dataset it was started with"
            )
        self.history = list(run.info.get("history", []))
        return run.trainer

    def _open_bar(self) -> Any:
        from tqdm import tqdm

        seconds, steps = self.options.seconds, self.options.steps
        unit = "s" if seconds is not None else "steps"
        return tqdm(
            total=seconds if seconds is not None else steps,
            initial=self._done(),
            desc="Training",
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} " + unit + " [ETA {remaining}{postfix}]",
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def _done(self) -> float:
        return self.trainer.training_seconds if self.options.seconds is not None else self.trainer.step_count

    def _refresh(self, bar: Any) -> None:
        stats = self.trainer.stats()
        bar.n = min(self._done(), bar.total)
        loss = "" if stats.loss is None else f"loss {stats.loss:.5f}, "
        bar.set_postfix_str(f"{loss}{stats.steps_per_second:.0f} steps/s, step {stats.step}", refresh=True)
