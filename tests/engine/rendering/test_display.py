"""View transforms: tables looked up, read from files, and applied by a bake."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image

from engine.link.color import encode_srgb
from engine.link.view_transform import (
    BRIGHTEST,
    ViewTransform,
    ViewTransformError,
    lattice,
    lattice_colors,
    load_view_transform,
    save_view_transform,
)
from engine.rendering.bake import Bake, BakeError
from engine.rendering.display import Display, display_encoding_of
from engine.rendering.frame_files import FrameStyle
from engine.rendering.video import Video
from tests.device import TEST_DEVICE
from tests.engine.rendering.sphere_renderer import SphereRenderer
from tests.engine.rendering.test_bake import cameras


def _warm_and_dark(exposure: float = 1.0, exponent: float = 1.0) -> ViewTransform:
    """Nothing that any other part of the engine would do to light: channels are mixed, bright light is bent."""
    light = lattice_colors()
    mixed = light @ np.array([[0.8, 0.1, 0.0], [0.2, 0.8, 0.2], [0.0, 0.1, 0.7]], np.float32)
    return ViewTransform(np.float32(mixed / (mixed + 0.6)), exposure, exponent)


def _expected(light: np.ndarray, exposure: float, exponent: float) -> np.ndarray:
    mixed = np.clip(light * exposure, 0.0, BRIGHTEST) @ [[0.8, 0.1, 0.0], [0.2, 0.8, 0.2], [0.0, 0.1, 0.7]]
    return (mixed / (mixed + 0.6)) ** exponent


@pytest.mark.parametrize(("exposure", "exponent"), [(1.0, 1.0), (2.5, 0.7)])
def test_a_table_shows_light_as_what_it_was_made_of(exposure: float, exponent: float) -> None:
    random = np.random.default_rng(0)
    light = (random.random((70, 1000, 3)) * 2.0 ** random.uniform(-8, 7, (70, 1000, 1))).astype(np.float32)
    encode = display_encoding_of(_warm_and_dark(exposure, exponent))
    shown = encode(torch.from_numpy(light).to(TEST_DEVICE)).cpu().numpy()
    np.testing.assert_allclose(shown, _expected(light, exposure, exponent), atol=1.5e-3)


def test_lattice_colours_and_greys_between_them_are_exact() -> None:
    table = np.sqrt(lattice_colors() / BRIGHTEST)
    encode = display_encoding_of(ViewTransform(np.float32(table)))
    values = torch.from_numpy(lattice())
    greys = values[:, None].repeat(1, 3)
    torch.testing.assert_close(encode(greys), torch.sqrt(greys / BRIGHTEST), atol=1e-4, rtol=0)
    between = encode(torch.linspace(-1.0, 2 * BRIGHTEST, 999)[:, None].repeat(1, 3))
    assert (between[:, 0] == between[:, 1]).all() and (between[:, 0] == between[:, 2]).all()
    assert between[0].tolist() == [0.0] * 3 and between[-1].tolist() == pytest.approx([1.0] * 3)


@pytest.mark.parametrize(("exposure", "exponent"), [(1.0, 1.0), (1.7, 0.8)])
def test_a_table_of_the_srgb_curve_shows_that_between_its_entries_too(exposure: float, exponent: float) -> None:
    table = np.round(encode_srgb(lattice_colors()) * 65535.0) / np.float32(65535.0)
    encode = display_encoding_of(ViewTransform(table.astype(np.float32), exposure, exponent))
    light = torch.rand(5000, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encode(light), encode_srgb(light * exposure) ** exponent)


def test_raw_is_light_as_it_is() -> None:
    light = torch.tensor([[-0.5, 0.2, 0.7], [1.0, 2.0, 0.0]])
    assert display_encoding_of("raw")(light).tolist() == [pytest.approx([0.0, 0.2, 0.7]), [1.0, 1.0, 0.0]]


class TestFile:
    def test_comes_back_as_it_was_written(self, tmp_path: Path) -> None:
        written = _warm_and_dark(1.5, 0.9)
        save_view_transform(tmp_path / "view.npz", written)
        read = load_view_transform(tmp_path / "view.npz")
        assert (read.exposure, read.exponent) == (1.5, 0.9)
        np.testing.assert_allclose(read.table, written.table, atol=1 / 65535)
        assert [path.name for path in tmp_path.iterdir()] == ["view.npz"]

    @pytest.mark.parametrize("harm", ["missing", "text", "cut", "pickled", "other", "large"])
    def test_what_is_none_is_named(self, tmp_path: Path, harm: str) -> None:
        path = tmp_path / "view.npz"
        if harm == "text":
            path.write_text("LUT_3D_SIZE 33")
        elif harm == "cut":
            save_view_transform(path, _warm_and_dark())
            path.write_bytes(path.read_bytes()[:5000])
        elif harm == "pickled":
            np.savez(path, table=np.array([{}], object), exposure=1.0, exponent=1.0)
        elif harm == "other":
            np.savez(path, table=np.zeros((4, 5, 4, 3), np.uint16), exposure=1.0, exponent=1.0)
        elif harm == "large":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("table.npy", bytes(10 << 20))
        with pytest.raises(ViewTransformError, match=r"view\.npz"):
            load_view_transform(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": np.zeros((3, 3, 3), np.float32)}, "instead of float32"),
        ({"table": np.zeros((3, 3, 3, 3), np.float64)}, "instead of float32"),
        ({"table": np.zeros((66, 66, 66, 3), np.float32)}, r"outside 2\.\.65"),
        ({"table": np.full((2, 2, 2, 3), np.nan, np.float32)}, r"outside 0\.\.1"),
        ({"exposure": 0.0}, "exposure"),
        ({"exponent": float("nan")}, "exponent"),
    ],
)
def test_what_can_be_no_view_transform_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ViewTransformError, match=words):
        dataclasses.replace(_warm_and_dark(), **change)


class TestBake:
    def test_frames_are_shown_by_the_table_and_exr_stays_linear(self, tmp_path: Path) -> None:
        transform = _warm_and_dark(0.8, 1.1)
        style, video = FrameStyle(["png", "exr"], display=transform), Video(tmp_path / "film.webp")
        list(Bake(SphereRenderer(brightness=3.0), cameras(2), tmp_path, style, video=video))
        assert sorted(file.name for file in tmp_path.iterdir()) == [
            "bake.json", "film.webp", "frame_0001.exr", "frame_0001.png", "frame_0002.exr", "frame_0002.png",
        ]  # fmt: skip
        plain = tmp_path / "plain"
        list(Bake(SphereRenderer(brightness=3.0), cameras(2), plain, FrameStyle(["exr"])))
        assert (plain / "frame_0001.exr").read_bytes() == (tmp_path / "frame_0001.exr").read_bytes()
        color = SphereRenderer(brightness=3.0).render(cameras(2)[0]).color.numpy()
        covered = color[..., 3] > 0.1
        straight = color[..., :3] / np.maximum(color[..., 3:], 1e-6)
        with Image.open(tmp_path / "frame_0001.png") as image:
            shown = np.array(image)
        wanted = 255 * _expected(straight, 0.8, 1.1)
        assert np.abs(shown[..., :3] - wanted)[covered].max() <= 1.0
        with Image.open(tmp_path / "film.webp") as film:
            frame = np.array(film.convert("RGBA"))
        solid = color[..., 3] == 1.0
        assert np.abs(frame[..., :3] - wanted)[solid].mean() < 6  # WebP is lossy

    def test_a_film_without_transparency_is_shown_by_the_table(self, tmp_path: Path) -> None:
        transform, films = _warm_and_dark(0.8, 1.1), {}
        for name, display in (("table", transform), ("standard", "standard")):
            video = tmp_path / f"{name}.mp4"
            style = FrameStyle(["exr"], display=display)
            list(Bake(SphereRenderer(brightness=3.0), cameras(2, 64, 48), tmp_path / name, style, video=Video(video)))
            films[name] = imageio.imread(video, plugin="FFMPEG")[0].astype(int)
        color = SphereRenderer(brightness=3.0).render(cameras(2, 64, 48)[0]).color.numpy()
        wanted = 255 * _expected(color[..., :3], 0.8, 1.1)
        solid = color[..., 3] == 1.0
        of_table, of_standard = (np.abs(films[name] - wanted)[solid].mean() for name in ("table", "standard"))
        assert of_table < 6 < of_standard, "H.264 is lossy"

    def test_on_black_light_is_mixed_before_it_is_shown(self, tmp_path: Path) -> None:
        transform = _warm_and_dark()
        list(Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(transparent=False, display=transform)))
        color = SphereRenderer().render(cameras(1)[0]).color.numpy()
        shown = imageio.imread(tmp_path / "frame_0001.png")
        assert np.abs(shown - 255 * _expected(color[..., :3], 1.0, 1.0)).max() <= 1.0

    def test_a_field_that_learnt_srgb_is_shown_as_it_is(self, tmp_path: Path) -> None:
        displays: dict[str, Display] = {"standard": "standard", "table": _warm_and_dark(), "raw": "raw"}
        for name, display in displays.items():
            list(Bake(SphereRenderer("srgb"), cameras(1), tmp_path / name, FrameStyle(display=display)))
        frames = [(tmp_path / name / "frame_0001.png").read_bytes() for name in displays]
        assert frames[0] == frames[1] == frames[2]

    def test_standard_is_srgb(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(transparent=False)))
        color = SphereRenderer().render(cameras(1)[0]).color.numpy()
        shown = imageio.imread(tmp_path / "frame_0001.png")
        assert np.abs(shown - 255 * encode_srgb(color[..., :3])).max() <= 1.0

    def test_frames_of_another_view_transform_are_not_resumed(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(display=_warm_and_dark())))
        again = Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(display=_warm_and_dark()), resume=True)
        list(again)
        assert again._viewer.rendered == 0
        for display in ("standard", _warm_and_dark(1.1)):
            with pytest.raises(BakeError, match="view transform"):
                Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(display=display), resume=True)
