"""What this machine is: the names and versions that reports and measurements carry."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import engine

REPORTED_PACKAGES = ("torch", "taichi", "numpy")


def device_name(device: str) -> str:
    """What people call the device: the GPU's name, or the processor's with its number of cores."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name(0))
    return f"{_processor_name()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    """Versions of Hashlight, Python and what computes, name to version; missing packages are left out."""
    found = {"hashlight": engine.__version__, "python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
