"""A kind of primitive that neither the engine nor the add-on knows: a package beside the engine, and one panel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
import signal_panel

Import = Callable[[str], ModuleType]
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def signal_scene(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """The small scene with two recordings in its folder, the panel for such, and an engine with the package."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", str(_python_with_package(tmp_path / "environment")))
    settings, folder = small_scene.hashlight, tmp_path / "session"
    settings.folder, settings.training.seconds, settings.training.evaluate_every = str(folder), 3.0, 1.0
    folder.mkdir()
    for name, count in (("train", 200), ("test", 67)):
        np.save(folder / f"{name}.npy", 0.5 + 0.3 * np.sin(2 * np.pi * np.linspace(0.0, 1.0, count))[None])
    for cls in signal_panel.CLASSES:
        bpy.utils.register_class(cls)
    yield small_scene
    addon("session.registry").close()
    for cls in reversed(signal_panel.CLASSES):
        bpy.utils.unregister_class(cls)


def _python_with_package(folder: Path) -> Path:
    python = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    made = Path(sysconfig.get_path("scripts", vars={"base": str(folder)})) / "python"
    paths = subprocess.check_output([python, "-c", "import sys; print(*sys.path, sep='\\n')"], text=True, cwd=ROOT)
    # Of the engine's Python, which may be of another version than Blender's.
    asked = subprocess.check_output([made, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    site = Path(asked.strip())
    (site / "engine.pth").write_text("\n".join([str(ROOT), *filter(None, paths.splitlines())]))
    described = site / "hashlight_signal-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: hashlight-signal\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[hashlight.primitives]\nsignal = tests.engine.plugin.signal:SIGNAL\n")
    return made


def test_one_panel_has_it_trained_and_all_else_tells_of_it_in_the_engines_words(
    addon: Import, signal_scene: bpy.types.Scene, drawn: Callable[[str], str], wait: Callable[..., None]
) -> None:
    assert bpy.ops.hashlight.train_signal() == {"FINISHED"}
    session = addon("session.registry").current()
    wait(lambda: session.is_trained and session.evaluations, "the end of training, and scores")
    bpy.ops.hashlight.evaluate()
    steps = [scores.step for scores in session.evaluations]
    wait(lambda: session.evaluations[-1].step > steps[0], "other scores")
    words = drawn("HASHLIGHT_PT_train")
    assert "Mean error 0." in words and " V" in words and "PSNR" not in words
    assert "1 training, 1 test recordings" in drawn("HASHLIGHT_PT_train_settings")
    quality = drawn("HASHLIGHT_PT_quality")
    assert "Mean error" in quality and "held out: 0." in quality and "Worst Views" not in quality

    assert bpy.ops.hashlight.preview() == {"FINISHED"}
    wait(lambda: addon("preview.plane").find_plane(signal_scene, "preview") is not None, "its picture")
    assert session.bounds.to_json() == {"minimum": [0.0] * 3, "maximum": [1.0] * 3}

    bpy.ops.hashlight.save_snapshot()
    wait(lambda: session.snapshot is not None and session.snapshot.step == session.status.step, "the snapshot")
    addon("training.saved_state").remember(signal_scene)
    assert signal_scene.hashlight.run.score.startswith("Mean error 0.")
    usage = addon("takes.usage").measure(addon("folders").session_folder(signal_scene), "")
    assert usage.takes[0].score.metric.label == "Mean error" and usage.takes[0].score.metric.unit == "V"


def test_a_file_outside_the_scenes_folder_is_named(
    addon: Import, signal_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from engine.link.messages import PluginSpec

    with pytest.raises(ValueError, match=r"elsewhere\.npy isn't inside .*session, the folder that the engine works in"):
        addon("training.files").train_on_files(
            signal_scene, PluginSpec(name="signal"), {"a": ("train", tmp_path / "elsewhere.npy")}
        )
