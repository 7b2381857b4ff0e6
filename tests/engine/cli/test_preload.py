"""Importing what is heavy beside a command."""

from __future__ import annotations

import subprocess
import sys

import pytest

_END_AT_ONCE = """
import sys
from engine.cli.preload import preloading
with preloading():
    pass
print("taichi_kernels.triton_kernels" in sys.modules)
"""


@pytest.mark.slow
def test_a_command_that_ends_early_lets_its_imports_finish() -> None:
    """Python aborts when it ends while a thread imports Taichi."""
    done = subprocess.run([sys.executable, "-c", _END_AT_ONCE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "True", done.stderr
