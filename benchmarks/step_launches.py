"""How many kernels each stage of a training step launches: counted while steps run, at no cost to other runs.

On CUDA the driver's own record of what ran on the card is read through torch's profiler, so that it makes no difference
whether Taichi, Triton or torch launched it. On a CPU there is no such record: calls of Taichi kernels and of torch
operators that read or write tensors are counted instead (not views and allocations).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.step_stages import STAGES, WHOLE_STEP, Function, run_steps, stages_wrapped, wait
from engine.training.trainer import Trainer
from taichi_kernels.launch import KernelLauncher


@dataclasses.dataclass
class Launches:
    """``kernels`` launched; on CUDA also ``copies`` (with fills) and the ``seconds`` for which kernels and copies
    occupied the card."""

    kernels: float = 0.0
    copies: float | None = None
    seconds: float | None = None


def count_launches(trainer: Trainer, steps: int) -> dict[str, Launches]:
    """What each stage launches, and the whole step with all that lies between the stages: means over ``steps``.

    Empty where the driver's record can't be had.
    """
    totals = _count_on_card(trainer, steps) if trainer.primitive.device == "cuda" else _count_calls(trainer, steps)
    for total in totals.values():
        total.kernels /= steps
        if total.copies is not None and total.seconds is not None:
            total.copies, total.seconds = total.copies / steps, total.seconds / steps
    return totals


def sum_device_work(events: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Launches]:
    """Kernels and copies within the ranges called ``names``, from a trace in Chrome's format (times in microseconds).

    Ranges must be such that the device was idle at both ends. Empty when the trace knows nothing of a device.
    """
    wanted = set(names)
    ranges: list[tuple[float, float, str]] = []
    work: list[tuple[float, float, bool]] = []
    for event in events:
        category = event.get("cat")
        if category == "user_annotation" and event["name"] in wanted:
            ranges.append((event["ts"], event["ts"] + event["dur"], event["name"]))
        elif category in ("kernel", "gpu_memcpy", "gpu_memset"):
            work.append((event["ts"] + event["dur"] / 2, event["dur"] * 1e-6, category == "kernel"))
    if not work:
        return {}
    totals = {name: Launches(0.0, 0.0, 0.0) for _, _, name in ranges}
    for start, end, name in ranges:
        total = totals[name]
        assert total.copies is not None and total.seconds is not None
        for middle, seconds, is_kernel in work:
            if start <= middle <= end:
                total.kernels += is_kernel
                total.copies += not is_kernel
                total.seconds += seconds
    return totals


def _count_on_card(trainer: Trainer, steps: int) -> dict[str, Launches]:
    def mark_calls(name: str, function: Function) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            wait(trainer.primitive.device)
            with record_function(name):
                result = function(*args, **kwargs)
                wait(trainer.primitive.device)
            return result

        return call

    run_marked = mark_calls(WHOLE_STEP, run_steps)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler, stages_wrapped(mark_calls):
        run_marked(trainer, steps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        trace = json.loads(path.read_text(encoding="utf-8"))
    return sum_device_work(trace["traceEvents"], [*STAGES, WHOLE_STEP])


def _count_calls(trainer: Trainer, steps: int) -> dict[str, Launches]:
    calls = 0
    totals: dict[str, Launches] = collections.defaultdict(Launches)

    def count(_name: str, function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            return function(*args, **kwargs)

        return call

    class CountOperators(TorchDispatchMode):
        def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal calls
            calls += not operator.is_view and not operator.name().startswith("aten::empty")
            return operator(*args, **(kwargs or {}))

    def add_calls(name: str, function: Function) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            before = calls
            result = function(*args, **kwargs)
            totals[name].kernels += calls - before
            return result

        return call

    run_counted = add_calls(WHOLE_STEP, run_steps)
    launches = stages_wrapped(count, {"launch": [(KernelLauncher, "__call__")]})
    with launches, CountOperators(), stages_wrapped(add_calls):
        run_counted(trainer, steps)
    return dict(totals)
