"""What the scripts that drive the artist scenes share: the extension as built here, folders' names, options."""

from __future__ import annotations

import argparse
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


def scene_parser(description: str | None) -> argparse.ArgumentParser:
    """Options of what takes one scene through Blender."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene")
    parser.add_argument("--extension", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), required=True)
    parser.add_argument("--views", type=int, required=True)
    parser.add_argument("--held-out", type=int, required=True)
    return parser
