"""What a frame costs Blender's main thread: from the engine's half floats to an updated image, by size.

    python benchmarks/preview_image.py    # in an environment with bpy; the extension goes into a temporary folder

Prints a Markdown table: milliseconds, the best and the middle of 20.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = ((480, 270), (960, 540), (1920, 1080), (3840, 2160))
REPEATS = 20


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="hashlight-benchmark-", ignore_cleanup_errors=True) as folder:
        os.environ["BLENDER_USER_RESOURCES"] = folder  # read while bpy is imported
        import bpy
        import numpy as np

        sys.path.insert(0, str(ROOT))
        from scripts.build_extension import build_extension

        bpy.ops.extensions.package_install_files(
            filepath=str(build_extension()), repo="user_default", enable_on_install=True
        )
        picture = importlib.import_module("bl_ext.user_default.hashlight.preview.picture")
        print("\n| size | convert, best | convert, middle | whole update, best | whole update, middle |")
        print("|---|---|---|---|---|")
        for width, height in SIZES:
            color = np.random.default_rng(0).random((height, width, 4)).astype(np.float16)
            image = picture.update_image(None, "Benchmark", (width, height), picture.to_blender_pixels(color))
            cells = []

            def convert() -> np.ndarray:
                return picture.to_blender_pixels(color)  # noqa: B023

            def update() -> None:
                picture.update_image(image, "", (width, height), convert())  # noqa: B023

            for work in (convert, update):
                seconds = sorted(_time(work) for _ in range(REPEATS))
                cells += [f"{1e3 * seconds[0]:.1f}", f"{1e3 * seconds[REPEATS // 2]:.1f}"]
            print(f"| {width}x{height} | {' | '.join(cells)} |")
    return 0


def _time(work) -> float:  # noqa: ANN001
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
