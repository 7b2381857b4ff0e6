"""The engine's own environments on disk: which one is whole, and where the next one goes. No ``bpy``.

Each is made in a folder of its own, and ``current.json`` names the one that is whole. It is written last, so that what
a set-up left half-made is never taken for an engine, and the engine before stays usable until the new one is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from engine.link.json_files import read_object
from engine.link.part_files import remove_leftovers, write_whole

_CURRENT = "current.json"
_PREFIX = "environment-"
_ABANDONED = 24 * 3600.0  # seconds after which no set-up is still making an environment


@dataclasses.dataclass(frozen=True)
class Environment:
    """A whole environment: its folder, the engine's version in it, and the SHA-256 of the wheel that it came from."""

    folder: Path
    version: str
    wheel: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_in(self.folder)


class EngineHome:
    """The folder that all of the engine's environments and the log of setting them up are in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def log(self) -> Path:
        """What the last set-up printed."""
        return self.folder / "setup.log"

    def current(self) -> Environment | None:
        """The environment to use, None when there is none that is whole."""
        try:
            record = read_object(self.folder / _CURRENT)
            # Only the name is kept: the folder may have been moved.
            environment = Environment(
                self.folder / Path(record["folder"]).name, str(record["version"]), str(record["wheel"])
            )
            # A link to the interpreter of a Blender that is gone counts as missing, too.
            return environment if environment.python.exists() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def new_folder(self) -> Path:
        """An empty folder for the next environment, after clearing away what former attempts left. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        self._remove_others(older_than=_ABANDONED)
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.folder))

    def activate(self, environment: Environment) -> None:
        """Make a finished environment the one to use, and clear away the others. Raises OSError."""
        record = {"folder": environment.folder.name, "version": environment.version, "wheel": environment.wheel}
        write_whole(self.folder / _CURRENT, json.dumps(record, indent=1).encode())
        self._remove_others(older_than=_ABANDONED)

    def _remove_others(self, older_than: float) -> None:
        """Another Blender may be making a younger one at this moment."""
        current = self.current()
        for folder in self.folder.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                if (current is None or folder != current.folder) and time.time() - folder.stat().st_mtime > older_than:
                    shutil.rmtree(folder, ignore_errors=True)


def python_in(folder: Path) -> Path:
    """The interpreter of the virtual environment in ``folder``."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
