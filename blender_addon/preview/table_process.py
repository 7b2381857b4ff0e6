"""A view transform's table baked by another Blender, without a window.

Blender reads a view transform it has not used yet from files and builds its processor, all at once: a third of a second
for AgX, in which the window would stand still. A second Blender may take its time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import display_transform
from .display_transform import SIZE

PATIENCE = 60.0  # seconds, on a busy machine; a second or two are usual


class TableProcess:
    """Bakes the table of ``settings`` (``display_transform.table_settings``), from now on."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Raises OSError when no second Blender can be started."""
        self._folder = tempfile.TemporaryDirectory(prefix="hashlight-table-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name) / "table.npy"
        self._since = time.monotonic()
        command = [bpy.app.binary_path, "--background", "--factory-startup", "--python-exit-code", "1"]
        command += ["--python", display_transform.__file__, "--", json.dumps(settings), str(self._path)]
        no_window = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
        nobody = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nobody, stdout=nobody, stderr=nobody, **no_window)

    @property
    def is_running(self) -> bool:
        """Whether it is still to be waited for."""
        if self._process.poll() is not None:
            return False
        if time.monotonic() - self._since > PATIENCE:
            self._process.kill()
            return False
        return True

    def take(self) -> np.ndarray | None:
        """The table as ``display_transform.bake_table`` has it, None if there is none; once, when nothing runs."""
        try:
            table = np.load(self._path, allow_pickle=False)
        except (OSError, ValueError):
            table = None
        self._folder.cleanup()
        is_whole = table is not None and table.shape == (SIZE, SIZE, SIZE, 4) and table.dtype == np.float32
        return table if is_whole else None

    def end(self) -> None:
        """Give up."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
