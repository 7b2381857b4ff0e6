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
            reduce_colors(picture, colors).save(path, optimize=True)
            if path.stat().st_size <= MAX_BYTES:
                break
        print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size:,} bytes")


def reduce_colors(picture: Image.Image, count: int) -> Image.Image:
    """``picture`` in ``count`` colours: most of them those that are frequent, an eighth those far from all others, or
    thin lines in a colour of their own would lose it."""
    rare = count // 8
    frequent = picture.quantize(count - rare).getpalette() or []
    accents = picture.quantize(rare, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(frequent[: 3 * (count - rare)] + accents[: 3 * rare])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
