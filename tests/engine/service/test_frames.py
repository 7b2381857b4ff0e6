"""How a picture is cut into bands and shrunk while a view moves."""

from __future__ import annotations

import numpy as np
import pytest

from engine.link.messages import RequestFrame
from engine.rendering.renderer import Renderer
from engine.service.frames import MAX_FRAME_PIXELS, FrameError, FrameRenderer, check_size, cut_band, fit
from engine.training.config import choose_preset
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds, sphere_cameras, sphere_views

CAMERA = sphere_cameras(3, 40)[0].resized(40, 30)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    trainer = Trainer(choose_preset("auto", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE)
    trainer.add_view(sphere_views(1, 16)[0])
    for _ in range(5):
        trainer.step()
    return trainer.renderer()


def test_bands_together_are_the_picture(renderer: Renderer) -> None:
    whole = renderer.render(CAMERA).to_scene_linear()
    bands = [renderer.render(cut_band(CAMERA, top, 40 * 7)).to_scene_linear() for top in range(0, 30, 7)]
    assert [len(color) for color, _ in bands] == [7, 7, 7, 7, 2]
    np.testing.assert_allclose(np.concatenate([color for color, _ in bands]), whole[0], atol=2e-3)
    np.testing.assert_allclose(np.concatenate([depth for _, depth in bands]), whole[1], rtol=1e-3)


def test_a_band_has_at_least_one_row() -> None:
    assert [cut_band(CAMERA, top, 1).height for top in (0, 29)] == [1, 1]


def test_fit_keeps_the_view_and_the_budget() -> None:
    small = fit(CAMERA, 300)
    assert small.width * small.height == pytest.approx(300, rel=0.1)
    assert small.fx / small.width == pytest.approx(CAMERA.fx / CAMERA.width)
    assert fit(CAMERA, 1200) is CAMERA and fit(CAMERA, 0.1).width == 1


def test_a_final_picture_is_given_up_when_a_view_begins_to_move(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = FrameRenderer(renderer, TEST_DEVICE)
    monkeypatch.setattr("engine.service.frames._MIN_BAND_PIXELS", 40)
    monkeypatch.setattr(frames, "_band_pixels", 40 * 10)
    monkeypatch.setattr(frames, "_max_band_pixels", 40 * 10)
    asked = iter([False, True])
    assert frames.render(RequestFrame(request=1, camera=CAMERA), 5, lambda: next(asked)) is None
    frame = frames.render(RequestFrame(request=2, camera=CAMERA), 5, lambda: False)
    assert frame is not None and frame.color.shape == (30, 40, 4)


def test_bands_take_as_long_as_a_view_that_starts_to_move_may_wait(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = FrameRenderer(renderer, TEST_DEVICE)
    heights: list[int] = []
    clock = iter(np.cumsum([0.0, *[step for _ in range(100) for step in (0.0, 0.06)]]))  # every band takes 60 ms
    monkeypatch.setattr(frames, "_band_pixels", 4096.0)
    monkeypatch.setattr("engine.service.frames.time.perf_counter", lambda: next(clock))
    render = frames._renderer.render
    monkeypatch.setattr(renderer, "render", lambda band, least: heights.append(band.height) or render(band, least))
    frame = frames.render(RequestFrame(request=1, camera=CAMERA.resized(64, 160)), 5, lambda: False)
    assert frame is not None and frame.color.shape == (160, 64, 4)
    assert heights[:3] == [64, 32, 16] and sum(heights) == 160


def test_moving_pictures_grow_to_fill_the_time(renderer: Renderer) -> None:
    frames = FrameRenderer(renderer, "cpu")
    request = RequestFrame(request=1, camera=CAMERA.resized(4000, 3000), quality="moving")
    sizes = []
    for seconds_per_pixel in [1e-4] * 8 + [1e-6] * 12:
        camera = fit(request.camera, frames._moving_pixels)
        frames._adapt(camera, camera.width * camera.height * seconds_per_pixel)
        sizes.append(frames._moving_pixels)
    assert min(sizes) == sizes[7] == 48 * 48
    assert 50_000 < sizes[-1] < 90_000


def test_a_picture_too_large_to_send_is_refused() -> None:
    side = int(MAX_FRAME_PIXELS**0.5)
    check_size(CAMERA.resized(side, side))
    with pytest.raises(FrameError, match="is too large"):
        check_size(CAMERA.resized(side + 2, side + 2))
