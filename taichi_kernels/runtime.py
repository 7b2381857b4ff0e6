"""Starts Taichi, once a process and only when asked to.

Taichi takes torch's tensors in place, on the CPU and (through the shared primary context) on CUDA. One process uses one
device: a second ``start`` with another device is an error, not a silent switch.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any

import torch

_started: str | None = None
# Whether torch sees a device of this kind, the best first. Taichi has the same names for them.
_IS_THERE: dict[str, Callable[[], bool]] = {"cuda": lambda: torch.cuda.is_available(), "cpu": lambda: True}


class RuntimeStartError(RuntimeError):
    """Taichi can't run on the device asked for; the message says why and what to do."""


def choose_device(device: str = "auto") -> str:
    """``"cpu"`` or ``"cuda"``: auto takes CUDA where there is one. Raises RuntimeStartError when asked for in vain."""
    if device == "auto":
        return next(name for name, is_there in _IS_THERE.items() if is_there())
    if device not in _IS_THERE:
        raise RuntimeStartError(f"device: {device!r} is not one of auto, {', '.join(sorted(_IS_THERE))}")
    if not _IS_THERE[device]():
        words = f"{device} was asked for, but torch sees no {device.upper()} device"
        raise RuntimeStartError(f"device: {words}; use --device cpu or auto")
    return device


def start(device: str, threads: int | None = None) -> None:
    """Initialise Taichi for ``device`` ("cpu" or "cuda"). Calling it again with the same device does nothing.

    ``threads``: CPU threads (all cores by default). Kernels are cached on disk between processes by Taichi itself.
    """
    global _started
    if _started == device:
        return
    if _started is not None:
        raise RuntimeStartError(
            f"Taichi already runs on {_started} in this process; start another process for {device}"
        )
    import taichi as ti

    from taichi_kernels.launch import LAUNCHES_DIRECTLY

    threads = threads or os.cpu_count() or 1
    # Taichi announces its architecture on the standard output, which belongs to whoever called us.
    with contextlib.redirect_stdout(io.StringIO()):
        ti.init(
            arch=getattr(ti, device),
            cpu_max_num_threads=threads,
            # Only Taichi's own fields live in this pool, and there are none: the default would take a whole gigabyte.
            device_memory_GB=0.1,
            default_fp=ti.f32,
            default_ip=ti.i32,
            log_level=ti.ERROR,
        )
    # Sums of half-precision products stay in single precision to their end.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    if LAUNCHES_DIRECTLY:
        _shorten_positions()
    _started = device


def _shorten_positions() -> None:
    """Taichi writes down for each expression where it stands, with a picture of the line: half of the time that it
    takes to read a kernel, for messages that a finished kernel never shows. File and line are left."""
    from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext

    def describe(context: Any, node: Any) -> str:
        return f'File "{context.file}", line {node.lineno + context.lineno_offset}, in {context.func.func.__name__}:\n'

    ASTTransformerContext.get_pos_info = describe
