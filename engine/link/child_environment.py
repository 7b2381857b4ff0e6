"""The environment variables of another Python that this process starts."""

from __future__ import annotations

import os

# Blender's own settings of these would mislead another Python, and the user's would lead pip elsewhere.
_FOREIGN = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "PYTHONUSERBASE"}
_FOREIGN |= {"VIRTUAL_ENV", "CONDA_PREFIX"}
_FOREIGN |= {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN"}


def child_environment() -> dict[str, str]:
    """This process's variables without those that are meant for its own Python; output unbuffered, and in UTF-8."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
