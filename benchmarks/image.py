"""How well and how fast images are learnt on this machine: keeps the figures in benchmarks/results/.

    python -m benchmarks.image FOLDER                       on a GPU: the map and the landscape, 10 to 240 s
    python -m benchmarks.image FOLDER --device cpu          the photograph, 15, 30 and 60 s
    python -m benchmarks.image FOLDER --images map --budgets 10 60

The images are made in FOLDER by ``benchmarks/images.py``, unless they are there: a map of 1.2 gigapixels, a landscape
of 25 megapixels in scene-linear light, and the same of 4 megapixels as it is displayed ("photograph"). Each budget is a
training of its own, and each image is made in a process of its own and measured in another, for the peaks of memory are
a process's. `python -m benchmarks.make_tables` brings docs/performance.md up to date. The
machine should have nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.images import write_landscape, write_map
from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.data.color import to_uint8
from engine.data.image_file import ImageFile
from engine.device import PROFILES
from engine.link.argument_types import positive_number
from engine.link.color import encode_srgb
from engine.link.image_plane import Rectangle
from engine.link.scoring import MAX_PSNR
from engine.machine import device_name, versions
from engine.primitives.base import Scores
from engine.primitives.image.kind import IMAGE
from engine.primitives.image.primitive import ImagePrimitive
from engine.primitives.kind import DataOptions
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

Writer = Callable[[Path, int, int, str], None]
IMAGES: dict[str, tuple[str, int, int, Writer]] = {
    "map": ("map.tif", 34816, 34816, write_map),
    "landscape": ("landscape.exr", 6144, 4096, write_landscape),
    "photograph": ("photograph.png", 2464, 1648, write_landscape),
}
PROTOCOLS = {"cuda": (("map", "landscape"), (10.0, 60.0, 150.0, 240.0)), "cpu": (("photograph",), (15.0, 30.0, 60.0))}
# What other formats need is measured on parts, spread evenly.
_PARTS, _PART_SIDE = 8, 512
_FRAMES, _FRAME = 8, (1920, 1080)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", nargs="+", choices=IMAGES, help="instead of the protocol's")
    parser.add_argument("--budgets", nargs="+", type=positive_number, help="seconds, instead of the protocol's")
    add_device(parser)
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    names, budgets = PROTOCOLS[device]
    names, budgets = options.images or names, options.budgets or budgets
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = options.folder / IMAGES[name][0]
        if not path.exists():
            _in_own_process(make, name, path, device)
        result = _in_own_process(measure, name, path, device, budgets)
        if not options.no_result:
            write_result("image", result)


def _in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def make(name: str, path: Path, device: str) -> None:
    """Write the image of that name."""
    _, width, height, write = IMAGES[name]
    started = time.perf_counter()
    write(path, width, height, device)
    print(f"{path}: made in {time.perf_counter() - started:.0f} s", flush=True)


def measure(name: str, path: Path, device: str, budgets: Sequence[float]) -> dict[str, Any]:
    """Train on an image for each of ``budgets``, and look at it. The peaks of memory are those of this process."""
    data = IMAGE.load(path, DataOptions(), lambda done, total: None)
    first = IMAGE.build(data.spec, IMAGE.configure(data.spec, "auto", device, {}), device)
    started = time.perf_counter()
    for item in data.items:
        first.add(item)
    seconds = time.perf_counter() - started
    print(f"{path}: read in {seconds:.1f} s", flush=True)
    rows, last = [], first
    for index, budget in enumerate(budgets):
        last = first if index == 0 else last.begin_anew(first.config)
        rows.append(_train(last, budget))
        print(rows[-1], flush=True)
    return {
        "dataset": name,
        "size": [data.spec.width, data.spec.height],
        "color_space": data.spec.color_space,
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
        "field": first.config.field.summary,
        "read_seconds": seconds,
        "rows": rows,
        "megapixels_per_second": _render_rate(last),
        "bytes": _sizes(path, last, rows[-1]["psnr"]),
        "peak_host_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_bytes": PROFILES[device].peak_memory(),
    }


def _train(primitive: ImagePrimitive, budget: float) -> dict[str, Any]:
    trainer = Trainer(primitive)
    trainer.warm_up()
    trainer.set_budget(budget, None)
    while not trainer.is_finished:
        trainer.step()
    PROFILES[primitive.device].wait()
    *_, scores = primitive.evaluate(primitive.viewer())
    assert isinstance(scores, Scores)
    return {"budget": budget, "steps": trainer.step_count, "seconds": trainer.training_seconds, **scores.means}


def _render_rate(primitive: ImagePrimitive) -> float:
    """Megapixels a second of pictures of parts of the image at its own size."""
    viewer, (width, height) = primitive.viewer(), primitive.viewer().size
    size = min(_FRAME[0], width), min(_FRAME[1], height)
    places = np.linspace(0.0, 1.0, _FRAMES + 1)
    cameras = [
        viewer.facing(Rectangle(int(place * (width - size[0])), int(place * (height - size[1])), *size), size)
        for place in places
    ]
    viewer.render(cameras[0])
    profile = PROFILES[primitive.device]
    profile.wait()
    started = time.perf_counter()
    for camera in cameras[1:]:
        viewer.render(camera)
    profile.wait()
    return _FRAMES * size[0] * size[1] / (time.perf_counter() - started) / 1e6


def _sizes(path: Path, primitive: ImagePrimitive, reached: float) -> dict[str, float]:
    """Bytes: of the field, its numbers as float16, of the image's file, and of a PNG and of a JPEG as good as the field
    (both of display values, estimated from parts)."""
    file = ImageFile(path)
    parts = _parts(file)
    pixels, shown = file.header.width * file.header.height, sum(part.shape[0] * part.shape[1] for part in parts)
    scale = pixels / shown
    png = sum(len(_encoded(part, "PNG", {})[0]) for part in parts)
    low, high = 1, 95
    while low < high:
        middle = (low + high) // 2
        quality = pooled_psnr([_encoded(part, "JPEG", {"quality": middle})[1] for part in parts])
        low, high = (low, middle) if quality >= reached else (middle + 1, high)
    jpeg = [_encoded(part, "JPEG", {"quality": low}) for part in parts]
    return {
        "field": 2 * sum(group.values.numel() for group in primitive.parameters()),
        "file": path.stat().st_size,
        "png": png * scale,
        "jpeg": sum(len(content) for content, _ in jpeg) * scale,
        "jpeg_psnr": pooled_psnr([error for _, error in jpeg]),
    }


def pooled_psnr(errors: Sequence[float]) -> float:
    """In dB, of parts of one size by their mean squared errors: that of all of them together, as the field's score is
    of the whole image."""
    return min(-10.0 * float(np.log10(max(np.mean(errors), 1e-12))), MAX_PSNR)


def _parts(file: ImageFile) -> list[npt.NDArray[np.uint8]]:
    """Squares along the image's diagonal, as they are displayed."""
    width, height = file.header.width, file.header.height
    side = min(_PART_SIDE, width, height)
    parts = []
    for place in np.linspace(0.0, 1.0, _PARTS):
        left, top = int(place * (width - side)), int(place * (height - side))
        part = file.rows(top, top + side)[:, left : left + side, :3]
        parts.append(part if part.dtype == np.uint8 else to_uint8(encode_srgb(part.astype(np.float32))))
    return [np.ascontiguousarray(part, np.uint8) for part in parts]


def _encoded(part: npt.NDArray[np.uint8], kind: str, settings: dict[str, int]) -> tuple[bytes, float]:
    """The file, and the mean squared error of what is in it, of display values in 0..1."""
    buffer = io.BytesIO()
    Image.fromarray(part).save(buffer, kind, **settings)
    decoded = np.asarray(Image.open(buffer).convert("RGB"))
    return buffer.getvalue(), float(np.square((decoded.astype(np.float64) - part) / 255.0).mean())


if __name__ == "__main__":
    main()
