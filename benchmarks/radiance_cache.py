"""A picture with and without the radiance cache, in equal time: benchmarks/results/radiance-cache-*.json.

    python -m benchmarks.radiance_cache [--device cpu] [--size 320x180] [--seconds 0.05 0.25 1] [--reference 4096]

Three of the scenes of benchmarks/path_tracing_against_cycles.py: a room that gets its light through a window, glossy
things, and things under an open sky. Error is the mean over pixels of the squared difference from a reference without
the cache, divided by the reference's square (and a hundredth of its mean's, so that black pixels don't decide), each of
as many samples as the seconds allowed. With the cache a picture begins once it knows nothing (``cold``), once after it
has learnt from other samples for as long (``warm``), as in a view that has been looked at. ``bias``: how much brighter
the picture is that the cache shows after all of them. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.path_tracing_against_cycles import BOUNCES
from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.link.argument_types import picture_size, positive_number, whole_number
from engine.link.geometry import Camera
from engine.link.path_scenes import FILE_NAME, load_path_scene
from engine.machine import device_name, versions
from engine.primitives.radiance_cache.caching import CachedTracing, RadianceCache
from engine.rendering.path_tracing import PathTracedView, prepare_scene
from taichi_kernels.runtime import choose_device
from taichi_kernels.surfaces.path_tracing.bundles import PathScene
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings

SCENES = ("interior", "glossy", "environment-lit")
SECONDS = {"cuda": (0.05, 0.25, 1.0), "cpu": (2.0, 8.0, 32.0)}
_SETTINGS = PathSettings(BOUNCES)
_CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_device(parser)
    parser.add_argument("--size", type=picture_size, default=(320, 180), help="of the pictures (320x180)")
    parser.add_argument("--seconds", type=positive_number, nargs="+", help="of a picture (as suits the device)")
    parser.add_argument("--reference", type=whole_number(2, 1 << 20), default=4096, help="samples a pixel (4096)")
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES), metavar="NAME")
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    for name in options.scenes:
        row = measure(name, options.size, options.seconds or SECONDS[device], options.reference, device)
        for each in row["pictures"]:
            print(
                f"{name:16} {each['seconds']:6.2f} s  without {each['without']:.4f}  cold {each['cold']:.4f}"
                f"  warm {each['warm']:.4f}  samples {each['samples']}",
                flush=True,
            )
        print(f"{name:16} bias {row['bias']:+.2%}", flush=True)
        if not options.no_result:
            about = {"device": device, "device_name": device_name(device), "versions": versions()}
            write_result("radiance-cache", {"dataset": name, **about, **row})
    return 0


def measure(name: str, size: tuple[int, int], seconds: list[float], reference: int, device: str) -> dict[str, Any]:
    """One scene's figures."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.path_tracing.by_cycles", name, folder, "64", "0", str(BOUNCES)]
        subprocess.run(command, cwd=_CHECKOUT, check=True, stdout=subprocess.DEVNULL)
        data = load_path_scene(Path(folder) / FILE_NAME)
    scene, camera = prepare_scene(data, device), _widened(data.camera, *size)
    whole = PathTracedView(scene, camera, _SETTINGS, seed=1)
    while whole.samples < reference:
        whole.add_samples()
    wanted = whole.image().color[..., :3]
    warm_up(scene, camera)
    pictures = []
    for limit in seconds:
        warm = RadianceCache(scene)
        render(scene, camera, limit, seed=4, cache=warm)
        found = {
            "without": render(scene, camera, limit, seed=2),
            "cold": render(scene, camera, limit, seed=2, cache=RadianceCache(scene)),
            "warm": render(scene, camera, limit, seed=2, cache=warm),
        }
        errors = {kind: relative_error(picture, wanted) for kind, (picture, _) in found.items()}
        samples = {kind: count for kind, (_, count) in found.items()}
        pictures.append({"seconds": limit, **errors, "samples": samples})
    bias = float(found["warm"][0].mean() / wanted.mean()) - 1.0
    return {"size": list(size), "bounces": BOUNCES, "reference": reference, "pictures": pictures, "bias": bias}


def render(
    scene: PathScene, camera: Camera, seconds: float, seed: int, cache: RadianceCache | None = None
) -> tuple[torch.Tensor, int]:
    """As many samples as there is time for, one at least: the picture [h, w, 3], and how many they were."""
    view = PathTracedView(scene, camera, _SETTINGS, seed=seed)
    if cache is not None:
        view.trace_by(CachedTracing(view.tracer, cache).trace)
    began = time.perf_counter()
    while not view.samples or time.perf_counter() - began < seconds:
        view.add_samples()
        if scene.device.type == "cuda":
            torch.cuda.synchronize()
    return view.image().color[..., :3], view.samples


def warm_up(scene: PathScene, camera: Camera) -> None:
    """Have all kernels compiled."""
    for cache in (None, RadianceCache(scene)):
        render(scene, camera, 0.5, seed=3, cache=cache)


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The mean relative squared error of a picture [h, w, 3]."""
    return float(((found - wanted) ** 2 / (wanted**2 + 0.01 * wanted.mean() ** 2)).mean())


def _widened(camera: Camera, width: int, height: int) -> Camera:
    """The camera of square pictures for ones of another shape: as much is seen from top to bottom."""
    focal = camera.fy / camera.height * height
    return Camera(camera.camera_to_world, width, height, focal, focal, width / 2.0, height / 2.0)


if __name__ == "__main__":
    sys.exit(main())
