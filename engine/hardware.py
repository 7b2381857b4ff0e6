"""The processor and the graphics card of this machine: what they are called, and how much memory is left."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from engine import control_groups


def processor_name() -> str:
    """The processor's name, with its number of cores."""
    return f"{_model_name()}, {os.cpu_count()} cores"


def gpu_name() -> str:
    """The graphics card's name."""
    import torch

    return str(torch.cuda.get_device_name(0))


def machine_memory() -> int | None:
    """Bytes that can be had, None where the system doesn't tell. Of the machine's memory a container, a service or a
    batch job may have only a part."""
    return min((room for room in (_available(), control_groups.bytes_left()) if room is not None), default=None)


def gpu_memory() -> int:
    """Bytes that can be had on the graphics card."""
    import torch

    return int(torch.cuda.mem_get_info()[0])


def gpu_peak_memory() -> int:
    """Bytes that torch's tensors have taken on the graphics card at most, in this process."""
    import torch

    return int(torch.cuda.max_memory_allocated())


def _available() -> int | None:
    """Bytes of memory that the whole machine has left."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = dict(line.split(":") for line in lines).get("MemAvailable", "")
    return int(kilobytes.split()[0]) << 10 if kilobytes else None


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
