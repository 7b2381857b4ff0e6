"""Build the Blender extension: ``build/hashlight-VERSION.zip``.

The zip holds ``blender_addon/`` as the add-on, ``blender_manifest.toml``, the versions and hashes to install, and two
pure-Python wheels: this project's own and websockets. Blender's own packaging tool, which the ``bpy`` wheel brings
along, builds and validates it. Nothing is done when nothing changed, and nothing is downloaded twice.

    python scripts/build_extension.py [--output-dir DIR] [--force]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDON = ROOT / "blender_addon"
WHEEL_PACKAGES = ("engine", "taichi_kernels")
WHEEL_FILES = ("pyproject.toml", "README.md", "LICENSE")
WANTED_SETUPTOOLS = 77  # as pyproject.toml's build-system says
LOCKS = ("engine-lock.txt", "torch-lock.txt", "constraints.txt")  # by which the engine is set up
ZIP_FILES = ("blender_manifest.toml", "LICENSE", *LOCKS)


class BuildError(RuntimeError):
    """The extension can't be built; the message says why and what to do."""


def build_extension(output_dir: Path = ROOT / "build", force: bool = False) -> Path:
    """Build the extension's zip unless an up-to-date one is there, and return its path.

    Safe to call from several processes at once. Raises BuildError.
    """
    version = _project_version()
    target = output_dir / f"hashlight-{version}.zip"
    stamp = output_dir / f"hashlight-{version}.inputs"
    inputs = _hash_inputs()
    if not force and target.is_file() and stamp.is_file() and stamp.read_text("utf-8") == inputs:
        return target

    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="extension-", dir=output_dir) as scratch_name:
        scratch = Path(scratch_name)
        wheels = [_build_own_wheel(scratch), _fetch_websockets_wheel(output_dir / "wheels", scratch)]
        package = _stage(scratch / "package", wheels)
        built = scratch / target.name
        _blender_ext("build", f"--source-dir={package}", f"--output-filepath={built}")
        _blender_ext("validate", str(built))
        new_stamp = scratch / stamp.name
        new_stamp.write_text(inputs, "utf-8")
        built.replace(target)
        new_stamp.replace(stamp)
    return target


def _project_version() -> str:
    """The one version, after checking that the project and the extension's manifest agree on it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))["version"]
    if project != manifest:
        raise BuildError(
            f"blender_manifest.toml says version {manifest}, pyproject.toml says {project}: make them equal"
        )
    return str(project)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _hash_inputs() -> str:
    """A digest of every file that the zip is made of."""
    paths = [ROOT / name for name in dict.fromkeys((*WHEEL_FILES, *ZIP_FILES))]
    for folder in (ADDON, *(ROOT / name for name in WHEEL_PACKAGES)):
        paths.extend(_files_below(folder))
    digest = hashlib.sha256()
    for path in (Path(__file__), *paths):
        if path.is_file():
            digest.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _build_own_wheel(scratch: Path) -> Path:
    """This project's wheel, built from a copy so that no leftovers of former builds get in."""
    source = scratch / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in WHEEL_PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in WHEEL_FILES:
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, source / name)
    # Without isolation nothing has to be downloaded, if this environment's setuptools will do.
    isolation = ["--no-build-isolation"] if _setuptools_major() >= WANTED_SETUPTOOLS else []
    _pip("wheel", "--no-deps", *isolation, "--wheel-dir", str(scratch), str(source))
    return next(scratch.glob("hashlight-*.whl"))


def _setuptools_major() -> int:
    try:
        return int(importlib.metadata.version("setuptools").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


def _fetch_websockets_wheel(cache: Path, scratch: Path) -> Path:
    """The pinned pure-Python websockets wheel, downloaded into ``cache`` the first time."""
    version = _pinned_version("websockets")
    cached = cache / f"websockets-{version}-py3-none-any.whl"
    if not cached.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        pure_python = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
        _pip("download", "--no-deps", *pure_python, "--dest", str(scratch), f"websockets=={version}")
        (scratch / cached.name).replace(cached)
    return cached


def _pinned_version(package: str) -> str:
    pin = re.search(rf"^{package}==([^\s;]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    if pin is None:
        raise BuildError(f"constraints.txt pins no version of {package}")
    return pin[1]


def _stage(package: Path, wheels: list[Path]) -> Path:
    """Lay out the zip's content in folder ``package``."""
    shutil.copytree(ADDON, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ZIP_FILES:
        shutil.copy2(ROOT / name, package / name)
    (package / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, package / "wheels" / wheel.name)
    named = {
        Path(name).name for name in tomllib.loads((package / "blender_manifest.toml").read_text("utf-8"))["wheels"]
    }
    if named != {wheel.name for wheel in wheels}:
        built = ", ".join(sorted(wheel.name for wheel in wheels))
        raise BuildError(f"blender_manifest.toml: wheels names {', '.join(sorted(named))}, but the build made {built}")
    return package


def _find_blender_ext() -> Path:
    """Blender's packaging tool inside the ``bpy`` wheel, found without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    if spec is not None and spec.origin is not None:
        for path in Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
            return path
    raise BuildError(
        f"{sys.executable} has no bpy package, whose packaging tool is needed: pip install -c constraints.txt bpy"
    )


def _blender_ext(*arguments: str) -> None:
    _run([sys.executable, str(_find_blender_ext()), *arguments])


def _pip(*arguments: str) -> None:
    _run([sys.executable, "-m", "pip", "--quiet", *arguments])


def _run(command: list[str]) -> None:
    # Blender's tool prints UTF-8 whatever the console's encoding.
    environment = os.environ | {"PYTHONUTF8": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, encoding="utf-8")
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout.strip()}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the Blender extension's zip.")
    parser.add_argument("--output-dir", type=Path, default=ROOT / "build", help="where the zip goes (default: build)")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    options = parser.parse_args()
    try:
        built = build_extension(options.output_dir, options.force)
    except BuildError as error:
        print(f"build_extension: {error}", file=sys.stderr)
        return 1
    print(f"{built.name}: {built.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    print(built)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
