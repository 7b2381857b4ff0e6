"""How a picture is cut into bands and shrunk while a view moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.device import PROFILES
from engine.link.messages import RequestFrame
from engine.rendering.renderer import Renderer
from engine.service.frames import MAX_FRAME_PIXELS, MOVING_SECONDS, FrameError, FrameRenderer, check_size, fit
from tests.device import TEST_DEVICE
from tests.scenes import sphere_cameras

CAMERA = sphere_cameras(3, 40)[0].resized(40, 30)


def test_fit_keeps_the_view_and_the_budget() -> None:
    small = fit(CAMERA, 300)
    assert small.width * small.height == pytest.approx(300, rel=0.1)
    assert small.fx / small.width == pytest.approx(CAMERA.fx / CAMERA.width)
    assert fit(CAMERA, 1200) is CAMERA and fit(CAMERA, 0.1).width == 1


def test_a_final_picture_is_given_up_when_a_view_begins_to_move(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.rendering.bands._MIN_PIXELS", 40)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, dataclasses.replace(PROFILES[TEST_DEVICE], most_band_pixels=40 * 10))
    frames = FrameRenderer(renderer, TEST_DEVICE)
    asked = iter([False, True])
    assert frames.render(RequestFrame(request=1, camera=CAMERA), 5, lambda: next(asked)) is None
    frame = frames.render(RequestFrame(request=2, camera=CAMERA, channel=3), 5, lambda: False)
    assert frame is not None and frame.color.shape == (30, 40, 4) and frame.channel == 3


def test_a_final_picture_that_was_interrupted_is_gone_on_with(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.rendering.bands._MIN_PIXELS", 40)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, dataclasses.replace(PROFILES[TEST_DEVICE], most_band_pixels=40 * 10))
    frames = FrameRenderer(renderer, TEST_DEVICE)
    whole = frames.render(RequestFrame(request=1, camera=CAMERA), 5, lambda: False)
    request = RequestFrame(request=2, camera=CAMERA)
    turns = 0
    while (frame := frames.render(request, 5, lambda: True)) is None:  # a view moves all the time
        frames.render(RequestFrame(request=3, camera=CAMERA, quality="moving", channel=1), 5, lambda: True)
        turns += 1
    assert turns >= 2 and whole is not None
    np.testing.assert_allclose(frame.color.astype(float), whole.color.astype(float), atol=2e-3)


def test_moving_pictures_grow_to_fill_the_time(renderer: Renderer) -> None:
    frames = FrameRenderer(renderer, "cpu")
    request = RequestFrame(request=1, camera=CAMERA.resized(4000, 3000), quality="moving")
    sizes = []
    for seconds_per_pixel in [1e-4] * 8 + [1e-6] * 12:
        camera = fit(request.camera, frames._moving_pixels)
        frames._adapt(camera, camera.width * camera.height * seconds_per_pixel, 1.0)
        sizes.append(frames._moving_pixels)
    assert min(sizes) == sizes[7] == 48 * 48
    assert 50_000 < sizes[-1] < 90_000


@pytest.mark.parametrize(("waited", "share"), [(0.0, 1.0), (0.5 * MOVING_SECONDS, 0.5), (60.0, 0.25)])
def test_a_moving_picture_is_smaller_for_what_its_view_had_to_wait(
    renderer: Renderer, waited: float, share: float
) -> None:
    frames = FrameRenderer(renderer, TEST_DEVICE)
    frames._moving_pixels = 200 * 200
    request = RequestFrame(request=1, camera=CAMERA.resized(400, 300), quality="moving")
    frame = frames.render(request, 5, lambda: False, waited)
    assert frame is not None
    assert frame.camera.width * frame.camera.height == pytest.approx(share * 200 * 200, rel=0.02)


def test_what_a_view_had_to_wait_says_nothing_of_how_fast_pictures_come(renderer: Renderer) -> None:
    sizes = []
    for share in (1.0, 0.25):
        frames = FrameRenderer(renderer, "cpu")
        for _ in range(12):
            camera = fit(CAMERA.resized(4000, 3000), share * frames._moving_pixels)
            frames._adapt(camera, camera.width * camera.height * 1e-6, share)
        sizes.append(frames._moving_pixels)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_a_picture_too_large_to_send_is_refused() -> None:
    side = int(MAX_FRAME_PIXELS**0.5)
    check_size(CAMERA.resized(side, side))
    with pytest.raises(FrameError, match="is too large"):
        check_size(CAMERA.resized(side + 2, side + 2))
