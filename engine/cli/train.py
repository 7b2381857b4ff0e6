"""``hashlight train``: a dataset in, a run out."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device, add_field, add_holdout, add_preset, add_primitive
from engine.cli.first_weights import add_first_weights, read_first_weights
from engine.link.argument_types import positive_number, whole_number
from engine.link.presets import DEFAULT_PRIMITIVE

if TYPE_CHECKING:
    from engine.cli.interrupts import DeferredInterrupt
    from engine.cli.output import Progress
    from engine.primitives.base import Primitive, Scores
    from engine.primitives.kind import Kind, TrainingData
    from engine.run_history import RunHistory
    from engine.training.trainer import Trainer

DEFAULT_SECONDS = 60.0
SAVE_EVERY = 60.0  # seconds of training between snapshots
REFRESH_EVERY = 0.25  # seconds between looks at the loss: each one waits for the device
QUICK_ITEMS = 8  # held-out items (views, say) scored while training and at its end
EXAMPLES = """\
examples:
  hashlight train data/lego --out runs/lego --seconds 60
  hashlight train photos/transforms.json --out runs/photos --holdout 8 --steps 20000
  hashlight train data/lego --out runs/lego-nerf --field nerf --seconds 600
  hashlight train data/lego --out runs/lego --seconds 300 --resume     train on, up to 300 s in all
  hashlight train data/few --out runs/few --field pixelnerf --steps 0                  a view or two, at once
  hashlight train data/few --out runs/few --prior shipped                              the same, then a hash grid's own
  hashlight train map.tif --primitive image --out runs/map                             an image of any size
  hashlight train statue.glb --primitive signed-distance --out runs/statue             the surface of a mesh

DATASET is a folder (NeRF-synthetic, instant-ngp, nerfstudio, or a Hashlight capture) or its JSON file, or what another
primitive learns: an image (PNG, JPEG, TIFF, OpenEXR ...), a mesh.
Ctrl-C, SIGTERM and a closed terminal save the run; --resume goes on from there."""


class TrainError(RuntimeError):
    """Training can't start; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or JSON file of views; image; mesh")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder for the run")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--seconds", type=positive_number, metavar="S", help=f"training time in all ({DEFAULT_SECONDS:g})"
    )
    budget.add_argument(
        "--steps",
        type=whole_number(0, 100_000_000),
        metavar="N",
        help="training steps in all; 0 with a prior: what that knows is what is shown",
    )
    add_device(parser)
    add_primitive(parser)
    add_field(parser)
    add_first_weights(parser)
    add_preset(parser)
    add_holdout(parser, "without a test split: hold out every K-th view, so that there is a score")
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, metavar="N", help="random seed (0)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument(
        "--evaluate-every",
        type=positive_number,
        metavar="S",
        help=f"score {QUICK_ITEMS} test views every S seconds of training, for the curve in the report",
    )


def run(options: argparse.Namespace) -> int:
    """Train. Returns the exit code; that of the signal that ended it early (130 for Ctrl-C), with the run saved."""
    from engine.cli.preload import preloading
    from engine.run_folder import is_run
    from engine.run_lock import lock_run, refuse_blenders_folder

    if is_run(options.out) and not options.resume:
        raise TrainError(f"{options.out} already holds a run: add --resume to go on with it, or choose another --out")
    if options.resume and not is_run(options.out):
        raise TrainError(f"{options.out} holds no run to resume: leave --resume out to start one")
    refuse_blenders_folder(options.out)
    lock = lock_run(options.out, "hashlight train")
    try:
        with preloading():
            return _train(options)
    finally:
        lock.release()


def _train(options: argparse.Namespace) -> int:
    from engine.cli.datasets import load_data

    kind = _choose_kind(options)
    if options.resume:
        _keep_held_out(options)
    data = load_data(kind, options.dataset, options.field, options.holdout)
    if options.field is not None and kind.variant(data.spec) is None:
        raise TrainError(f"--field {options.field}: a {kind.name} has no field to choose: leave --field out")
    print("Loading torch and Taichi ...", file=sys.stderr, flush=True)
    from engine.cli.interrupts import DeferredInterrupt
    from engine.runs import make_run_folder
    from taichi_kernels.runtime import choose_device

    device = choose_device(options.device)
    make_run_folder(options.out)  # what can't be written is told before the training rather than after it
    training = Training(options, kind, data, device)
    trainer = training.trainer
    if trainer.is_finished:
        print(
            f"{options.out} has {trainer.step_count} steps already, in {trainer.training_seconds:.1f} s of training: "
            "ask for more with --steps or --seconds",
            file=sys.stderr,
        )
        return 0
    training.prepare()
    with DeferredInterrupt() as interrupt:
        if options.steps != 0:
            training.train(interrupt)
        training.save()
    if interrupt.requested:
        print(f"Stopped at step {trainer.step_count}, saved to {options.out}; --resume goes on", file=sys.stderr)
        return interrupt.exit_code
    training.report()
    return 0


def _choose_kind(options: argparse.Namespace) -> Kind[Any]:
    """The kind that is asked for; of a run that is gone on with, its own."""
    from engine.primitives.config import ConfigError
    from engine.primitives.registry import kind_named
    from engine.run_folder import RUN_FILE
    from engine.run_info import read_run_info

    name, where = options.primitive or DEFAULT_PRIMITIVE, "--primitive"
    if options.resume:
        name, where = read_run_info(options.out).get("kind"), f"{options.out / RUN_FILE}: kind"
        if name is None:
            raise TrainError(f"{where}: missing: the run can't be gone on with")
        if options.primitive not in (None, name):
            raise TrainError(
                f"--primitive {options.primitive}: {options.out} has a {name}, which it goes on with: leave "
                "--primitive out, or choose another --out"
            )
    try:
        return kind_named(name)
    except ConfigError as error:
        raise TrainError(f"{where}: {error}") from None


def _keep_held_out(options: argparse.Namespace) -> None:
    """Hold out what the run has held out so far: a test view is never trained on."""
    from engine.run_info import read_run_info

    former = read_run_info(options.out).get("holdout")
    if options.holdout not in (None, former):
        raise TrainError(
            f"--holdout {options.holdout}: {options.out} was begun with {former or 'none'}: leave --holdout out, or "
            "choose another --out"
        )
    options.holdout = former


class Training:
    """One training from the command line: the trainer, its history and its folder."""

    def __init__(self, options: argparse.Namespace, kind: Kind[Any], data: TrainingData, device: str) -> None:
        self.options, self.kind, self.data = options, kind, data
        self.trainer, self.history = self._open_run(device)
        if options.seconds is None and options.steps is None:
            options.seconds = DEFAULT_SECONDS
        self.trainer.set_budget(options.seconds, options.steps or None)

    def prepare(self) -> None:
        """Take the data in and compile the kernels."""
        primitive = self.trainer.primitive
        print(f"Preparing {primitive.config.preset} kernels on {primitive.device} ...", file=sys.stderr, flush=True)
        started = time.perf_counter()
        for item in self.data.items:
            primitive.add(item)
        self.trainer.warm_up()
        print(f"Ready after {time.perf_counter() - started:.1f} s", file=sys.stderr)

    def train(self, interrupt: DeferredInterrupt) -> None:
        """Train until the budget is used up or a signal asks for the end, saving now and then, and when training can't
        go on."""
        try:
            self._train(interrupt)
        except Exception:
            self._try_to_save("what was learnt since the last save is lost")
            raise

    def _train(self, interrupt: DeferredInterrupt) -> None:
        from engine.training.loop import TrainingLoop

        every = self.options.evaluate_every or 0.0
        loop = TrainingLoop(self.trainer, self._save_on_the_way, SAVE_EVERY, self.evaluate, every)
        refreshed = 0.0
        with self._open_bar() as bar:

            def refresh_now_and_then() -> None:
                nonlocal refreshed
                now = time.perf_counter()
                if now - refreshed > REFRESH_EVERY:
                    refreshed = now
                    self._refresh(bar)

            loop.run(lambda: interrupt.requested, refresh_now_and_then)
            self._refresh(bar)

    def save(self) -> None:
        """Write the run."""
        from engine.runs import save_run

        data = {"dataset": str(self.options.dataset.resolve()), "holdout": self.options.holdout}
        save_run(self.options.out, self.trainer, data, self.history)

    def _save_on_the_way(self) -> None:
        """A snapshot that can't be written (a full disk, say) is no reason to throw the training away."""
        self._try_to_save("training goes on")

    def _try_to_save(self, otherwise: str) -> None:
        """Write the run; where that fails, warn why and say what follows."""
        from engine.cli.output import warn
        from engine.runs import RunError

        try:
            self.save()
        except RunError as error:
            warn(f"{error}; {otherwise}")

    def evaluate(self) -> Scores | None:
        """Score the quick selection of what is held out for the history; None where there is nothing."""
        from engine.cli.output import to_plain_json
        from engine.primitives.base import Scores

        if not self._held_out:
            return None
        primitive = self.trainer.primitive
        *_, scores = primitive.evaluate(primitive.viewer(), QUICK_ITEMS)
        assert isinstance(scores, Scores)
        point = {"step": self.trainer.step_count, "seconds": self.trainer.training_seconds}
        self.history.append(to_plain_json(point | {**scores.means}))
        return scores

    def report(self) -> None:
        """Score, save the scores too and say what has come of it."""
        scores = self.evaluate()
        if scores is not None:
            self.save()
        trainer, held_out = self.trainer, self._held_out
        print(
            f"{trainer.step_count} steps in {trainer.training_seconds:.1f} s of training, saved to {self.options.out}"
        )
        if remark := trainer.primitive.remark:
            print(remark)
        if scores is None:
            print(f"No test {self.kind.item}s, so no score: --holdout 8 keeps every eighth as one")
            return
        some = f"{len(scores.items)} of {held_out}" if len(scores.items) < held_out else str(held_out)
        print(f"{self.kind.describe_scores(scores.means)}, {some} test {self.kind.item}s")
        print(f"`hashlight eval {self.options.out}` scores all")

    @property
    def _held_out(self) -> int:
        return sum(split == "test" for split in self.trainer.primitive.items.values())

    def _open_run(self, device: str) -> tuple[Trainer[Primitive], RunHistory]:
        from engine.run_history import RunHistory
        from engine.runs import load_run
        from engine.training.trainer import Trainer

        options, kind, spec = self.options, self.kind, self.data.spec
        first = read_first_weights(options, kind.prior_use(spec), self.data.settings)
        if options.steps == 0 and (first is None or not first.shows_untrained):
            raise TrainError("--steps 0: without training only a prior shows anything: add --prior FILE, or more steps")
        if not options.resume:
            settings = {**self.data.settings, "seed": options.seed, **({} if first is None else first.settings)}
            config = kind.configure(spec, options.preset, device, settings)
            primitive = kind.build(spec, config, device)
            if first is not None:
                first.begin(primitive)
            return Trainer(primitive), RunHistory()
        run = load_run(options.out, device)
        if (words := kind.mismatch(run.trainer.primitive.spec, spec)) is not None:
            raise TrainError(f"{options.out} {words} in {options.dataset}: resume with the dataset it was started with")
        variant = kind.variant(run.trainer.primitive.spec)
        if options.field not in (None, variant):
            raise TrainError(
                f"--field {options.field}: {options.out} has a {variant} field, which it goes on with: leave "
                "--field out, or choose another --out"
            )
        return run.trainer, RunHistory.open(run.folder, run.info)

    def _open_bar(self) -> Progress:
        from engine.cli.output import Progress

        seconds, steps = self.options.seconds, self.options.steps
        if seconds is not None:
            return Progress("Training", seconds, "s", self._done())
        return Progress("Training", steps, "steps", self._done())

    def _done(self) -> float:
        return self.trainer.training_seconds if self.options.seconds is not None else self.trainer.step_count

    def _refresh(self, bar: Progress) -> None:
        stats = self.trainer.stats()
        loss = "" if stats.loss is None else f"loss {stats.loss:.5f}, "
        bar.tell(self._done(), f"{loss}{stats.steps_per_second:.0f} steps/s, step {stats.step}")
