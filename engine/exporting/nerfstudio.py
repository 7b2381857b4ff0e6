"""To nerfstudio: a transforms.json with pictures, 16-bit depth, masks and points as PLY. instant-ngp and others read
it, too. Pixel centres are at +0.5 there as here, and depth is planar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.data.dataset import Dataset
from engine.exporting.datasets import IMAGES, MASKS, PicturedDataset, export_dataset
from engine.exporting.exporters import DatasetOptions, ExportedDataset, ExportError, StageProgress
from engine.exporting.pictures import MILLIMETRE, depth_step, write_depth
from engine.exporting.ply import write_ply
from engine.link.geometry import FISHEYE_TERMS, PINHOLE_TERMS, Camera

DEPTH, POINTS = "depth", "sparse_pc.ply"


def export(source: Path, target: Path, options: DatasetOptions, tell: StageProgress) -> ExportedDataset:
    """Write the dataset at ``source`` as the nerfstudio dataset ``target``. Raises ExportError, DatasetError,
    ViewTransformError."""
    return export_dataset(source, target, options, tell, _TransformsFile())


class _TransformsFile:
    def check(self, dataset: Dataset) -> None:
        first, *others = dataset.views
        for view in others:
            if view.camera.is_fisheye != first.camera.is_fisheye:
                fisheye, pinhole = (view, first) if view.camera.is_fisheye else (first, view)
                raise ExportError(
                    f"view {fisheye.name} is a fisheye's and view {pinhole.name} isn't, and nerfstudio knows one "
                    "camera model for all: export to COLMAP, or list them in two datasets"
                )

    def write(self, pictured: PicturedDataset, options: DatasetOptions) -> list[str]:
        folder, views, warnings = pictured.folder, pictured.views, []
        lenses = [_describe(view.camera) for view in views]
        shared = lenses[0] if all(lens == lenses[0] for lens in lenses) else {}
        bounds = pictured.dataset.bounds
        values: dict[str, Any] = {"camera_model": "OPENCV_FISHEYE" if views[0].camera.is_fisheye else "OPENCV"} | shared
        values |= {"camera_axes": "opengl", "aabb": [bounds.minimum.tolist(), bounds.maximum.tolist()]}
        if pictured.dataset.cascades > 1:
            values["aabb_scale"] = 2 ** (pictured.dataset.cascades - 1)
        has_depth = any(view.depth is not None and (view.depth > 0.0).any() for view in views)
        if has_depth:
            (folder / DEPTH).mkdir()
            step = depth_step(views)
            values["depth_unit_scale_factor"] = step
            if step != MILLIMETRE:
                warnings.append(
                    f"depth is in steps of {step:g} m, as millimetres don't hold it in 16 bits: say "
                    f"--depth-unit-scale-factor {step:g} to nerfstudio"
                )
        frames = []
        for view, name, lens in zip(views, pictured.names, lenses, strict=True):
            frame: dict[str, Any] = {"file_path": f"{IMAGES}/{name}"}
            if has_depth:
                frame["depth_file_path"] = f"{DEPTH}/{Path(name).stem}.png"
                write_depth(folder / frame["depth_file_path"], view, step)
            if pictured.has_masks:
                frame["mask_path"] = f"{MASKS}/{name}.png"
            frames.append(frame | {"transform_matrix": view.camera.camera_to_world.tolist()} | ({} if shared else lens))
        if len(pictured.cloud.positions):
            write_ply(folder / POINTS, pictured.cloud)
            values["ply_file_path"] = POINTS
        if pictured.dataset.test:  # nerfstudio wants all three lists, or none
            paths = [frame["file_path"] for frame in frames]
            count = len(pictured.dataset.train)
            values |= {"train_filenames": paths[:count]}
            values |= dict.fromkeys(("val_filenames", "test_filenames"), paths[count:])
        text = json.dumps(values | {"frames": frames}, indent=1, allow_nan=False)
        (folder / "transforms.json").write_text(text, encoding="utf-8")
        return warnings


def _describe(camera: Camera) -> dict[str, Any]:
    lens = {
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
    }
    if camera.is_distorted:
        lens |= dict(zip(FISHEYE_TERMS if camera.is_fisheye else PINHOLE_TERMS, camera.lens_terms, strict=True))
    return lens
