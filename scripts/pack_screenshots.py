"""Cut and pack the screenshots that scripts/take_screenshots.py has left in a folder.

python scripts/pack_screenshots.py FOLDER docs/images
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

MAX_BYTES = 200_000


def pack(screens: Path, target: Path) -> None:
    """Cut the pictures that ``screens``/cuts.json names, with few colours, as PNG of at most ``MAX_BYTES``."""
    target.mkdir(parents=True, exist_ok=True)
    for name, box in json.loads((screens / "cuts.json").read_text("utf-8")).items():
        picture = Image.open(screens / f"{name}.png").convert("RGB").crop(box)
        path = target / f"{name}.png"
        for colors in (256, 128, 64, 32):
            picture.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)
            if path.stat().st_size <= MAX_BYTES:
                break
        print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
