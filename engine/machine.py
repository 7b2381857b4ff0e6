"""What this machine is: the names and versions that reports and measurements carry."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import engine
from engine import control_groups

REPORTED_PACKAGES = ("torch", "taichi", "numpy")


def device_name(device: str) -> str:
    """What people call the device: the GPU's name, or the processor's with its number of cores."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name(0))
    return f"{_processor_name()}, {os.cpu_count()} cores"


def free_memory(device: str) -> int | None:
    """Bytes that can be had on the device, None where the system doesn't tell. Of the machine's memory a container, a
    service or a batch job may have only a part."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return min((room for room in (_available(), control_groups.bytes_left()) if room is not None), default=None)


def versions() -> dict[str, str]:
    """Versions of Hashlight, Python and what computes, name to version; missing packages are left out."""
    found = {"hashlight": engine.__version__, "python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _available() -> int | None:
    """Bytes of memory that the whole machine has left."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = dict(line.split(":") for line in lines).get("MemAvailable", "")
    return int(kilobytes.split()[0]) << 10 if kilobytes else None


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
