"""A view transform's table baked by another Blender, without a window.

Blender reads a view transform it has not used yet from files and builds its processor, all at once: a third of a second
for AgX, in which the window would stand still. (Blender's own PyOpenColorIO holds the GIL for as long, so a
thread is no way out.) A second Blender may take its time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from engine.link.temporary_folder import TemporaryFolder

from . import baking

PATIENCE = 60.0  # seconds, on a busy machine; a second or two are usual


class TableProcess:
    """Displays ``colors`` by ``settings``, as ``baking.display_colors`` does, from now on."""

    def __init__(self, colors: np.ndarray, settings: Mapping[str, Any]) -> None:
        """Raises OSError when no second Blender can be started."""
        self._shape = colors.shape
        self._folder = TemporaryFolder("table")
        source, self._target = (self._folder.path / name for name in ("colors.npy", "displayed.npy"))
        np.save(source, colors)
        self._since = time.monotonic()
        command = [bpy.app.binary_path, "--background", "--factory-startup", "--python-exit-code", "1"]
        command += ["--python", baking.__file__, "--", json.dumps(settings), str(source), str(self._target)]
        no_window = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, **no_window)

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
        """The display's values, None if there are none; once, when nothing runs."""
        try:
            displayed = np.load(self._target, allow_pickle=False)
        except (OSError, ValueError):
            displayed = None
        self._folder.close()
        is_whole = displayed is not None and displayed.shape == self._shape and displayed.dtype == np.float32
        return displayed if is_whole else None

    def end(self) -> None:
        """Give up."""
        self._process.kill()
        self._process.wait()
        self._folder.close()
