"""A dataset as other programs write it: photographs, so to speak, of a ball around the origin."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from mathutils import Matrix

WIDTH, HEIGHT, RADIUS = 40, 30, 0.8
LENS = {"fl_x": 48.0, "fl_y": 46.5, "cx": 21.5, "cy": 14.25, "w": WIDTH, "h": HEIGHT}
BOX = [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]


def pose_of(index: int, count: int) -> np.ndarray:
    """A camera on a rising spiral around the origin, rolled a little: [4, 4]."""
    azimuth, elevation = 2 * math.pi * index / count, -0.4 + 1.2 * index / max(count - 1, 1)
    turn = Matrix.Rotation(azimuth, 4, "Z") @ Matrix.Rotation(math.pi / 2 - elevation, 4, "X")
    turn = turn @ Matrix.Rotation(0.1 * index, 4, "Z")
    return np.array(turn @ Matrix.Translation((0.0, 0.0, 3.5)))


def picture_of_ball(pose: np.ndarray, lens: dict[str, float]) -> np.ndarray:
    """A ball around the origin, coloured by where its surface is: [H, W, 4] uint8 sRGB, straight alpha."""
    y, x = np.mgrid[: int(lens["h"]), : int(lens["w"])] + 0.5
    distorted = np.stack(((x - lens["cx"]) / lens["fl_x"], (y - lens["cy"]) / lens["fl_y"]), axis=-1)
    straight = distorted
    for _ in range(30):
        straight = distorted / (1.0 + lens.get("k1", 0.0) * (straight**2).sum(-1, keepdims=True))
    local = np.dstack((straight[..., 0], -straight[..., 1], -np.ones_like(x)))
    rays, eye = local @ pose[:3, :3].T, pose[:3, 3]
    a, b, c = (rays**2).sum(-1), rays @ eye, eye @ eye - RADIUS**2
    root = b * b - a * c
    depth = (-b - np.sqrt(np.maximum(root, 0.0))) / a
    colors = 0.5 + 0.4 * (eye + rays * depth[..., None]) / RADIUS
    picture = np.dstack((colors, np.ones_like(x))) * (root > 0)[..., None]
    return (picture * 255 + 0.5).astype(np.uint8)


def write_dataset(folder: Path, count: int = 6, lens: dict[str, float] = LENS, **extra: Any) -> Path:
    """A ``transforms.json`` with PNG pictures of the ball; pixels are not square, and the lens is shifted."""
    from engine.data.png import encode_png

    folder.mkdir(parents=True)
    frames = []
    for index in range(count):
        pose = pose_of(index, count)
        (folder / f"shot_{index}.png").write_bytes(encode_png(picture_of_ball(pose, lens)))
        frames.append({"file_path": f"shot_{index}.png", "transform_matrix": pose.tolist()})
    values = lens | {"aabb": BOX, "frames": frames} | extra
    (folder / "transforms.json").write_text(json.dumps(values))
    return folder
