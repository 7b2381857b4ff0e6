"""Bakes: the files they leave, how they resume, and how they fail."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from engine.data.color import to_uint8
from engine.data.exr import read_exr
from engine.device import PROFILES
from engine.link.color import encode_srgb
from engine.link.geometry import Camera
from engine.rendering import frame_files
from engine.rendering.antialiasing import render_antialiased
from engine.rendering.bake import Bake, BakeError
from engine.rendering.camera_paths import turntable
from engine.rendering.frame_files import FrameStyle
from engine.rendering.video import Video
from tests.engine.data.scenes import render_sphere
from tests.engine.rendering.sphere_renderer import SphereRenderer

EXR_WITH_DEPTH = FrameStyle(image_formats=["exr"], depth=True)


def cameras(frames: int = 4, width: int = 32, height: int = 24) -> list[Camera]:
    return turntable(SphereRenderer.bounds, frames, (width, height))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFrames:
    def test_png_is_srgb_with_straight_alpha(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(), tmp_path))
        assert names(tmp_path) == ["bake.json", *(f"frame_000{number}.png" for number in range(1, 5))]
        color, _ = render_sphere(cameras()[2])
        with Image.open(tmp_path / "frame_0003.png") as image:
            assert image.mode == "RGBA"
            pixels = np.array(image)
        np.testing.assert_array_equal(pixels[..., 3], to_uint8(color[..., 3]))
        expected = to_uint8(encode_srgb(color[..., :3]))
        assert np.abs(pixels[..., :3].astype(int) - expected).max() <= 1

    def test_a_large_frame_takes_several_pieces_and_is_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that a cancel need not wait for all of it."""
        list(Bake(SphereRenderer(), cameras(1), tmp_path / "whole", EXR_WITH_DEPTH, samples=2))
        monkeypatch.setitem(PROFILES, "cpu", dataclasses.replace(PROFILES["cpu"], most_band_pixels=32 * 5))
        bake = Bake(SphereRenderer(), cameras(1), tmp_path / "bands", EXR_WITH_DEPTH, samples=2)
        assert [next(bake).done for _ in range(5)] == [0, 0, 0, 0, 1]
        whole, bands = (read_exr(tmp_path / name / "frame_0001.exr") for name in ("whole", "bands"))
        np.testing.assert_allclose(bands["RGBA"], whole["RGBA"], atol=1e-3)
        np.testing.assert_allclose(bands["Z"], whole["Z"], rtol=1e-5)

    def test_opaque_png_is_on_black(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(transparent=False)))
        with Image.open(tmp_path / "frame_0001.png") as image:
            assert image.mode == "RGB" and image.getpixel((0, 0)) == (0, 0, 0)

    def test_exr_is_linear_premultiplied_with_depth(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(brightness=8.0), cameras(2), tmp_path, EXR_WITH_DEPTH))
        channels = read_exr(tmp_path / "frame_0002.exr")
        color, depth = render_sphere(cameras(2)[1])
        color[..., :3] *= 8.0  # beyond 1: nothing is clamped
        np.testing.assert_array_equal(channels["RGBA"], color.astype(np.float16))
        np.testing.assert_array_equal(channels["Z"], depth)
        np.testing.assert_array_equal(read_exr(tmp_path / "depth_0002.exr")["V"], depth)

    def test_several_samples_smooth_edges_and_keep_depth(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(1), tmp_path / "one", EXR_WITH_DEPTH))
        renderer = SphereRenderer()
        list(Bake(renderer, cameras(1), tmp_path / "many", EXR_WITH_DEPTH, samples=16))
        assert renderer.rendered == 16
        one, many = (read_exr(tmp_path / name / "frame_0001.exr") for name in ("one", "many"))
        fine = cameras(1, 32 * 8, 24 * 8)[0]
        truth = render_sphere(fine)[0].reshape(24, 8, 32, 8, 4).mean(axis=(1, 3))
        errors = [float(np.abs(frame["RGBA"].astype(np.float32) - truth).mean()) for frame in (one, many)]
        assert errors[1] < 0.4 * errors[0], errors
        assert np.isfinite(many["Z"]).sum() > np.isfinite(one["Z"]).sum()
        np.testing.assert_array_equal(np.isfinite(many["Z"]), many["RGBA"][..., 3] > 0)
        inside = one["RGBA"][2:-2, 2:-2, 3].astype(bool) & (many["RGBA"][2:-2, 2:-2, 3] == 1)
        np.testing.assert_allclose(many["Z"][2:-2, 2:-2][inside], one["Z"][2:-2, 2:-2][inside], rtol=0.1)

    @pytest.mark.parametrize("samples", [2, 3, 4])
    def test_several_samples_move_nothing(self, samples: int) -> None:
        camera, places = cameras(1, 300, 300)[0], np.arange(300)
        one, many = (
            render_antialiased(SphereRenderer(), camera, count).color[..., 3].double().numpy() for count in (1, samples)
        )
        for axis in (0, 1):
            middles = [float((alpha.sum(axis=axis) * places).sum() / alpha.sum()) for alpha in (one, many)]
            assert middles[1] == pytest.approx(middles[0], abs=0.05), "pixels"

    def test_depth_beside_png(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(1), tmp_path, FrameStyle(depth=True)))
        np.testing.assert_array_equal(read_exr(tmp_path / "depth_0001.exr")["V"], render_sphere(cameras(1)[0])[1])

    def test_progress_and_files_grow_frame_by_frame(self, tmp_path: Path) -> None:
        bake = Bake(SphereRenderer(), cameras(3), tmp_path)
        assert (bake.progress.done, bake.progress.total) == (0, 3)
        first = next(bake)
        assert first == bake.progress and first.done == 1 and first.eta_seconds is not None
        assert names(tmp_path) == ["bake.json", "frame_0001.png"]
        assert [step.done for step in bake] == [2, 3] and bake.progress.eta_seconds == 0.0


class TestResume:
    def test_renders_only_what_is_missing_or_broken(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(5), tmp_path))
        kept = (tmp_path / "frame_0001.png").stat().st_mtime_ns
        (tmp_path / "frame_0002.png").unlink()
        (tmp_path / "frame_0003.png").write_bytes((tmp_path / "frame_0003.png").read_bytes()[:100])
        Image.new("RGBA", (8, 8)).save(tmp_path / "frame_0004.png")
        renderer = SphereRenderer()
        list(Bake(renderer, cameras(5), tmp_path, resume=True))
        assert renderer.rendered == 3
        assert (tmp_path / "frame_0001.png").stat().st_mtime_ns == kept
        with Image.open(tmp_path / "frame_0003.png") as image:
            image.load()

    def test_broken_exr_and_missing_depth_are_rendered_again(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(3), tmp_path, EXR_WITH_DEPTH))
        path = tmp_path / "frame_0002.exr"
        path.write_bytes(path.read_bytes()[:-40])
        renderer = SphereRenderer()
        list(Bake(renderer, cameras(3), tmp_path, EXR_WITH_DEPTH, resume=True))
        assert renderer.rendered == 1

    def test_after_stopping_in_the_middle(self, tmp_path: Path) -> None:
        bake = Bake(SphereRenderer(), cameras(4), tmp_path)
        next(bake), next(bake)
        bake.close()
        assert names(tmp_path) == ["bake.json", "frame_0001.png", "frame_0002.png"]
        renderer = SphereRenderer()
        list(Bake(renderer, cameras(4), tmp_path, resume=True))
        assert renderer.rendered == 2

    def test_without_resume_all_are_rendered_again(self, tmp_path: Path) -> None:
        for _ in range(2):
            renderer = SphereRenderer()
            list(Bake(renderer, cameras(2), tmp_path))
            assert renderer.rendered == 2

    def test_frames_of_another_bake_are_not_mixed_in(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(4), tmp_path))
        with pytest.raises(BakeError, match="rendered otherwise"):
            Bake(SphereRenderer(), cameras(5), tmp_path, resume=True)


class TestVideo:
    def test_is_playable_at_the_asked_rate(self, tmp_path: Path) -> None:
        video = tmp_path / "film.mp4"
        bake = Bake(SphereRenderer(), cameras(6, 64, 48), tmp_path / "frames", video=Video(video, 12))
        messages = [step.message for step in bake]
        assert messages[-1] == "wrote film.mp4" and bake.finished_video == video
        film = imageio.imread(video, plugin="FFMPEG")
        assert film.shape == (6, 48, 64, 3)
        assert imageio.immeta(video, plugin="FFMPEG")["fps"] == pytest.approx(12)
        color, _ = render_sphere(cameras(6, 64, 48)[3])
        truth = to_uint8(encode_srgb(color[..., :3])).astype(int)
        assert np.abs(film[3].astype(int) - truth).mean() < 4

    @pytest.mark.parametrize("image_format", ["png", "exr"])
    @pytest.mark.parametrize("transparent", [True, False])
    def test_webp_keeps_size_and_alpha(self, tmp_path: Path, image_format: Any, transparent: bool) -> None:
        style = FrameStyle([image_format], transparent)
        path = tmp_path / "a.webp"
        list(Bake(SphereRenderer(), cameras(5, 65, 49), tmp_path / "f", style, video=Video(path, 10)))
        color, _ = render_sphere(cameras(5, 65, 49)[2])
        with Image.open(path) as film:
            assert (film.n_frames, film.size, film.info["loop"]) == (5, (65, 49), 0)
            film.seek(2)
            film.load()
            assert film.info["duration"] == 100
            pixels = np.array(film.convert("RGBA")).astype(int)
        if transparent:
            assert np.abs(pixels[..., 3] - to_uint8(color[..., 3])).max() <= 2
        else:
            assert (pixels[..., 3] == 255).all()
        solid = color[..., 3] == 1.0
        truth = to_uint8(encode_srgb(color[..., :3])).astype(int)
        assert np.abs(pixels[..., :3] - truth)[solid].mean() < 6

    def test_odd_sizes_are_padded(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(2, 33, 27), tmp_path / "f", video=Video(tmp_path / "a.mp4")))
        assert imageio.imread(tmp_path / "a.mp4", plugin="FFMPEG").shape == (2, 28, 34, 3)

    def test_closing_in_the_middle_leaves_no_half_video(self, tmp_path: Path) -> None:
        bake = Bake(SphereRenderer(), cameras(3), tmp_path / "f", video=Video(tmp_path / "a.mp4"))
        for step in bake:
            if step.message == "video frame 1 of 3":
                break
        bake.close()
        assert names(tmp_path) == ["f"] and bake.finished_video is None

    def test_from_exr_frames(self, tmp_path: Path) -> None:
        list(Bake(SphereRenderer(), cameras(2), tmp_path / "f", FrameStyle(["exr"]), video=Video(tmp_path / "a.mp4")))
        film = imageio.imread(tmp_path / "a.mp4", plugin="FFMPEG")
        color, _ = render_sphere(cameras(2)[0])
        assert np.abs(film[0].astype(int) - to_uint8(encode_srgb(color[..., :3]))).mean() < 8


class TestErrors:
    def test_no_cameras(self, tmp_path: Path) -> None:
        with pytest.raises(BakeError, match="no cameras"):
            Bake(SphereRenderer(), [], tmp_path)

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            ({"style": FrameStyle(["bmp"])}, "image_formats"),
            ({"video": Video(Path("film.mp4"), 0.0)}, "fps"),
            ({"video": Video(Path("film.mp4"), float("nan"))}, "fps"),
            ({"video": Video(Path("film.avi"))}, "film.avi"),
            ({"samples": 0}, "samples"),
            ({"samples": 65}, "samples"),
        ],
    )
    def test_bad_arguments_are_named(self, tmp_path: Path, options: dict[str, Any], word: str) -> None:
        with pytest.raises(BakeError, match=word):
            Bake(SphereRenderer(), cameras(), tmp_path, **options)

    def test_a_video_in_the_place_of_a_folder_is_refused_before_a_frame_is_rendered(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").mkdir()
        for output, video in (("f", "a.mp4"), ("b.mp4", "b.mp4")):
            with pytest.raises(BakeError, match=f"video: {video} is a folder"):
                Bake(SphereRenderer(), cameras(2), tmp_path / output, video=Video(tmp_path / video))

    def test_a_video_needs_one_size(self, tmp_path: Path) -> None:
        mixed = [*cameras(1), *cameras(1, 64, 64)]
        with pytest.raises(BakeError, match="sizes differ"):
            Bake(SphereRenderer(), mixed, tmp_path, video=Video(tmp_path / "a.mp4"))

    def test_unwritable_folder(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file")
        with pytest.raises(BakeError, match="taken"):
            Bake(SphereRenderer(), cameras(), tmp_path / "taken")

    @pytest.mark.parametrize("image_format", ["png", "exr"])
    def test_full_disk_keeps_the_finished_frames(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image_format: Any
    ) -> None:
        bake = Bake(SphereRenderer(), cameras(), tmp_path, FrameStyle([image_format]))
        next(bake)

        def write_to_full_disk(path: Path, *args: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr(frame_files, "written_atomically", write_to_full_disk)
        monkeypatch.setattr(frame_files, "write_exr", write_to_full_disk)
        with pytest.raises(BakeError, match=rf"frame_0002\.{image_format}.*No space left.*1 frames"):
            next(bake)
        assert names(tmp_path) == ["bake.json", f"frame_0001.{image_format}"]

    def test_a_damaged_note_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "bake.json").write_text("[")
        with pytest.raises(BakeError, match=r"bake\.json"):
            Bake(SphereRenderer(), cameras(), tmp_path, resume=True)


def test_pictures_of_several_sizes_are_baked(tmp_path: Path) -> None:
    first, second = cameras(2)
    list(Bake(SphereRenderer(), [first, dataclasses.replace(second, width=20)], tmp_path))
    with Image.open(tmp_path / "frame_0002.png") as image:
        assert image.size == (20, 24)
