"""Point clouds as PLY, in the layout that nerfstudio and programs for Gaussian splats begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.exporting.cloud import Cloud

_LAYOUT = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")] + [(name, "u1") for name in ("red", "green", "blue")]
)
_TYPES = {"<f4": "float", "|u1": "uchar"}


def write_ply(path: Path, cloud: Cloud) -> None:
    """Write positions, normals and colours, binary. Raises OSError."""
    rows = np.empty(len(cloud.positions), _LAYOUT)
    for names, values in (("x y z", cloud.positions), ("nx ny nz", cloud.normals), ("red green blue", cloud.colors)):
        for axis, name in enumerate(names.split()):
            rows[name] = values[:, axis]
    properties = [f"property {_TYPES[_LAYOUT[name].str]} {name}" for name in _LAYOUT.names or ()]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}", *properties, "end_header"]
    path.write_bytes(("\n".join(header) + "\n").encode("ascii") + rows.tobytes())
