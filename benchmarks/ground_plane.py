"""What a ground plane that goes on beyond the pictures takes from the subject on it; kept in benchmarks/results/.

    python -m benchmarks.ground_plane
    python -m benchmarks.ground_plane --reaches 0 8 --steps 150 --no-result

A textured sphere is seen from close up, on a plane that reaches from its centre so many of its radii, with alpha and
depth as Blender captures them (``tests/engine/training/sphere_on_plane.py``). The bounds hold the whole plane, cameras
stand above it. The same number of training steps for each; the sphere's pixels are scored, and whole pictures.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.machine import device_name, versions
from taichi_kernels.runtime import choose_device
from tests.engine.training.sphere_on_plane import train_on_plane

SIZE = 128


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reaches", nargs="+", type=float, default=[0.0, 3.0, 6.0, 12.0], help="0: without a plane")
    parser.add_argument("--steps", nargs="+", type=int, default=[500, 1500])
    add_device(parser)
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    rows: list[dict[str, Any]] = []
    for steps in options.steps:
        for reach in options.reaches:
            scores = train_on_plane(device, reach, size=SIZE, steps=steps)
            rows.append({"steps": steps, "reach": reach, "subject_psnr": scores.sphere, "psnr": scores.whole})
            words = f"sphere {scores.sphere:.2f} dB, whole pictures {scores.whole:.2f} dB"
            print(f"{steps} steps, a plane of {reach:g} radii: {words}", flush=True)
    if not options.no_result:
        head = {"dataset": "sphere", "size": [SIZE, SIZE], "device_name": device_name(device), "versions": versions()}
        write_result("plane", head | {"rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
