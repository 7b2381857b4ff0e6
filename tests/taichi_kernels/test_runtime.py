"""Taichi as it is started."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PLACES = """
import taichi as ti
from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext
if {unknown}:
    ti.__version__ = (1, 8, 0)
before = ASTTransformerContext.get_pos_info
from taichi_kernels import runtime
runtime.start("cpu")
print(ASTTransformerContext.get_pos_info is before)
"""


@pytest.mark.parametrize("unknown", [False, True])
def test_only_the_known_release_of_taichi_is_changed(unknown: bool) -> None:
    command = [sys.executable, "-c", _PLACES.format(unknown=unknown)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == str(unknown)
