"""Setting up the engine's environment: real Pythons, real virtual environments and real pip, from a folder of wheels.

The wheels are tiny ones made here, so that nothing has to be downloaded: a "hashlight" whose engine only knows its
version and a doctor's report, and one package that it depends on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from tiny_wheels import ENGINE, REPORT, lock_wheel, make_wheel

Import = Callable[[str], ModuleType]

PATIENCE = 240.0


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place where pip looks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("weighty", "torch"):
        for version in ("1.0", "2.0"):
            make_wheel(folder, name, version, {f"{name}/__init__.py": f"version = {version!r}\n"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "astray"))  # a user's setting that would lead pip elsewhere
    return folder


@pytest.fixture
def recipe(addon: Import, shelf: Path, tmp_path: Path) -> Any:
    """A recipe for the tiny engine, which wants older versions of what it depends on than the newest."""
    metadata = "Provides-Extra: engine\nRequires-Dist: weighty ; extra == 'engine'\n"
    files = {"engine/__init__.py": "", "engine/__main__.py": ENGINE}
    wheel = make_wheel(tmp_path, "hashlight", "9.0", files, metadata)
    (tmp_path / "constraints.txt").write_text("torch==2.0\n")
    installation = addon("engine_setup.installation")
    locks = [lock_wheel(tmp_path, shelf / f"{name}-1.0-py3-none-any.whl") for name in ("weighty", "torch")]
    return installation.Recipe((sys.executable,), wheel, "9.0", *locks, tmp_path / "constraints.txt")


@pytest.fixture
def home(addon: Import, tmp_path: Path) -> Any:
    """An empty place for environments, with a blank and an umlaut in its path."""
    return addon("engine_setup.environment").EngineHome(tmp_path / "für engines" / "engine")


def _folders(home: Any) -> list[Path]:
    return sorted(home.folder.glob("environment-*"))


def _replace(recipe: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(recipe, **changes)


@pytest.mark.slow
def test_an_environment_is_made_from_the_wheel_with_pinned_versions(
    addon: Import, home: Any, recipe: Any, shelf: Path, tmp_path: Path
) -> None:
    installation = addon("engine_setup.installation").Installation(home, recipe)
    assert installation.join(PATIENCE)
    assert installation.state == "done", (installation.error, installation.error and installation.error.lines)

    environment = home.current()
    assert environment == installation.environment
    assert environment.version == "9.0"
    assert environment.wheel == addon("engine_setup.environment").hash_file(recipe.wheel)
    assert not (tmp_path / "astray").exists()
    assert not (environment.folder / "tmp").exists()
    said = subprocess.run(
        [environment.python, "-c", "import weighty; print(weighty.version)"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "1.0"
    assert "Successfully installed" in home.log.read_text("utf-8")

    check = addon("engine_setup.check").EngineCheck(environment.python, home.folder)
    assert check.join(PATIENCE)
    assert check.error == ""
    assert check.is_good
    assert [(finding.name, finding.grade) for finding in check.findings] == [("torch", "warn")]

    # A failing second set-up leaves the first one usable: a package isn't the one that was locked any more.
    make_wheel(shelf, "weighty", "1.0", {"weighty/__init__.py": "version = 'another'\n"})
    second = addon("engine_setup.installation").Installation(home, recipe)
    assert second.join(PATIENCE)
    assert second.state == "failed"
    assert "weighty" in "\n".join(second.error.lines)
    assert any(line.startswith("ERROR: ") for line in second.error.lines)
    assert "isn't what was tested" in second.error.hint
    assert home.current() == environment
    assert _folders(home) == [environment.folder]


@pytest.mark.slow
def test_torch_comes_from_its_own_index_alone(
    addon: Import, home: Any, recipe: Any, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both indexes have the version that is wanted; the usual one, another build that would count as newer.
    usual, own = tmp_path / "usual", tmp_path / "own"
    for index, build in ((usual, "+zzz"), (own, "+cu9")):
        (index / "torch").mkdir(parents=True)
        make_wheel(index / "torch", "torch", f"2.0{build}", {"torch/__init__.py": f"build = {build!r}\n"})
    (usual / "weighty").mkdir()
    shutil.copy(shelf / "weighty-1.0-py3-none-any.whl", usual / "weighty")
    for page in (usual / "torch", usual / "weighty", own / "torch"):
        links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in page.iterdir())
        (page / "index.html").write_text(links)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", usual.as_uri())
    installation = addon("engine_setup.installation").Installation(home, _replace(recipe, torch_index=own.as_uri()))
    assert installation.join(PATIENCE)
    assert installation.state == "done", (installation.error, installation.error and installation.error.lines)
    python = installation.environment.python
    said = subprocess.run(
        [python, "-c", "import torch; print(torch.build)"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "+cu9"


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["Making the environment", "Installing packages"])
def test_cancelling_leaves_nothing_that_looks_like_an_engine(
    addon: Import, home: Any, recipe: Any, shelf: Path, moment: str
) -> None:
    installation = addon("engine_setup.installation").Installation(home, recipe)
    deadline = time.monotonic() + PATIENCE
    while installation.progress != moment and installation.state == "running" and time.monotonic() < deadline:
        time.sleep(0.005)
    assert installation.progress == moment
    time.sleep(0.3)  # into the work
    began = time.monotonic()
    installation.cancel()
    assert time.monotonic() - began < 0.5
    assert installation.join(20.0)
    assert installation.state == "cancelled"
    assert home.current() is None
    assert not _folders(home)


def test_a_python_of_another_version_is_passed_over_in_words(
    addon: Import, home: Any, recipe: Any, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("the stand-in for an old Python is a shell script")
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    installation = addon("engine_setup.installation").Installation(
        home, _replace(recipe, pythons=("/nowhere/python", str(old)))
    )
    assert installation.join(20.0)
    assert installation.state == "failed"
    assert "No Python 3.11 to 3.13" in str(installation.error)
    assert any("/nowhere/python" in line for line in installation.error.lines)
    assert any("it is Python 3.9" in line for line in installation.error.lines)
    assert not _folders(home)


def test_a_half_made_environment_is_never_taken_for_a_whole_one(addon: Import, home: Any) -> None:
    environment = addon("engine_setup.environment")
    folder = home.new_folder()
    python = environment.python_in(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    assert home.current() is None

    home.activate(environment.Environment(folder, "1", "abc"))
    assert home.current().folder == folder
    python.unlink()  # the Blender whose Python it linked to is gone
    assert home.current() is None
    for broken in (b"", b"{}", b"[1]", b'{"folder": 1}', b"\xff"):
        (home.folder / "current.json").write_bytes(broken)
        assert home.current() is None


def test_what_was_abandoned_is_cleared_away_and_what_is_being_made_is_not(addon: Import, home: Any) -> None:
    old, young = home.new_folder(), home.new_folder()
    os.utime(old, (time.time() - 3 * 24 * 3600,) * 2)
    third = home.new_folder()
    assert _folders(home) == sorted([young, third])


def test_a_folder_that_cannot_be_written_is_named(addon: Import, recipe: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    home = addon("engine_setup.environment").EngineHome(tmp_path / "taken" / "engine")
    installation = addon("engine_setup.installation").Installation(home, recipe)
    assert installation.join(20.0)
    assert installation.state == "failed"
    assert "taken" in str(installation.error)


def test_a_python_without_an_engine_is_told_by_the_check(addon: Import, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    check = addon("engine_setup.check").EngineCheck(
        addon("engine_setup.environment").python_in(bare), tmp_path / "folder"
    )
    assert check.join(60.0)
    assert not check.is_good
    assert "No module named engine" in check.error


def test_pips_lines_are_shortened_for_the_panel(addon: Import) -> None:
    shorten = addon("engine_setup.installation")._shorten
    assert shorten("Collecting torch==2.1 (from hashlight[engine]@ file:///x.whl)") == "Collecting torch==2.1"
    wheel = "taichi-1.7.4-cp311-cp311-manylinux_2_27_x86_64.whl"
    assert shorten(f"Downloading {wheel} (56.2 MB)") == "Downloading taichi-1.7.4 (56.2 MB)"
    assert shorten(f"Processing /wheels/{wheel}") == "Processing taichi-1.7.4"
    assert shorten("Installing collected packages: a, b, c") == "Installing 3 packages"


# --- in Blender -------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_engine(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A Blender in which no engine was ever named or set up; the value is the module of set-up jobs."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", "")
    bundle, jobs = addon("engine_setup.bundle"), addon("engine_setup.jobs")
    monkeypatch.setattr(bundle, "engine_folder", lambda: tmp_path / "engine")
    yield jobs
    jobs._end()
    bpy.context.preferences.system.use_online_access = False
    preferences = addon("preferences").get_preferences()
    preferences.torch_index, preferences.device = "", "auto"


def test_the_zip_brings_all_that_the_engine_is_made_from(addon: Import) -> None:
    recipe = addon("engine_setup.bundle").make_recipe()
    assert recipe.wheel.is_file()
    assert "torch==" in recipe.constraints.read_text("utf-8")
    assert "\ntaichi==" in recipe.lock.read_text("utf-8") and "\ntorch==" in recipe.torch_lock.read_text("utf-8")
    assert recipe.pythons[0] == sys.executable


def test_no_engine_is_told_and_offline_nothing_begins(without_engine: Any, addon: Import) -> None:
    with pytest.raises(RuntimeError, match="No engine is set up yet"):
        bpy.ops.hashlight.start_engine()
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="online access is off: allow it"):
        bpy.ops.hashlight.set_up_engine()
    assert without_engine.installation() is None
    with pytest.raises(RuntimeError, match="No engine is set up yet"):
        bpy.ops.hashlight.check_engine()


def test_what_is_no_index_is_refused(without_engine: Any, addon: Import) -> None:
    bpy.context.preferences.system.use_online_access = True
    addon("preferences").get_preferences().torch_index = "--upgrade"
    with pytest.raises(RuntimeError, match="Torch Index --upgrade is no address"):
        bpy.ops.hashlight.set_up_engine()


def test_what_a_check_found_is_shown_until_it_is_put_away(
    without_engine: Any, addon: Import, drawn: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("the stand-in for an engine's Python is a shell script")
    assert "No engine is set up yet" in drawn("HASHLIGHT_PT_setup")
    assert "Put Away" not in drawn("HASHLIGHT_PT_setup"), "what is missing stays in sight"
    python = tmp_path / "python-with-engine"
    python.write_text(f"#!/bin/sh\nsleep 0.3\necho '{json.dumps(REPORT)}'\n")
    python.chmod(0o755)
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", str(python))
    assert drawn("HASHLIGHT_PT_setup") == "", "an engine that is there needs no panel"

    bpy.ops.hashlight.check_engine()
    assert "Checking…" in drawn("HASHLIGHT_PT_engine"), "it answers where it was pressed"
    assert drawn("HASHLIGHT_PT_setup") == ""
    with pytest.raises(RuntimeError, match="is running"):
        bpy.ops.hashlight.put_set_up_away()
    assert addon("session.registry").pump_until(lambda: not without_engine.is_busy(), 20.0)
    words = drawn("HASHLIGHT_PT_engine")
    assert all(part in words for part in ("The engine works", "Put Away", "torch: slow", "wait"))
    bpy.ops.hashlight.put_set_up_away()
    assert "The engine works" not in drawn("HASHLIGHT_PT_engine")
    bpy.ops.hashlight.check_engine()
    assert "Checking…" in drawn("HASHLIGHT_PT_engine"), "it can be looked at again"


@pytest.mark.slow
def test_the_button_sets_up_checks_and_the_engine_is_found(
    without_engine: Any, addon: Import, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, bundle, source = addon("session.registry"), addon("engine_setup.bundle"), addon("session.source")
    monkeypatch.setattr(without_engine, "make_recipe", lambda python, index: recipe)
    monkeypatch.setattr(bundle, "_bundled_hash", lambda: addon("engine_setup.environment").hash_file(recipe.wheel))
    bpy.context.preferences.system.use_online_access = True

    began = time.monotonic()
    assert bpy.ops.hashlight.set_up_engine() == {"FINISHED"}
    assert time.monotonic() - began < 1.0
    with pytest.raises(RuntimeError):  # one at a time
        bpy.ops.hashlight.set_up_engine()
    assert registry.pump_until(lambda: not without_engine.is_busy() and without_engine.check() is not None, PATIENCE)
    assert without_engine.installation().state == "done"
    assert without_engine.check().is_good
    assert source.engine_python() == str(bundle.engine_home().current().python)
    assert addon("preferences").get_preferences().device == "cpu"

    monkeypatch.setattr(bundle, "_bundled_hash", lambda: "of a newer extension")
    with pytest.raises(ValueError, match="of another build"):
        source.engine_python()
