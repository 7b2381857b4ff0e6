"""Pictures, masks and depth that say how they are to be turned are turned once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile, ImageOps

from engine.data.formats import load_dataset
from engine.data.images import read_header
from engine.data.orientation import turn
from tests.engine.data.scenes import edit_first_frame, warning_about, write_json, write_transforms


class TestOrientation:
    """``turn`` is compared with Pillow's own."""

    @staticmethod
    def write(
        folder: Path, orientation: int, stored: tuple[int, int], said: tuple[int, int] | None, suffix: str = ".png"
    ) -> np.ndarray:
        """A dataset of a picture with an EXIF orientation; returns its stored pixels."""
        values = write_transforms(folder, count=1, aabb_scale=1)
        pixels = np.random.default_rng(orientation).integers(0, 255, (stored[1], stored[0], 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(folder / f"0000{suffix}", exif=exif)
        values["frames"][0]["file_path"] = f"0000{suffix}"
        for side, (name, middle) in enumerate((("w", "cx"), ("h", "cy"))):
            if said is None:
                del values[name]
            else:
                values |= {name: said[side], middle: said[side] / 2}
        write_json(folder / "transforms.json", values)
        return pixels

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_all_eight_are_turned_as_pillow_does(self, tmp_path: Path, orientation: int) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), None)
        with Image.open(tmp_path / "0000.png") as image:
            shown = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(turn(pixels, orientation), shown)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_turned_where_only_that_agrees_with_the_camera(self, tmp_path: Path, orientation: int, suffix: str) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), (30, 40), suffix)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], turn(pixels, orientation))
        assert dataset.warnings == []

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_as_stored_where_that_agrees(self, tmp_path: Path, orientation: int, suffix: str) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), (40, 30), suffix)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], pixels)
        assert dataset.warnings == []

    @pytest.mark.parametrize(
        ("orientation", "stored", "said"), [(3, (40, 30), (40, 30)), (6, (30, 30), (30, 30)), (2, (40, 30), None)]
    )
    def test_told_where_the_camera_does_not_decide(
        self, tmp_path: Path, orientation: int, stored: tuple[int, int], said: tuple[int, int] | None
    ) -> None:
        pixels = self.write(tmp_path, orientation, stored, said)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], pixels)
        warning_about(dataset, "EXIF", "(1, first")

    @pytest.mark.parametrize(
        ("lens", "is_turned"),
        [
            ({"cx": 15.0, "cy": 20.5}, True),
            ({"cx": 19.0, "cy": 15.0}, False),
            ({"camera_angle_x": 0.6, "camera_angle_y": 0.8}, True),
            ({"camera_angle_x": 0.8, "camera_angle_y": 0.6}, False),
        ],
    )
    def test_decided_by_the_lens_where_no_size_is_said(
        self, tmp_path: Path, lens: dict[str, float], is_turned: bool
    ) -> None:
        pixels = self.write(tmp_path, 6, (40, 30), None)
        values = json.loads((tmp_path / "transforms.json").read_text())
        for name in ("fl_x", "fl_y", "cx", "cy"):
            del values[name]
        values |= {"fl_x": 30.0, **lens} if "cx" in lens else lens
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        wanted = turn(pixels, 6) if is_turned else pixels
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], wanted)
        assert not any("EXIF" in warning for warning in dataset.warnings)

    def test_told_behind_the_pixels_of_a_png(self, tmp_path: Path) -> None:
        pixels = self.write(tmp_path, 6, (40, 30), (30, 40))
        picture = tmp_path / "0000.png"
        data = picture.read_bytes()
        start = data.index(b"eXIf") - 4
        end = start + 12 + int.from_bytes(data[start : start + 4])
        assert start < data.index(b"IDAT")
        before_end = len(data) - 12
        picture.write_bytes(data[:start] + data[end:before_end] + data[start:end] + data[before_end:])
        np.testing.assert_array_equal(load_dataset(tmp_path).train[0].color[..., :3], turn(pixels, 6))

    @pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".tif"])
    def test_known_before_anything_is_decoded(
        self, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.write(tmp_path, 1, (40, 30), None, suffix)
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
        assert read_header(tmp_path / f"0000{suffix}").turned_size == (40, 30)

    def test_shrunk_and_turned(self, tmp_path: Path) -> None:
        pixels = self.write(tmp_path, 8, (40, 30), (90, 120))
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], turn(pixels, 8))
        warning_about(dataset, "30x40", "90x120")

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("said", [(40, 30), (30, 40)])
    def test_tiff_is_read_as_png_is(self, tmp_path: Path, orientation: int, said: tuple[int, int]) -> None:
        """Pictures, depth and masks, each with an orientation of its own; Pillow turns such TIFF by itself."""
        if orientation < 5:
            said = (40, 30)
        exif = Image.Exif()
        exif[0x0112] = orientation
        depth = np.arange(1, 1201, dtype=np.uint16).reshape(30, 40)
        read = []
        for suffix in (".png", ".tif"):
            folder = tmp_path / suffix[1:]
            self.write(folder, orientation, (40, 30), said, suffix)
            Image.fromarray(depth).save(folder / f"depth{suffix}", exif=exif)
            Image.fromarray(np.where(depth % 7, 255, 0).astype(np.uint8)).save(folder / f"mask{suffix}", exif=exif)
            edit_first_frame(folder / "transforms.json", depth_file_path=f"depth{suffix}", mask_path=f"mask{suffix}")
            read.append(load_dataset(folder))
        png, tiff = read
        np.testing.assert_array_equal(tiff.train[0].color, png.train[0].color)
        np.testing.assert_array_equal(tiff.train[0].depth, png.train[0].depth)
        assert len(tiff.warnings) == len(png.warnings)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_deep_tiff_is_turned_where_only_that_agrees(self, tmp_path: Path, orientation: int) -> None:
        """Three channels of 16 bits, which Pillow doesn't read."""
        said = (40, 30) if orientation < 5 else (30, 40)
        pixels = self.write(tmp_path, orientation, (40, 30), said, ".tif")
        deep, tag = pixels.astype(np.uint16) * 257, (0x0112, "H", 1, orientation, True)
        tifffile.imwrite(tmp_path / "0000.tif", deep, photometric="rgb", extratags=[tag])
        wanted = pixels if orientation < 5 else turn(pixels, orientation)
        np.testing.assert_array_equal(load_dataset(tmp_path).train[0].color[..., :3], wanted)

    def test_depth_and_masks_are_turned_alike(self, tmp_path: Path) -> None:
        self.write(tmp_path, 6, (40, 30), (30, 40))
        depth = np.zeros((15, 20), np.uint16)
        depth[0, 0] = 2000  # top left as stored: top right once turned
        Image.fromarray(depth).save(tmp_path / "depth.png")
        Image.fromarray(np.where(depth, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="depth.png")
        read = load_dataset(tmp_path).train[0].depth
        assert read is not None and np.argwhere(read > 0).min(axis=0).tolist() == [0, 28]
        edit_first_frame(tmp_path / "transforms.json", depth_file_path=None, mask_path="mask.png")
        valid = load_dataset(tmp_path).train[0].valid
        assert valid is not None and np.argwhere(~valid).min(axis=0).tolist() == [0, 28]
