"""Cut and pack the screenshots that scripts/take_screenshots.py has left in a folder.

python scripts/pack_screenshots.py FOLDER docs/images
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image


def pack(screens: Path, target: Path) -> None:
    """Cut the pictures that ``screens``/cuts.json names, as WebP without loss: few colours would show as bands."""
    target.mkdir(parents=True, exist_ok=True)
    for name, box in json.loads((screens / "cuts.json").read_text("utf-8")).items():
        picture = Image.open(screens / f"{name}.png").convert("RGB").crop(box)
        path = target / f"{name}.webp"
        picture.save(path, lossless=True, quality=100, method=6)
        print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
