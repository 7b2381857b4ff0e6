"""What a prior's training goes on from: weights, a compact state of the optimiser, and the curve so far."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.link.json_files import JsonError, parse_json, parse_object
from engine.link.part_files import write_whole
from engine.primitives.config import ConfigError
from engine.priors.config import PRIOR
from engine.priors.learner import PriorLearner
from engine.priors.tensor_files import PriorError, read_tensors, write_tensors
from engine.priors.weights import save_prior
from engine.training.trainer import Trainer

FORMAT = "hashlight-prior-training-1"
CHECKPOINT, CURVE, WEIGHTS = "checkpoint.safetensors", "curve.jsonl", "prior.safetensors"
# Moments are means over many steps: eight binary digits of each are as good as all.
_COMPACT = torch.bfloat16
_MOMENTS = "_moments"


@dataclasses.dataclass(frozen=True, eq=False)
class PriorTraining:
    """``curve``: JSON-ready entries, in the order they were measured."""

    trainer: Trainer[PriorLearner]
    curve: list[Mapping[str, Any]]

    def save(self, folder: Path) -> None:
        """Write checkpoint, curve and weights. Each is there whole, or as it was. Raises PriorError, OSError."""
        trainer, config = self.trainer, self.trainer.primitive.config
        state = {
            name: tensor.to(_COMPACT) if name.endswith(_MOMENTS) else tensor for name, tensor in trainer.state().items()
        }
        words = {"config": json.dumps(config.to_json()), "curve": json.dumps(self.curve, allow_nan=False)}
        write_tensors(folder / CHECKPOINT, FORMAT, state, words)
        write_whole(folder / CURVE, "".join(f"{json.dumps(entry)}\n" for entry in self.curve).encode())
        save_prior(folder / WEIGHTS, trainer.primitive.field, config.field, self.facts)

    @property
    def facts(self) -> dict[str, Any]:
        """How the weights came about."""
        trainer, config = self.trainer, self.trainer.primitive.config
        return {
            "seed": config.seed,
            "preset": config.preset,
            "steps": trainer.step_count,
            "minutes": round(trainer.training_seconds / 60.0, 2),
            "scenes": config.scenes_by(trainer.step_count),
            "scores": self.curve[-1]["scores"] if self.curve else {},
        }


def load_training(folder: Path, device: str) -> PriorTraining:
    """What ``PriorTraining.save`` wrote. Raises PriorError."""
    path = folder / CHECKPOINT
    state, words = read_tensors(path, FORMAT)
    try:
        config = PRIOR.decode(parse_object(words.get("config", "")))
        trainer = Trainer(PriorLearner(config, device))
        trainer.load_state(
            {name: (tensor.float() if name.endswith(_MOMENTS) else tensor).to(device) for name, tensor in state.items()}
        )
        curve = _read_curve(words.get("curve", ""))
    except (JsonError, ConfigError, ValueError) as error:
        raise PriorError(f"{path}: doesn't fit its configuration: {error}") from None
    return PriorTraining(trainer, curve)


def _read_curve(text: str) -> list[Mapping[str, Any]]:
    curve: Sequence[Any] = parse_json(text)
    if not isinstance(curve, list) or not all(isinstance(entry, dict) and "scores" in entry for entry in curve):
        raise JsonError("its curve is none")
    return curve
