"""What another Python is started with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engine.link.child_environment import child_environment


def test_another_python_minds_none_of_this_ones_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # with it no Python starts
    others = ("PIP_TARGET", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONUSERBASE")
    for name in others:
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("OF_THE_USER", "kept")
    code = "import json, os, sys; print(json.dumps([dict(os.environ), sys.stdout.encoding]))"
    done = subprocess.run([sys.executable, "-c", code], env=child_environment(), capture_output=True, check=True)
    variables, encoding = json.loads(done.stdout)
    assert variables["OF_THE_USER"] == "kept" and encoding == "utf-8"
    assert not {"PYTHONHOME", *others} & variables.keys()
