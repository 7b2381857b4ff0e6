"""Make a capture like one taken with a phone: opaque portrait photographs of an object on a table in a furnished room.

    python benchmarks/make_room_capture.py OUT                          135x240, 64 views
    python benchmarks/make_room_capture.py OUT --size 1080x1920 --views 160 --samples 64

Writes OUT/images/*.jpg and OUT/transforms.json as instant-ngp's scripts do: poses centred on what the cameras look at
and scaled to a mean distance of 4, one set of intrinsics with OpenCV distortion, ``aabb_scale``. There is no alpha, no
depth and no test split (train with ``--holdout 8``). Needs Blender as a Python module (the project's own environment
has it).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image

from engine.link.part_files import written_atomically

sys.path.insert(0, str(Path(__file__).resolve().parent))
from room_scene import AIM, build_room

# Of a phone's main camera: focal length in units of the picture's height, and OpenCV's k1 k2 p1 p2.
FOCAL = 0.755
LENS = (0.060, -0.035, 0.0012, -0.0008)
# The lens is made by resampling a pinhole picture that shows this share more on each side.
MARGIN = 0.02
MEAN_DISTANCE = 4.0


def main() -> None:
    """Render and write the capture."""
    options = _parse()
    images = options.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    scene = build_room()
    scene.cycles.samples = options.samples
    camera = _add_camera(scene, options.size, options.oversampling)
    poses = handheld_poses(options.views, options.seed)
    source = _source_pixels(options.size, options.oversampling)
    started = time.perf_counter()
    for index, pose in enumerate(poses):
        target = images / f"{index:04d}.jpg"
        if not target.exists():
            camera.matrix_world = pose
            wide = _render(scene, options.out / ".wide.png")
            picture = Image.fromarray(_resample(wide, source, options.oversampling))
            with written_atomically(target) as part:
                picture.save(part, "JPEG", quality=95, subsampling=0)
        left = (time.perf_counter() - started) / (index + 1) * (len(poses) - index - 1)
        print(f"\r{index + 1} of {len(poses)} views, {left:.0f} s left", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    (options.out / ".wide.png").unlink(missing_ok=True)
    text = json.dumps(_describe(poses, options.size, options.aabb_scale), indent=1)
    (options.out / "transforms.json").write_text(text, encoding="utf-8")


def handheld_poses(count: int, seed: int) -> list[Matrix]:
    """Camera-to-world poses [4, 4] of someone who walks round the table twice and a half, higher each time."""
    rng = random.Random(seed)
    poses = []
    for i in range(count):
        along = (i + 0.5) / count
        azimuth = math.tau * (2.5 * along + rng.uniform(-0.01, 0.01))
        elevation = math.radians(8.0 + 24.0 * along + rng.uniform(-4.0, 4.0))
        distance = rng.uniform(1.65, 2.25)
        way = Vector(
            (math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation))
        )
        target = AIM + Vector([rng.uniform(-0.15, 0.15) for _ in range(3)])
        position = AIM + way * distance
        turn = (position - target).to_track_quat("Z", "Y").to_matrix().to_4x4()
        roll = Matrix.Rotation(math.radians(rng.gauss(0.0, 3.0)), 4, "Z")
        poses.append(Matrix.Translation(position) @ turn @ roll)
    return poses


def distort(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's model on normalised image coordinates (y down)."""
    k1, k2, p1, p2 = LENS
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * k2)
    return x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y


def undistort(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of ``distort`` by Newton's method with numerical derivatives."""
    u, v, h = x.copy(), y.copy(), 1e-5
    for _ in range(20):
        fx, fy = distort(u, v)
        ux, uy = ((b - a) / h for a, b in zip((fx, fy), distort(u + h, v), strict=True))
        vx, vy = ((b - a) / h for a, b in zip((fx, fy), distort(u, v + h), strict=True))
        determinant = ux * vy - vx * uy
        ex, ey = fx - x, fy - y
        u, v = u - (vy * ex - vx * ey) / determinant, v - (ux * ey - uy * ex) / determinant
    assert max(np.abs(distort(u, v)[0] - x).max(), np.abs(distort(u, v)[1] - y).max()) < 1e-9
    return u, v


def _wide_size(size: tuple[int, int], oversampling: int) -> tuple[int, int]:
    width, height = (2 * math.ceil(side * (1 + 2 * MARGIN) * oversampling / 2) for side in size)
    return width, height


def _source_pixels(size: tuple[int, int], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Where in the wide picture each pixel of the n times oversampled photograph lies: two [rows, columns] arrays."""
    width, height = size
    focal = FOCAL * height
    x = ((np.arange(width * n) + 0.5) / n - width / 2) / focal
    y = ((np.arange(height * n) + 0.5) / n - height / 2) / focal
    u, v = undistort(*np.meshgrid(x, y))
    wide_width, wide_height = _wide_size(size, n)
    columns, rows = u * focal * n + wide_width / 2 - 0.5, v * focal * n + wide_height / 2 - 0.5
    if columns.min() < 0 or rows.min() < 0 or columns.max() > wide_width - 1 or rows.max() > wide_height - 1:
        raise ValueError("MARGIN is too small for this lens")
    return columns, rows


def _resample(wide: np.ndarray, source: tuple[np.ndarray, np.ndarray], n: int) -> np.ndarray:
    """The photograph [H, W, 3] uint8: bilinear lookups in ``wide``, averaged over each pixel."""
    columns, rows = source
    x, y = columns.astype(int).clip(0, wide.shape[1] - 2), rows.astype(int).clip(0, wide.shape[0] - 2)
    fx, fy = (columns - x)[..., None], (rows - y)[..., None]
    top = wide[y, x] * (1 - fx) + wide[y, x + 1] * fx
    bottom = wide[y + 1, x] * (1 - fx) + wide[y + 1, x + 1] * fx
    fine = top * (1 - fy) + bottom * fy
    coarse = fine.reshape(fine.shape[0] // n, n, fine.shape[1] // n, n, 3).mean(axis=(1, 3))
    return (coarse + 0.5).clip(0, 255).astype(np.uint8)


def _add_camera(scene: bpy.types.Scene, size: tuple[int, int], oversampling: int) -> bpy.types.Object:
    data = bpy.data.cameras.new("Phone")
    render = scene.render
    render.resolution_x, render.resolution_y = _wide_size(size, oversampling)
    data.sensor_fit, data.sensor_height = "VERTICAL", 24.0
    data.lens = FOCAL * size[1] * oversampling / render.resolution_y * data.sensor_height
    data.clip_start = 0.01
    camera = bpy.data.objects.new("Phone", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _render(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)


def _describe(poses: list[Matrix], size: tuple[int, int], aabb_scale: int) -> dict[str, object]:
    """The transforms file's contents: about AIM, at a mean camera distance of MEAN_DISTANCE."""
    scale = MEAN_DISTANCE / float(np.mean([(pose.translation - AIM).length for pose in poses]))
    frames = []
    for index, pose in enumerate(poses):
        matrix = np.array(pose)
        matrix[:3, 3] = (matrix[:3, 3] - np.array(AIM)) * scale
        frames.append({"file_path": f"images/{index:04d}.jpg", "transform_matrix": matrix.tolist()})
    names = ("k1", "k2", "p1", "p2")
    width, height = size
    focal = FOCAL * height
    return {
        "camera_model": "OPENCV",
        "fl_x": focal,
        "fl_y": focal,
        "cx": width / 2,
        "cy": height / 2,
        "w": width,
        "h": height,
        **dict(zip(names, LENS, strict=True)),
        "aabb_scale": aabb_scale,
        "frames": frames,
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=_size, default=(135, 240), metavar="WxH")
    parser.add_argument("--views", type=int, default=64)
    parser.add_argument("--samples", type=int, default=24, help="Cycles samples a pixel, denoised (24)")
    parser.add_argument("--oversampling", type=int, default=2, help="rendered pixels to one of the photograph's (2)")
    parser.add_argument("--aabb-scale", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    width, height = (int(part) for part in text.lower().split("x"))
    return width, height


if __name__ == "__main__":
    main()
