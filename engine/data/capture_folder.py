"""Write a dataset as Hashlight's own capture folder, which instant-ngp's and nerfstudio's readers understand too.

``transforms_train.json`` and ``transforms_test.json`` with per-view intrinsics, ``aabb`` and ``color_space``;
``images/NAME.exr`` (half RGBA, scene-linear, premultiplied) or ``images/NAME.png`` (8-bit sRGB, straight alpha);
``depth/NAME.exr`` (one 32-bit float channel, planar z in metres, +inf where there is nothing).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine.data.dataset import Dataset, DatasetError
from engine.data.exr import write_exr
from engine.data.png import encode_png
from engine.data.views import View
from engine.files import written_atomically

Progress = Callable[[int, int], None]
ENCODING_THREADS = 8


def save_dataset(folder: Path, dataset: Dataset, progress: Progress | None = None) -> None:
    """Write ``dataset`` into ``folder``, pictures first, so that the JSON files never name one that isn't there.

    ``progress`` is called with (views written, views in all) after each view. Raises DatasetError that names the file
    that couldn't be written.
    """
    try:
        for sub in ("images", "depth"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        _write_views(folder, dataset.views, progress)
        for split, views in (("train", dataset.train), ("test", dataset.test)):
            values = {
                "color_space": dataset.color_space,
                "aabb": [dataset.bounds.minimum.tolist(), dataset.bounds.maximum.tolist()],
                **({"aabb_scale": 2 ** (dataset.cascades - 1)} if dataset.cascades > 1 else {}),
                "frames": [_frame(view) for view in views],
            }
            with written_atomically(folder / f"transforms_{split}.json") as temporary:
                temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: can't be written ({error.strerror or error})") from None


def _write_views(folder: Path, views: list[View], progress: Progress | None) -> None:
    """Write all pictures on a few threads: packing them releases the interpreter lock."""
    workers = min(ENCODING_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        pending = [pool.submit(_write_pictures, folder, view) for view in views]
        try:
            for done, future in enumerate(pending, 1):
                future.result()
                if progress is not None:
                    progress(done, len(pending))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_pictures(folder: Path, view: View) -> None:
    path = folder / _image_path(view)
    if view.color_space == "linear":
        write_exr(path, {"RGBA": view.color})
    else:
        with written_atomically(path) as temporary:
            temporary.write_bytes(encode_png(view.color))
    if view.depth is not None:
        write_exr(folder / f"depth/{view.name}.exr", {"V": view.depth})


def _frame(view: View) -> dict[str, Any]:
    camera = view.camera
    frame: dict[str, Any] = {"file_path": _image_path(view)}
    if view.depth is not None:
        frame["depth_file_path"] = f"depth/{view.name}.exr"
    frame["transform_matrix"] = camera.camera_to_world.tolist()
    frame |= {
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
    }
    if camera.is_distorted:
        frame |= {name: getattr(camera, name) for name in ("k1", "k2", "p1", "p2")}
    return frame


def _image_path(view: View) -> str:
    return f"images/{view.name}.{'exr' if view.color_space == 'linear' else 'png'}"
