"""Lock all that the engine needs: versions and SHA-256 hashes, for every platform and Python that it supports.

    python scripts/lock_engine.py

Writes ``engine-lock.txt`` and ``torch-lock.txt`` from the extra ``engine`` of ``pyproject.toml`` and the versions of
``constraints.txt``; what neither names stays as it was locked, unless ``--upgrade`` asks for the newest. uv resolves
for all platforms at once and takes the hashes of all their wheels from the package index, so it needs no other machine
than this one: ``pip install -c constraints.txt uv``. pip installs by the locks, with ``--require-hashes --no-deps``.

What torch brings along for the graphics card is locked apart, with it: an index of PyTorch's own has other builds.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE_LOCK, TORCH_LOCK = ROOT / "engine-lock.txt", ROOT / "torch-lock.txt"
OLDEST_PYTHON = "3.11"
HEADER = "# Made by scripts/lock_engine.py: pip install --require-hashes --no-deps --requirement {name}\n"
_OF_TORCH = re.compile(r"torch|triton|nvidia-.+|cuda-.+")
_ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==[^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+\n", re.MULTILINE)


class LockError(RuntimeError):
    """There is no lock to be had; the message says why and what to do."""


def resolve(uv: str, upgrade: bool) -> str:
    """All packages with their hashes, as a requirements file. Raises LockError."""
    with tempfile.TemporaryDirectory(prefix="hashlight-lock-") as scratch:
        lock = Path(scratch) / "lock.txt"
        former = [path.read_text("utf-8") for path in (ENGINE_LOCK, TORCH_LOCK) if path.is_file()]
        lock.write_text("".join(former), "utf-8")
        command = [uv, "pip", "compile", "pyproject.toml", "--extra=engine", "--constraints=constraints.txt"]
        command += ["--universal", f"--python-version={OLDEST_PYTHON}", "--generate-hashes", "--no-build"]
        command += ["--no-header", "--no-annotate", "--quiet", f"--output-file={lock}"]
        done = subprocess.run([*command, *(["--upgrade"] if upgrade else [])], cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            raise LockError(f"uv can't resolve the engine's packages:\n{done.stderr.strip()}")
        return lock.read_text("utf-8")


def split(resolved: str) -> tuple[str, str]:
    """The contents of the engine's lock and of torch's. Raises LockError when a line is neither's."""
    entries = list(_ENTRY.finditer(resolved))
    if sum(len(entry[0]) for entry in entries) != len(resolved):
        raise LockError("uv's file holds lines that are no package with hashes")
    parts = {ENGINE_LOCK: "", TORCH_LOCK: ""}
    for entry in entries:
        parts[TORCH_LOCK if _OF_TORCH.fullmatch(entry["name"]) else ENGINE_LOCK] += entry[0]
    engine, torch = (HEADER.format(name=path.name) + text for path, text in parts.items())
    return engine, torch


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Lock the versions and hashes of all that the engine needs.")
    parser.add_argument(
        "--upgrade", action="store_true", help="the newest versions of what constraints.txt leaves open"
    )
    options = parser.parse_args()
    try:
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        if uv is None:
            raise LockError("there is no uv: pip install -c constraints.txt uv")
        for path, text in zip((ENGINE_LOCK, TORCH_LOCK), split(resolve(uv, options.upgrade)), strict=True):
            path.write_text(text, "utf-8")
            print(f"wrote {path.name}")
    except LockError as error:
        print(f"lock_engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
