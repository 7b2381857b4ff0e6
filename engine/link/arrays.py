"""What the elements of numpy's arrays are, for type hints: names for those that are not of one dtype alone."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]  # of any precision, which is all that numpy's types say of arithmetic's results
Numbers = npt.NDArray[np.number[Any]]
Pixels = npt.NDArray[np.float16 | np.uint8]  # of a stored picture: scene-linear or sRGB
Dtype = TypeVar("Dtype", bound=np.generic)  # of an array that comes out as it went in
