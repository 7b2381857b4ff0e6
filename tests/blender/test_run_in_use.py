"""A run that another process works in: told before an engine is started that could not open it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from conftest import ENGINE_PYTHON

Import = Callable[[str], ModuleType]


@pytest.fixture
def other(
    planned_scene: bpy.types.Scene,
    tmp_path: Path,
    hold_run: Callable[[Path], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> subprocess.Popen[str]:
    """Another process that has the scene's run in its hand; an engine could be started."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", ENGINE_PYTHON)
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    return hold_run(tmp_path / "run")


def test_it_is_told_in_the_panel_and_by_each_button(
    addon: Import, other: subprocess.Popen[str], drawn: Callable[[str], str]
) -> None:
    words = f"The run is in use by hashlight train (process {other.pid} on "
    assert words in drawn("HASHLIGHT_PT_training_notice") and "Another program" in drawn("HASHLIGHT_PT_train")
    with pytest.raises(RuntimeError, match="The run is in use by hashlight train"):
        bpy.ops.hashlight.train()
    with pytest.raises(RuntimeError, match="The run is in use by hashlight train"):
        bpy.ops.hashlight.restart_training()
    with pytest.raises(RuntimeError, match="wait until that has ended"):
        bpy.ops.hashlight.capture_and_train()
    assert addon("session.registry").current() is None, "no engine was started for it"

    other.kill()
    other.wait()
    assert "Another program" not in drawn("HASHLIGHT_PT_train")
    assert bpy.ops.hashlight.train.poll()
