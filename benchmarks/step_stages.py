"""The stages of a training step, and a way to look at each of their calls while steps run."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

from engine.encodings.hash_grid import HashEncoding
from engine.fields import fused_mlp, mlp
from engine.optimizers.row_adam import RowAdam
from engine.primitives.radiance_field import occupancy_primitive as learning_module
from engine.primitives.radiance_field import primitive as primitive_module
from engine.primitives.radiance_field.error_map import ErrorMap
from engine.sampling import occupancy_sampler as sampler_module
from engine.sampling.occupancy_grid import OccupancyGrid
from engine.training.trainer import Trainer

# Stage name: where its function is looked up when a step runs.
Stages = Mapping[str, Sequence[tuple[ModuleType | type, str]]]
STAGES: Stages = {
    "draw rays": [(primitive_module, "sample_training_rays"), (ErrorMap, "tiles"), (ErrorMap, "note")],
    "march": [(sampler_module, "march_rays"), (sampler_module, "march_ray_segments")],
    "encode": [(HashEncoding, "forward")],
    "networks": [(mlp.MatrixNetworks, "forward"), (fused_mlp.FusedNetworks, "forward")],
    "composite, loss, gradients": [
        (learning_module, "terminate_rays"),
        (learning_module, "composite_training"),
        (learning_module, "draw_gradients"),
    ],
    "networks, backward": [(mlp.MatrixNetworks, "backward"), (fused_mlp.FusedNetworks, "backward")],
    "encode, backward": [(HashEncoding, "backward")],
    "Adam": [(RowAdam, "step")],
    "occupancy": [(OccupancyGrid, "refresh")],
}
WHOLE_STEP = "whole step"

Function = Callable[..., Any]


def run_steps(trainer: Trainer, count: int) -> None:
    """``count`` steps, and wait for the device."""
    for _ in range(count):
        trainer.step()
    wait(trainer.primitive.device)


def wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def stages_wrapped(wrap: Callable[[str, Function], Function], stages: Stages = STAGES) -> Iterator[None]:
    """Inside, ``wrap(stage name, function)`` is called in place of each stage's function. What a stage calls of another
    one is part of the outer stage, and not wrapped."""
    replaced: list[tuple[Any, str, Function]] = []
    is_inside = False

    def wrap_outermost(name: str, function: Function) -> Function:
        wrapped = wrap(name, function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_inside
            if is_inside:
                return function(*args, **kwargs)
            is_inside = True
            try:
                return wrapped(*args, **kwargs)
            finally:
                is_inside = False

        return call

    for name, places in stages.items():
        for owner, attribute in places:
            function = vars(owner)[attribute]
            replaced.append((owner, attribute, function))
            setattr(owner, attribute, wrap_outermost(name, function))
    try:
        yield
    finally:
        for owner, attribute, function in replaced:
            setattr(owner, attribute, function)


@contextmanager
def stages_timed(times: dict[str, list[float]], device: str, stages: Stages = STAGES) -> Iterator[None]:
    """Record the seconds of every one of ``stages`` that runs inside."""

    def time_calls(name: str, function: Function) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            wait(device)
            started = time.perf_counter()
            result = function(*args, **kwargs)
            wait(device)
            times[name].append(time.perf_counter() - started)
            return result

        return call

    with stages_wrapped(time_calls, stages):
        yield
