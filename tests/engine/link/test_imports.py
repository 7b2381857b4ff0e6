"""The link runs inside Blender: standard library, numpy and websockets, nothing else."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
import numpy.random
before = set(sys.modules)
import engine.link
for module in pkgutil.iter_modules(engine.link.__path__, "engine.link."):
    importlib.import_module(module.name)
loaded = {name.partition(".")[0] for name in set(sys.modules) - before} - {"numpy"}
print(sorted(loaded - set(sys.stdlib_module_names)))
"""


def test_importing_the_link_loads_nothing_heavy() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "['engine', 'websockets']"
