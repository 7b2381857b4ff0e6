"""What the scripts that drive the artist scenes share: the extension as built here, and how folders are called."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def build_extension() -> Path:
    """The built extension; one that is up to date is not built again."""
    script = [sys.executable, str(CHECKOUT / "scripts" / "build_extension.py")]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])


def folder_name(scene: str) -> str:
    """Where a scene's files go, inside the results' folder."""
    return re.sub(r"[^a-z0-9]+", "-", scene.lower())
