"""What the extension brings along to make an engine from, and the environment that was made from it."""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

import engine

from ..folders import engine_folder, extension_folder
from .environment import EngineHome, Environment, hash_file
from .installation import NEWEST_PYTHON, OLDEST_PYTHON, Recipe


class NoEngineError(ValueError):
    """No engine is set up here, or the one that is doesn't fit the extension."""


def engine_home() -> EngineHome:
    """Where this user's engine is set up."""
    return EngineHome(engine_folder())


def make_recipe(python: str = "", torch_index: str = "") -> Recipe:
    """The recipe for an engine of this extension's version, made with ``python`` or else with what can be found."""
    return Recipe(
        pythons=(python,) if python else tuple(_find_pythons()),
        wheel=_bundled_wheel(),
        version=engine.__version__,
        lock=extension_folder() / "engine-lock.txt",
        torch_lock=extension_folder() / "torch-lock.txt",
        constraints=extension_folder() / "constraints.txt",
        torch_index=torch_index,
    )


def own_environment() -> Environment:
    """The environment that was set up here, if it is whole and made from this extension's wheel. Raises
    NoEngineError."""
    environment = engine_home().current()
    if environment is None:
        raise NoEngineError("No engine is set up yet")
    if environment.wheel != _bundled_hash():
        raise NoEngineError(
            f"The engine is of another build ({environment.version}) than the extension ({engine.__version__}): "
            "set it up again"
        )
    return environment


def _bundled_wheel() -> Path:
    return extension_folder() / "wheels" / f"hashlight-{engine.__version__}-py3-none-any.whl"


@functools.cache  # panels ask whenever they are drawn, and the wheel stays the same while the extension is enabled
def _bundled_hash() -> str:
    return hash_file(_bundled_wheel())


def _find_pythons() -> list[str]:
    """Blender's own Python first, then those on the path, newest first."""
    found = [sys.executable, getattr(sys, "_base_executable", "")]
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        found.append(shutil.which(f"python3.{minor}") or "")
    found += [shutil.which(name) or "" for name in ("python3", "python")]
    # Some Blenders name themselves as the interpreter.
    return [python for python in dict.fromkeys(found) if python and Path(python).name.lower().startswith("python")]
