"""Wheels of a few lines, so that nothing has to be downloaded: among them an engine that only knows its version."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

REPORT = {"ok": True, "findings": [{"name": "torch", "grade": "warn", "detail": "slow", "advice": "wait"}]}
ENGINE = f"""
import json, sys
if "--version" in sys.argv:
    import weighty
    print("hashlight 9")
elif "doctor" in sys.argv:
    print({json.dumps(REPORT)!r})
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], metadata: str = "") -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in files) + f"{info}/RECORD,,\n")
    return path


def lock_wheel(folder: Path, wheel: Path) -> Path:
    """A lock of this one wheel."""
    name, version = wheel.name.split("-")[:2]
    path = folder / f"{name}-lock.txt"
    path.write_text(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return path
