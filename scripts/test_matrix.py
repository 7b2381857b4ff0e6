"""Run tests/blender in every Blender version we support, each in its own environment and process.

An environment ``.venv-bpy-X.Y`` is made for each version the first time, from that version's ``bpy`` wheel. A version
whose Python or wheel can't be had here is named in the summary as not run, and fails the whole only with --strict.

    python scripts/test_matrix.py [4.5 5.0 5.2] [--strict] [-- PYTEST ARGUMENTS]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEST_PACKAGES = ("numpy", "pillow", "pytest", "pytest-timeout", "setuptools>=77", "wheel")
# Each Blender has its own bpy and wants its own numpy.
UNPINNED_PACKAGES = ("bpy", "numpy")


@dataclasses.dataclass(frozen=True)
class BlenderVersion:
    """A Blender release line and the one Python it runs in."""

    name: str
    python: str

    @property
    def environment(self) -> Path:
        """Where its environment lives."""
        return ROOT / f".venv-bpy-{self.name}"


MATRIX = (
    BlenderVersion("4.5", "3.11"),
    BlenderVersion("5.0", "3.11"),
    BlenderVersion("5.2", "3.13"),
)


class NotAvailableError(RuntimeError):
    """A version can't be tested on this machine; the message says why."""


def prepare(version: BlenderVersion) -> Path:
    """The Python of this version's environment, made when it isn't there. Raises NotAvailableError."""
    python = version.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = version.environment / "ready"
    if ready.is_file():
        return python
    base = _find_python(version.python)
    shutil.rmtree(version.environment, ignore_errors=True)  # a half-made one
    _run([base, "-m", "venv", str(version.environment)])
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    constraints = version.environment / "constraints.txt"
    constraints.write_text("\n".join(pin for pin in pins if not pin.startswith(UNPINNED_PACKAGES)), "utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(constraints)]
    _run([*pip, f"bpy=={version.name}.*", *TEST_PACKAGES])
    ready.touch()
    return python


def _find_python(wanted: str) -> str:
    """A Python of version ``wanted`` ("3.13"): this one, one on the path, or one that pyenv keeps."""
    candidates = [sys.executable, f"python{wanted}", *map(str, _pyenv_pythons(wanted))]
    for candidate in candidates:
        if executable := shutil.which(candidate):
            check = [executable, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            done = subprocess.run(check, capture_output=True, text=True)
            if done.returncode == 0 and done.stdout.strip() == wanted:
                return executable
    raise NotAvailableError(f"there is no python{wanted} on this machine")


def _pyenv_pythons(wanted: str) -> list[Path]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return sorted(root.glob(f"versions/{wanted}.*/bin/python"), reverse=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        last_words = "\n".join(done.stdout.strip().splitlines()[-3:])
        raise NotAvailableError(f"{' '.join(command)} failed: {last_words}")


def run_tests(python: Path, arguments: list[str]) -> bool:
    """Whether tests/blender passes under ``python``."""
    command = [str(python), "-m", "pytest", "tests/blender", *arguments]
    # The engine runs in its own Python in any case: the one that runs this script, unless another is named.
    environment = {"HASHLIGHT_ENGINE_PYTHON": sys.executable} | os.environ
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run tests/blender in every supported Blender version.")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="only these (default: all)")
    parser.add_argument("--strict", action="store_true", help="fail when a version can't be run here")
    parser.add_argument("--prepare", action="store_true", help="only make the environments")
    own, passed_on = _split_at(sys.argv[1:], "--")
    options = parser.parse_args(own)
    if unknown := set(options.versions) - {version.name for version in MATRIX}:
        parser.error(f"unknown version {', '.join(sorted(unknown))}; there are {', '.join(v.name for v in MATRIX)}")

    results: dict[str, str] = {}
    for version in MATRIX:
        if options.versions and version.name not in options.versions:
            continue
        print(f"--- Blender {version.name}, Python {version.python}", flush=True)
        try:
            python = prepare(version)
        except NotAvailableError as reason:
            results[version.name] = f"NOT RUN: {reason}"
            continue
        if options.prepare:
            results[version.name] = "ready"
        else:
            results[version.name] = "passed" if run_tests(python, passed_on) else "FAILED"

    print("\n--- summary")
    for name, result in results.items():
        print(f"Blender {name}: {result}")
    failures = ("FAILED", "NOT RUN") if options.strict else ("FAILED",)
    return int(any(result.startswith(failures) for result in results.values()))


def _split_at(items: list[str], separator: str) -> tuple[list[str], list[str]]:
    if separator not in items:
        return items, []
    index = items.index(separator)
    return items[:index], items[index + 1 :]


if __name__ == "__main__":
    raise SystemExit(main())
