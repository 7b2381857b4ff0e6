"""To COLMAP: a project folder with images/ and the sparse model sparse/0, which most trainers of splats begin with.

The world stays as it is, z upwards, metres: COLMAP's has no axes of its own. Lists of held-out pictures lie where
programs look for them: ``test.txt`` and ``train.txt`` in the folder, the former in sparse/0, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.data.colmap_cameras import OPENCV, OPENCV_FISHEYE, PINHOLE
from engine.data.dataset import Dataset
from engine.exporting.colmap_files import CameraRecord, ImageRecord, quaternion_of, write_binary, write_text
from engine.exporting.datasets import PicturedDataset, export_dataset
from engine.exporting.exporters import DatasetOptions, ExportedDataset, ExportError, StageProgress
from engine.exporting.ply import write_ply
from engine.link.geometry import Camera

MODEL = "sparse/0"
_ROTATION = 1e-5  # by which axes may be off from a rotation's, which a quaternion can't say


def export(source: Path, target: Path, options: DatasetOptions, tell: StageProgress) -> ExportedDataset:
    """Write the dataset at ``source`` as the COLMAP project ``target``. Raises ExportError, DatasetError,
    ViewTransformError."""
    return export_dataset(source, target, options, tell, _Project())


class _Project:
    def check(self, dataset: Dataset) -> None:
        for view in dataset.views:
            axes = view.camera.camera_to_world[:3, :3]
            if np.abs(axes.T @ axes - np.eye(3)).max() > _ROTATION or np.linalg.det(axes) < 0.0:
                raise ExportError(
                    f"view {view.name}: its camera is scaled, sheared or mirrored, which COLMAP's poses can't be: "
                    "correct its transform_matrix, or export to another format"
                )

    def write(self, pictured: PicturedDataset, options: DatasetOptions) -> list[str]:
        folder = pictured.folder / MODEL
        folder.mkdir(parents=True)
        cameras: dict[CameraRecord, int] = {}
        images = []
        for view, name in zip(pictured.views, pictured.names, strict=True):
            number = cameras.setdefault(_describe(view.camera), len(cameras) + 1)
            images.append(_place(view.camera, number, name))
        write = write_text if options.text else write_binary
        write(folder, list(cameras), images, pictured.cloud)
        if len(pictured.cloud.positions):
            write_ply(folder / "points3D.ply", pictured.cloud)
        count = len(pictured.dataset.train)
        if pictured.dataset.test:
            train, test = pictured.names[:count], pictured.names[count:]
            for path, names in (("train.txt", train), ("test.txt", test), (f"{MODEL}/test.txt", test)):
                (pictured.folder / path).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        return []


def _describe(camera: Camera) -> CameraRecord:
    model = OPENCV_FISHEYE if camera.is_fisheye else OPENCV if camera.is_distorted else PINHOLE
    terms = camera.lens_terms if camera.is_distorted else ()
    return CameraRecord(model, camera.width, camera.height, (camera.fx, camera.fy, camera.cx, camera.cy, *terms))


def _place(camera: Camera, number: int, name: str) -> ImageRecord:
    """Where a camera stands, by OpenCV's axes."""
    world_to_camera = (camera.camera_to_world[:3, :3] * [1.0, -1.0, -1.0]).T
    translation = -world_to_camera @ camera.position
    return ImageRecord(quaternion_of(world_to_camera), tuple(translation.tolist()), number, name)
