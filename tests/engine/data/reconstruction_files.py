"""Reconstructions as COLMAP and LLFF leave them, of the balls, for tests: written by the formats' own words."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from engine.exporting.colmap_files import quaternion_of
from engine.link.geometry import Camera
from tests.engine.data.balls import BALLS, balls_color

NUMBERS = {"SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "FOV": 7}


def ball_points(count: int) -> np.ndarray:
    """Points on the balls [count, 3]."""
    random = np.random.default_rng(3)
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    chosen = random.integers(len(BALLS), size=count)
    centers, radii = np.array([center for center, _ in BALLS]), np.array([radius for _, radius in BALLS])
    return centers[chosen] + radii[chosen, None] * directions


def write_pictures(folder: Path, cameras: Sequence[Camera], scale: int = 1) -> list[str]:
    """Pictures of the balls, at 1/``scale`` of the cameras' size; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index, camera in enumerate(cameras):
        names.append(f"shot {index}.png")
        size = camera.width // scale, camera.height // scale
        Image.fromarray(balls_color(camera.resized(*size))).save(folder / names[-1])
    return names


def write_colmap(
    folder: Path,
    cameras: Sequence[Camera],
    names: Sequence[str],
    lens: str = "",
    turn: np.ndarray | None = None,
    points: int = 200,
    text: bool = True,
) -> Path:
    """A sparse model of ``cameras``, all of one ``lens`` (the words behind a camera's number in cameras.txt), in a
    world that is turned by ``turn`` [3, 3]."""
    model, turn = folder / "sparse" / "0", np.eye(3) if turn is None else turn
    model.mkdir(parents=True)
    first = cameras[0]
    lens = lens or f"PINHOLE {first.width} {first.height} {first.fx!r} {first.fy!r} {first.cx!r} {first.cy!r}"
    places = ball_points(points) @ turn.T
    poses = []
    for camera in cameras:
        world_to_camera = (turn @ camera.camera_to_world[:3, :3] @ np.diag([1.0, -1.0, -1.0])).T
        poses.append((*quaternion_of(world_to_camera), *(-world_to_camera @ turn @ camera.position).tolist()))
    if text:
        rows = [
            f"{number} {' '.join(map(repr, pose))} 1 {name}\n\n" for number, (pose, name) in _numbered(poses, names)
        ]
        (model / "cameras.txt").write_text(f"# cameras\n1 {lens}\n")
        (model / "images.txt").write_text("# images\n" + "".join(rows))
        lines = [f"{number} {' '.join(map(repr, place))} 9 9 9 0.5 1 0" for number, place in enumerate(places.tolist())]
        (model / "points3D.txt").write_text("\n".join(lines))
        return folder
    name, width, height, *parameters = lens.split()
    content = struct.pack("<QIiQQ", 1, 1, NUMBERS[name], int(width), int(height))
    (model / "cameras.bin").write_bytes(content + struct.pack(f"<{len(parameters)}d", *map(float, parameters)))
    content = struct.pack("<Q", len(names))
    for number, (pose, name) in _numbered(poses, names):
        content += struct.pack("<I7dI", number, *pose, 1) + name.encode() + b"\0"
        content += struct.pack("<Q2dq2dq", 2, 1.0, 2.0, 1, 3.0, 4.0, -1)
    (model / "images.bin").write_bytes(content)
    content = struct.pack("<Q", len(places))
    for number, place in enumerate(places.tolist()):
        content += struct.pack("<Q3d3BdQ2i", number, *place, 9, 9, 9, 0.5, 1, 1, 0)
    (model / "points3D.bin").write_bytes(content)
    return folder


def _numbered(poses: Sequence[tuple[float, ...]], names: Sequence[str]) -> list[tuple[int, tuple]]:
    return list(enumerate(zip(poses, names, strict=True), 1))


def write_llff(folder: Path, cameras: Sequence[Camera], near: float = 2.5, far: float = 5.0) -> Path:
    """poses_bounds.npy of ``cameras``, in whose axes a camera looks along -z with its x downwards."""
    rows = []
    for camera in cameras:
        right, up, back, place = camera.camera_to_world[:3].T
        lens = np.array([camera.height, camera.width, camera.fx])
        rows.append([*np.stack([-up, right, back, place, lens], axis=1).ravel(), near, far])
    np.save(folder / "poses_bounds.npy", np.array(rows))
    return folder
