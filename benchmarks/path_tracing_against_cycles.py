"""The path tracer beside Cycles on six small scenes, in light, not in time: benchmarks/results/path-tracing-*.json.

    python -m benchmarks.path_tracing_against_cycles [--device cpu] [--side 64] [--samples 2048] [--keep FOLDER]

Each scene is built by script in a Blender of its own, handed over as the add-on hands over scenes, and rendered by both
with as many bounces. What is compared is scene-linear light: ``mean``, how much brighter the whole picture is, and
``difference``, the mean absolute difference of squares of 8x8 pixels over the mean light, of which ``noise`` would be
there for the path tracer's noise alone (half of its samples beside the other half, scaled to what the difference of two
pictures with all samples has). With --keep the pictures stay in FOLDER: ours, Cycles', and eight times their difference
around grey.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.link.argument_types import whole_number
from engine.link.color import encode_srgb
from engine.link.path_scenes import FILE_NAME, load_path_scene
from engine.machine import device_name, versions
from engine.rendering.path_tracing import PathTracedView, prepare_scene
from taichi_kernels.runtime import choose_device
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings

SCENES = ("furnace", "cornell box", "glossy", "textured", "environment-lit", "interior")
BOUNCES = 8
_SQUARE = 8  # pixels a side, within which noise is averaged
_PATHS_AT_ONCE = 1 << 17
_CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Render, compare, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_device(parser)
    parser.add_argument("--side", type=whole_number(8, 1024), default=64, help="of the pictures (64)")
    parser.add_argument("--samples", type=whole_number(2, 1 << 20), default=2048, help="a pixel, of both (2048)")
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES), metavar="NAME")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep pictures and scenes here")
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    for name in options.scenes:
        with _folder(options.keep, name) as folder:
            row = compare_scene(name, folder, options.side, options.samples, device)
        print(
            f"{name:16} mean {row['mean']:+.2%}  difference {row['difference']:.2%}  noise {row['noise']:.2%}",
            flush=True,
        )
        if not options.no_result:
            about = {"device": device, "device_name": device_name(device), "versions": versions()}
            write_result("path-tracing", {"dataset": name, **about, **row})
    return 0


def compare_scene(name: str, folder: Path, side: int, samples: int, device: str) -> dict[str, Any]:
    """One scene's figures; its pictures are left in ``folder``."""
    command = [sys.executable, "-m", "benchmarks.path_tracing.by_cycles", name, str(folder)]
    subprocess.run(
        [*command, str(side), str(samples), str(BOUNCES)], cwd=_CHECKOUT, check=True, stdout=subprocess.DEVNULL
    )
    wanted = np.load(folder / "cycles.npy")
    data = load_path_scene(folder / FILE_NAME)
    scene = prepare_scene(data, device)
    at_once = max(1, min(samples // 2, _PATHS_AT_ONCE // side**2))
    began = time.perf_counter()
    halves = []
    for seed in (1, 2):
        view = PathTracedView(scene, data.camera, PathSettings(BOUNCES), at_once, seed)
        while view.samples < samples // 2:
            view.add_samples()
        halves.append(view.image().color[..., :3].cpu().numpy())
    seconds = time.perf_counter() - began
    found = (halves[0] + halves[1]) / 2.0
    _save_pictures(folder, found, wanted)
    return {
        "side": side,
        "samples": samples,
        "bounces": BOUNCES,
        "triangles": len(data.corners),
        "mean": float(found.mean() / wanted.mean() - 1.0),
        "difference": relative_difference(found, wanted),
        # The difference of two halves has twice the variance of that of two wholes.
        "noise": relative_difference(halves[0], halves[1]) / 2**0.5,
        "seconds": seconds,
    }


def relative_difference(found: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    """The mean absolute difference of two pictures [h, w, 3], in squares of pixels, over the mean light of the
    second."""
    return float(np.abs(_squares(found) - _squares(wanted)).mean() / wanted.mean())


def _squares(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    size = [length // _SQUARE for length in picture.shape[:2]]
    whole = picture[: size[0] * _SQUARE, : size[1] * _SQUARE].astype(np.float64)
    means: npt.NDArray[np.float64] = whole.reshape(size[0], _SQUARE, size[1], _SQUARE, 3).mean(axis=(1, 3))
    return means


def _save_pictures(folder: Path, found: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> None:
    apart = 0.5 + 8.0 * (found - wanted) / max(float(wanted.mean()), 1e-6)
    pictures = {"ours": encode_srgb(found), "cycles": encode_srgb(wanted), "apart": apart.clip(0.0, 1.0)}
    for name, picture in pictures.items():
        Image.fromarray((picture * 255.0 + 0.5).astype(np.uint8)).save(folder / f"{name}.png")


@contextlib.contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        folder = keep.absolute() / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


if __name__ == "__main__":
    sys.exit(main())
