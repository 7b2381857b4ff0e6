"""A view transform as a table: how scene-linear light is displayed, by Blender's colour management or another's.

The table is a cube of display values. Its lattice is even near black and logarithmic above, so that few entries hold
all of the range that light has.
"""

from __future__ import annotations

import dataclasses
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Numbers
from engine.link.part_files import written_atomically

SIZE = 56  # colours along each axis of a table that is made here
MAX_SIZE = 65  # of one that is taken
BRIGHTEST = 64.0  # scene-linear; above it all is white or clipped in Blender's own transforms
# Below about this the lattice is even, above it logarithmic. Chosen so that 1.0, where Standard clips, is an entry.
TOE = 0.0137697551

# What Python raises for a damaged archive, or for one that is encrypted or packed in another way.
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, OverflowError)

FILE_NAME = "view_transform.npz"  # in a capture's folder


class ViewTransformError(ValueError):
    """No view transform, or none that can be used; the message says why."""


@dataclasses.dataclass(frozen=True, eq=False)
class ViewTransform:
    """Scene-linear light (Rec.709, straight alpha) is multiplied by ``exposure``, looked up in ``table`` and raised to
    ``exponent``.

    ``table`` [S, S, S, 3] float32 in 0..1, indexed [blue, green, red], holds what the colours of ``lattice(S)`` are
    displayed as.
    """

    table: npt.NDArray[np.float32]
    exposure: float = 1.0
    exponent: float = 1.0

    def __post_init__(self) -> None:
        """Raises ViewTransformError."""
        table = self.table
        if table.ndim != 4 or table.shape[3] != 3 or len(set(table.shape[:3])) != 1 or table.dtype != np.float32:
            raise ViewTransformError(f"a table of {table.dtype} {list(table.shape)} instead of float32 [S, S, S, 3]")
        if not 2 <= table.shape[0] <= MAX_SIZE:
            raise ViewTransformError(f"a table of {table.shape[0]} colours along each axis, outside 2..{MAX_SIZE}")
        if not (table.min() >= 0.0 and table.max() <= 1.0):  # NaN fails, too
            raise ViewTransformError("the table has display values outside 0..1")
        for name, value in (("exposure", self.exposure), ("exponent", self.exponent)):
            if not 0.0 < value < 1e9:
                raise ViewTransformError(f"{name} {value} is not above 0")


def lattice(size: int = SIZE) -> npt.NDArray[np.float32]:
    """The scene-linear values [size] float32 along each axis of a table: ``i`` stands at
    ``TOE * ((BRIGHTEST / TOE + 1) ** (i / (size - 1)) - 1)``."""
    return (TOE * ((BRIGHTEST / TOE + 1.0) ** np.linspace(0.0, 1.0, size) - 1.0)).astype(np.float32)


def lattice_colors(size: int = SIZE) -> npt.NDArray[np.float32]:
    """All colours of a table's lattice, [size, size, size, 3] float32, indexed as tables are."""
    colors = np.empty((size, size, size, 3), np.float32)
    colors[..., 2], colors[..., 1], colors[..., 0] = np.meshgrid(*[lattice(size)] * 3, indexing="ij")
    return colors


def save_view_transform(path: Path, transform: ViewTransform) -> None:
    """Write ``transform`` as an .npz file: under a temporary name first, then renamed. Raises OSError."""
    with written_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            # 16 bits are what Blender's values were read from.
            table=np.round(transform.table * 65535.0).astype(np.uint16),
            exposure=np.float64(transform.exposure),
            exponent=np.float64(transform.exponent),
        )


def load_view_transform(path: Path) -> ViewTransform:
    """Read what ``save_view_transform`` wrote. Raises ViewTransformError that names the file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            table, exposure, exponent = (_read_member(file, name) for name in ("table", "exposure", "exponent"))
        if table.dtype != np.uint16 or exposure.shape != () or exponent.shape != ():
            raise ViewTransformError("not a view transform of Hashlight's")
        return ViewTransform((table / 65535.0).astype(np.float32), float(exposure), float(exponent))
    except FileNotFoundError:
        raise ViewTransformError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, *_BROKEN_ZIP) as error:
        raise ViewTransformError(f"{path}: can't be read as a view transform ({error})") from None


def _read_member(file: np.lib.npyio.NpzFile, name: str) -> Numbers:
    """An array of the file, whose size is looked at before it is unpacked."""
    if file.zip.getinfo(f"{name}.npy").file_size > 2 * 3 * MAX_SIZE**3 + 1024:  # 16 bits each, and a header
        raise ViewTransformError("too large for one")
    return file[name]
