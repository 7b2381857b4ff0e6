"""How well and how fast signed distances are learnt, of four meshes made by script; kept in benchmarks/results/.

    python -m benchmarks.signed_distance                            on a GPU: 5, 15 and 60 s, 2^24 points
    python -m benchmarks.signed_distance --device cpu               60 s, 2^18 points
    python -m benchmarks.signed_distance --meshes gear --encodings hash-grid --budgets 5 --no-result
    python -m benchmarks.signed_distance --pictures build/distances     and a picture of each training

Each budget is a training of its own, because the learning rate falls towards its end; it begins when the mesh is on the
device, with its tree, which "prepared after" tells. A frame is the median of some, sphere-traced from around the mesh,
with it in most of the picture. The machine should have nothing else to do meanwhile. Then
`python -m benchmarks.make_tables` brings docs/performance.md up to date.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.distance_meshes import MESHES
from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.data.meshes import Mesh
from engine.device import PROFILES
from engine.link.argument_types import positive_number
from engine.link.camera_paths import Orbit, turntable
from engine.link.primitives import SignedDistanceSpec
from engine.machine import device_name, versions
from engine.primitives.base import Scores
from engine.primitives.item_primitive import Item
from engine.primitives.signed_distance.kind import MARGIN, SIGNED_DISTANCE
from engine.primitives.signed_distance.primitive import SignedDistance
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

ENCODINGS = ("hash-grid", "frequency")
# Of each kind of device: budgets in seconds, points that are scored by, and the size of frames.
PROTOCOLS = {
    "cuda": ([5.0, 15.0, 60.0], 1 << 24, (1920, 1080)),
    "cpu": ([60.0], 1 << 18, (480, 270)),
}
_FRAMES = 9


def begin(mesh: Mesh, encoding: str, device: str, points: int, budget: float) -> tuple[Trainer[SignedDistance], float]:
    """A trainer with ``budget`` seconds for ``mesh``, its kernels compiled, and how long the mesh took to prepare."""
    spec = SignedDistanceSpec(bounds=mesh.bounds(MARGIN), encoding=encoding)
    config = SIGNED_DISTANCE.configure(spec, "auto", device, {"scored_points": points})
    trainer = Trainer(SIGNED_DISTANCE.build(spec, config, device))
    trainer.warm_up()
    started = time.perf_counter()
    trainer.primitive.add(Item("mesh", "train", mesh))
    PROFILES[device].wait()
    prepared = time.perf_counter() - started
    trainer.primitive.add(Item("points", "test", mesh))
    trainer.set_budget(budget, None)
    return trainer, prepared


def measure(
    mesh: Mesh, encoding: str, device: str, points: int, budget: float
) -> tuple[SignedDistance, dict[str, Any]]:
    """Train, and score."""
    trainer, prepared = begin(mesh, encoding, device, points, budget)
    started = time.perf_counter()
    TrainingLoop(trainer).run()
    PROFILES[device].wait()
    seconds = time.perf_counter() - started
    primitive = trainer.primitive
    *_, scores = primitive.evaluate(primitive.viewer())
    assert isinstance(scores, Scores)
    row = {"encoding": encoding, "budget": budget, "seconds": seconds, "prepared": prepared, "step": trainer.step_count}
    return primitive, row | dict(scores.means)


def time_frames(primitive: SignedDistance, size: tuple[int, int], pictures: Path | None, name: str) -> float:
    """Median milliseconds of a frame; the first, with the grid that later ones share, isn't counted."""
    from PIL import Image

    viewer = primitive.viewer()
    times = []
    for number, camera in enumerate(turntable(viewer.bounds, _FRAMES, size, Orbit(0.35))):
        started = time.perf_counter()
        picture = viewer.render(camera)
        PROFILES[primitive.device].wait()
        times.append(1000.0 * (time.perf_counter() - started))
        if number == 0 and pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.to_bytes(1.0)).save(pictures / f"{name}.png")
    return statistics.median(times[1:])


def main() -> int:
    """Measure what is asked for, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_device(parser)
    parser.add_argument("--meshes", default=",".join(MESHES), help="of " + ", ".join(MESHES))
    parser.add_argument("--encodings", default=",".join(ENCODINGS), help="of " + ", ".join(ENCODINGS))
    parser.add_argument("--budgets", help="seconds of training, instead of the protocol's")
    parser.add_argument("--points", type=int, help="to score by, instead of the protocol's")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each training")
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    budgets, points, size = PROTOCOLS[device]
    budgets = [positive_number(value) for value in options.budgets.split(",")] if options.budgets else budgets
    points = options.points or points
    result: dict[str, Any] = {
        "dataset": "meshes",
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
        "points": points,
        "frame_size": size,
        "rows": [],
    }
    for name in options.meshes.split(","):
        mesh = MESHES[name]()
        for encoding in options.encodings.split(","):
            for budget in budgets:
                primitive, row = measure(mesh, encoding, device, points, budget)
                picture = f"{name}-{encoding}-{budget:g}"
                row |= {"mesh": name, "triangles": len(mesh.faces)}
                row["frame_ms"] = time_frames(primitive, size, options.pictures, picture)
                result["rows"].append(row)
                print(
                    f"{picture}: IoU {row['iou']:.4f}, surface {row['surface_distance']:.4f} %, {row['step']} steps in "
                    f"{row['seconds']:.1f} s, a frame {row['frame_ms']:.1f} ms",
                    flush=True,
                )
                if not options.no_result:
                    write_result("signed-distance", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
