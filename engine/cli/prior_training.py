"""``hashlight prior train``: a part of a prior's training, which goes on where the former part ended."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import add_device, add_preset
from engine.link.argument_types import positive_number, whole_number

if TYPE_CHECKING:
    from engine.priors.checkpoint import PriorTraining

SAVE_EVERY = 60.0  # seconds of training between checkpoints
REFRESH_EVERY = 1.0
DEFAULT_MINUTES, DEFAULT_PLANNED = 10.0, 120.0


class PriorTrainingError(RuntimeError):
    """Training can't start; the message says why and what to do."""


def add_training(parser: argparse.ArgumentParser) -> None:
    """The options of ``prior train``."""
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="checkpoint, curve and weights")
    parser.add_argument(
        "--minutes",
        type=positive_number,
        default=DEFAULT_MINUTES,
        metavar="M",
        help=f"how long this part may take ({DEFAULT_MINUTES:g})",
    )
    parser.add_argument(
        "--planned",
        type=positive_number,
        default=DEFAULT_PLANNED,
        metavar="M",
        help=f"minutes of training in all parts, over which the learning rate falls ({DEFAULT_PLANNED:g})",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), metavar="N", help="of scenes and weights (0)")
    parser.add_argument("--prior", type=Path, metavar="FILE", help="begin with these weights rather than afresh")
    add_preset(parser)
    add_device(parser)
    parser.add_argument(
        "--evaluate-every",
        type=positive_number,
        default=120.0,
        metavar="S",
        help="score test scenes every S seconds of training (120)",
    )
    parser.add_argument(
        "--evaluate-scenes", type=whole_number(1, 1000), default=8, metavar="N", help="how many test scenes (8)"
    )


def train(options: argparse.Namespace) -> int:
    """Train for a part. Returns the exit code; that of the signal that ended it early, with all saved."""
    from engine.cli.interrupts import DeferredInterrupt
    from engine.link.part_files import remove_leftovers
    from engine.run_lock import lock_run
    from engine.runs import make_run_folder
    from taichi_kernels.runtime import choose_device

    started = time.monotonic()
    lock = lock_run(options.out, "hashlight prior train")
    try:
        make_run_folder(options.out)
        remove_leftovers(options.out)
        part = _Part(options, _open(options, choose_device(options.device)), started + 60.0 * options.minutes)
        if part.is_finished:
            print(f"{options.out}: the {options.planned:g} minutes planned are used up: name more with --planned")
            return 0
        with DeferredInterrupt() as interrupt:
            part.run(lambda: interrupt.requested)
        return interrupt.exit_code if interrupt.requested else 0
    finally:
        lock.release()


def _open(options: argparse.Namespace, device: str) -> PriorTraining:
    """The training in the folder, or a new one."""
    from engine.priors.checkpoint import CHECKPOINT, PriorTraining, load_training
    from engine.priors.config import PRIOR
    from engine.priors.learner import PriorLearner
    from engine.priors.weights import load_prior
    from engine.training.trainer import Trainer

    if not (options.out / CHECKPOINT).exists():
        first = None if options.prior is None else load_prior(options.prior)
        sizes = {} if first is None else first.settings
        learner = PriorLearner(PRIOR.configure(options.preset, device, sizes | {"seed": options.seed or 0}), device)
        if first is not None:
            first.load_into(learner.field)
        return PriorTraining(Trainer(learner), [])
    if options.prior is not None:
        raise PriorTrainingError(
            f"--prior {options.prior}: {options.out} has begun already: leave --prior out to go on, or choose another "
            "--out"
        )
    training = load_training(options.out, device)
    own = training.trainer.primitive.config
    for name, asked in (("seed", options.seed), ("preset", None if options.preset == "auto" else options.preset)):
        if asked not in (None, getattr(own, name)):
            raise PriorTrainingError(
                f"--{name} {asked}: {options.out} was begun with {getattr(own, name)}: leave --{name} out, or choose "
                "another --out"
            )
    return training


class _Part:
    """A part of a training, until ``deadline``, of time.monotonic()."""

    def __init__(self, options: argparse.Namespace, training: PriorTraining, deadline: float) -> None:
        self._options, self._training, self._trainer = options, training, training.trainer
        self._trainer.set_budget(60.0 * options.planned, None)
        self._started, self._deadline = time.monotonic(), deadline

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self._trainer.is_finished

    def run(self, is_interrupted: Callable[[], bool]) -> None:
        """Train, and save at the end and when training can't go on."""
        from engine.cli.output import Progress
        from engine.training.loop import TrainingLoop

        trainer, options = self._trainer, self._options
        loop = TrainingLoop(trainer, self._save_on_the_way, SAVE_EVERY, self._evaluate, options.evaluate_every)
        refreshed = 0.0
        with Progress("Training", self._deadline - self._started, "s") as bar:

            def refresh() -> None:
                nonlocal refreshed
                now = time.monotonic()
                if now - refreshed > REFRESH_EVERY:
                    refreshed = now
                    stats = trainer.stats()
                    words = f"loss {stats.loss:.5f}, {stats.steps_per_second:.1f} steps/s, step {stats.step}"
                    bar.tell(now - self._started, words)

            try:
                loop.run(lambda: is_interrupted() or time.monotonic() >= self._deadline, refresh)
            finally:
                self._save()
        if not is_interrupted():
            self._evaluate()
            self._save()
        minutes = trainer.training_seconds / 60.0
        print(f"{trainer.step_count} steps in {minutes:.1f} minutes of training, saved to {options.out}")

    def _evaluate(self) -> None:
        from engine.priors.evaluation import evaluate

        trainer, scenes = self._trainer, self._options.evaluate_scenes
        scores = {name: round(value, 3) for name, value in evaluate(trainer.primitive, scenes).items()}
        facts = self._training.facts
        loss = trainer.primitive.loss()
        entry = {
            "step": trainer.step_count,
            "minutes": facts["minutes"],
            "scenes": facts["scenes"],
            "loss": None if loss is None else round(loss, 6),
            "held_out": scenes,
            "scores": scores,
        }
        self._training.curve.append(entry)
        words = ", ".join(f"{name} {scores[name]:.2f}" for name in sorted(scores) if name.startswith("psnr"))
        print(f"step {trainer.step_count}: {words}", file=sys.stderr, flush=True)

    def _save(self) -> None:
        self._training.save(self._options.out)

    def _save_on_the_way(self) -> None:
        """A checkpoint that can't be written (a full disk, say) is no reason to throw the training away."""
        from engine.cli.output import warn
        from engine.priors.tensor_files import PriorError

        try:
            self._save()
        except (OSError, PriorError) as error:
            warn(f"{error}; training goes on")
