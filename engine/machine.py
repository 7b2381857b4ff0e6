"""What this machine is: the names and versions that reports and measurements carry."""

from __future__ import annotations

import platform
from importlib import metadata

import engine
from engine.device import PROFILES

REPORTED_PACKAGES = ("torch", "taichi", "numpy")


def device_name(device: str) -> str:
    """What people call the device: the GPU's name, or the processor's with its number of cores."""
    return PROFILES[device].hardware_name()


def free_memory(device: str) -> int | None:
    """Bytes that can be had on the device, None where the system doesn't tell."""
    return PROFILES[device].free_memory()


def versions() -> dict[str, str]:
    """Versions of Hashlight, Python and what computes, name to version; missing packages are left out."""
    found = {"hashlight": engine.__version__, "python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
