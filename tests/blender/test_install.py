"""The zip, and what it puts into Blender."""

from __future__ import annotations

import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy


def test_zip_holds_only_pure_python(extension_zip: Path) -> None:
    names = zipfile.ZipFile(extension_zip).namelist()
    assert "blender_manifest.toml" in names
    assert "__init__.py" in names
    wheels = [name for name in names if name.endswith(".whl")]
    assert len(wheels) == 2
    assert all(name.endswith("-py3-none-any.whl") for name in wheels)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".so", ".pyd", ".dylib"))]


def test_second_build_reuses_the_first() -> None:
    script = Path(__file__).parents[2] / "scripts" / "build_extension.py"
    built = []
    for _ in range(2):
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        built.append((done.stdout, Path(done.stdout.strip()).stat().st_mtime_ns))
    assert built[0] == built[1]


def test_the_link_comes_from_the_bundled_wheel(addon: Callable[[str], ModuleType]) -> None:
    addon("properties")
    import websockets

    import engine.link.geometry

    user_resources = Path(bpy.utils.resource_path("USER")).resolve()
    assert Path(engine.link.geometry.__file__).resolve().is_relative_to(user_resources)
    if sys.prefix not in websockets.__file__:  # a development environment has its own, which comes first
        assert Path(websockets.__file__).resolve().is_relative_to(user_resources)


def test_nothing_heavy_is_imported(addon: Callable[[str], ModuleType]) -> None:
    addon("training.panel")
    assert not {"torch", "taichi", "engine.service", "engine.training"} & set(sys.modules)


def test_every_setting_has_a_name_and_a_tooltip(scene: bpy.types.Scene) -> None:
    def check(group: bpy.types.PropertyGroup, path: str) -> int:
        count = 0
        for prop in group.bl_rna.properties:
            if prop.identifier in {"rna_type", "name"}:
                continue
            if prop.type == "POINTER" and isinstance(getattr(group, prop.identifier), bpy.types.PropertyGroup):
                count += check(getattr(group, prop.identifier), f"{path}.{prop.identifier}")
                continue
            assert prop.name, f"{path}.{prop.identifier}"
            _check_tooltip(prop.description, f"{path}.{prop.identifier}")
            count += 1
        return count

    assert check(scene.hashlight, "scene.hashlight") > 10


def test_folders_may_be_relative_to_the_blend(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    settings = bpy.context.scene.hashlight
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Blender warns where it was not told so
        settings.folder = settings.bake.output = "//elsewhere"


def test_disabling_and_enabling_again_leaves_nothing_behind(extension: str) -> None:
    import addon_utils

    addon_utils.disable(extension, default_set=True)
    try:
        assert not hasattr(bpy.types.Scene, "hashlight")
        assert not [name for name in dir(bpy.types) if name.startswith("HASHLIGHT_")]
    finally:
        assert addon_utils.enable(extension, default_set=True) is not None
    assert hasattr(bpy.types.Scene, "hashlight")


def _check_tooltip(words: str, of: str) -> None:
    assert len(words) > 10, f"{of} has no tooltip"
    assert not words.endswith("."), f"{of}: tooltips end without a full stop"


def test_every_operator_and_its_settings_have_a_name_and_a_tooltip(extension: str) -> None:
    names = [name for name in dir(bpy.ops.hashlight) if not name.startswith("_")]
    assert {"fit_bounds", "plan_cameras", "capture", "train", "bake", "restart_engine"} <= set(names)
    for name in names:
        rna = getattr(bpy.ops.hashlight, name).get_rna_type()
        assert rna.name, name
        _check_tooltip(rna.description, name)
        for prop in rna.properties:
            if prop.identifier != "rna_type":
                assert prop.name, f"{name}.{prop.identifier}"
                _check_tooltip(prop.description, f"{name}.{prop.identifier}")


def test_every_preference_has_a_name_and_a_tooltip(addon: Callable[[str], ModuleType]) -> None:
    preferences = addon("preferences").get_preferences()
    own = [prop for prop in preferences.bl_rna.properties if prop.identifier not in {"rna_type", "bl_idname"}]
    assert len(own) > 5
    for prop in own:
        assert prop.name, prop.identifier
        _check_tooltip(prop.description, prop.identifier)
