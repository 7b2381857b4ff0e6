"""Write a dataset as Hashlight's own capture folder (``engine.link.capture_format``), all but the manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.data.dataset import Dataset, DatasetError
from engine.data.exr import write_exr
from engine.data.png import encode_png
from engine.data.views import View
from engine.link.capture_format import (
    FOLDERS,
    depth_file,
    describe_frame,
    describe_transforms,
    image_file,
    transforms_file,
)
from engine.link.messages import Split
from engine.link.part_files import written_atomically

Progress = Callable[[int, int], None]
ENCODING_THREADS = 8


def save_dataset(folder: Path, dataset: Dataset, progress: Progress | None = None) -> None:
    """Write ``dataset`` into ``folder``, pictures first, so that the JSON files never name one that isn't there.

    ``progress`` is called with (views written, views in all) after each view. Raises DatasetError that names the file
    that couldn't be written.
    """
    try:
        for sub in FOLDERS:
            (folder / sub).mkdir(parents=True, exist_ok=True)
        _write_views(folder, dataset.views, progress)
        splits: tuple[tuple[Split, list[View]], ...] = (("train", dataset.train), ("test", dataset.test))
        for split, views in splits:
            frames = [
                describe_frame(view.name, view.camera, view.color_space, view.depth is not None) for view in views
            ]
            values = describe_transforms(dataset.color_space, dataset.bounds, frames, dataset.cascades)
            with written_atomically(folder / transforms_file(split)) as temporary:
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
    path = folder / image_file(view.name, view.color_space)
    if view.color_space == "linear":
        write_exr(path, {"RGBA": np.asarray(view.color, np.float16)})
    else:
        with written_atomically(path) as temporary:
            temporary.write_bytes(encode_png(np.asarray(view.color, np.uint8)))
    if view.depth is not None:
        write_exr(folder / depth_file(view.name), {"V": view.depth})
