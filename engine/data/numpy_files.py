"""Numpy's .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.data.dataset import DatasetError, first_line


def map_array(path: Path) -> Any:
    """A numpy file of two dimensions, mapped: nothing of it is read but its header."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DatasetError(f"{path}: the image is missing") from None
    except Exception as error:  # a damaged header is parsed as Python
        raise DatasetError(f"{path}: not a numpy file that can be read ({first_line(error)})") from None
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise DatasetError(f"{path}: expected [H, W] numbers, got {array.dtype} {list(array.shape)}")
    return array
