"""Pictures made small: how near they stay, and that nothing malformed gets through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.link import codec
from engine.link.compression import best_compression
from engine.link.errors import LinkError
from engine.link.messages import ENGINE_MESSAGES, Frame
from engine.link.picture_codec import PictureError, pack_color, pack_depth, unpack_color, unpack_depth
from tests.scenes import picture_of_sphere, sphere_cameras

HEIGHT, WIDTH = 150, 203  # no multiple of anything
BEST = best_compression()


def smooth_picture(brightness: float = 1.0) -> np.ndarray:
    """Colours that change slowly, some texture, a soft edge, and nothing outside it."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    alpha = np.clip((0.35 - np.hypot(x - 0.7, y - 0.5)) * 20, 0, 1)
    texture = 0.05 * np.sin(90 * x) * np.sin(70 * y)
    rgb = np.stack([0.5 + 0.4 * np.sin(5 * x), 0.4 + 0.3 * np.cos(4 * y), 0.2 + x / 4], axis=2) + texture[..., None]
    return np.concatenate([rgb * alpha[..., None] * brightness, alpha[..., None]], axis=2).astype(np.float16)


def to_display(picture: np.ndarray) -> np.ndarray:
    linear = np.clip(picture[..., :3].astype(np.float64), 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_a_picture_stays_as_it_looks_and_gets_much_smaller() -> None:
    picture = smooth_picture()
    data = pack_color(picture, BEST)
    again = unpack_color(data, HEIGHT, WIDTH)
    assert again.dtype == np.float16 and again.shape == picture.shape
    error = to_display(again) - to_display(picture)
    assert -10 * np.log10(np.mean(error**2)) > 40
    assert np.quantile(np.abs(error), 0.99) < 0.05  # colour fringes at hard edges: chroma has half the resolution
    assert len(data) < picture.nbytes / 20
    np.testing.assert_allclose(again[..., 3], picture[..., 3], atol=1 / 255)


def test_what_is_empty_stays_empty_and_nothing_else_becomes_so() -> None:
    picture = smooth_picture()
    picture[5, 7] = (0.001, 0.0, 0.0, 0.0005)
    again = unpack_color(pack_color(picture, BEST), HEIGHT, WIDTH)
    np.testing.assert_array_equal(again[..., 3] > 0, picture[..., 3] > 0)
    assert not again[picture[..., 3] == 0].any()
    assert (again >= 0).all()


def test_highlights_survive() -> None:
    picture = smooth_picture(brightness=200.0)
    again = unpack_color(pack_color(picture, BEST), HEIGHT, WIDTH).astype(np.float64)
    bright = picture[..., 0] > 20
    ratios = again[bright][:, 0] / picture[bright][:, 0].astype(np.float64)
    assert np.quantile(np.abs(ratios - 1), 0.98) < 0.1


@pytest.mark.parametrize("value", [np.inf, np.nan, -1.0, 65504.0])
def test_values_that_are_no_colour_do_no_harm(value: float) -> None:
    picture = smooth_picture()
    picture[75, 105, 0] = value
    again = unpack_color(pack_color(picture, BEST), HEIGHT, WIDTH)
    assert np.isfinite(again.astype(np.float32)).all()
    np.testing.assert_allclose(again[:40].astype(float), picture[:40].astype(float), atol=0.05)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (15, 33), (1, 400)])
def test_any_size_goes(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    picture = random.random((*size, 4)).astype(np.float16)
    assert unpack_color(pack_color(picture, BEST), *size).shape == picture.shape
    empty = np.zeros((*size, 4), np.float16)
    np.testing.assert_array_equal(unpack_color(pack_color(empty, BEST), *size), empty)
    nothing = np.full(size, np.inf, np.float32)
    np.testing.assert_array_equal(unpack_depth(pack_depth(nothing, BEST), *size), nothing)
    flat = np.full(size, 2.5, np.float32)
    np.testing.assert_allclose(unpack_depth(pack_depth(flat, BEST), *size), flat, rtol=1e-5)


def test_depth_stays_to_a_fraction_of_a_thousandth() -> None:
    _, depth = picture_of_sphere(sphere_cameras(5, 200)[1])
    data = pack_depth(depth, BEST)
    again = unpack_depth(data, *depth.shape)
    np.testing.assert_array_equal(np.isfinite(again), np.isfinite(depth))
    seen = np.isfinite(depth)
    np.testing.assert_allclose(again[seen], depth[seen], rtol=1e-4)
    assert len(data) < depth.nbytes / 5


def frame(picture: np.ndarray, depth: np.ndarray | None, exact: bool = False) -> Frame:
    camera = sphere_cameras(3, 64)[0].resized(picture.shape[1], picture.shape[0])
    return Frame(request=1, step=2, camera=camera, color=picture, depth=depth, exact=exact)


def test_a_preview_travels_as_a_message() -> None:
    picture = smooth_picture()
    depth = np.where(picture[..., 3] > 0, 3.0, np.inf).astype(np.float32)
    received = codec.decode(codec.encode(frame(picture, depth), codec.Packing(BEST, lossy=True)), ENGINE_MESSAGES)
    assert isinstance(received, Frame)
    np.testing.assert_array_equal(received.color, unpack_color(pack_color(picture, BEST), HEIGHT, WIDTH))
    np.testing.assert_allclose(received.depth, depth, rtol=1e-5)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_a_picture_of_the_right_size(data: st.DataObject) -> None:
    picture = smooth_picture()[40:80, 60:110]
    depth = np.where(picture[..., 3] > 0, 3.0, np.inf).astype(np.float32)
    packed = bytearray(data.draw(st.sampled_from([pack_color(picture, BEST), pack_depth(depth, BEST)])))
    is_color = bytes(packed) == pack_color(picture, BEST)
    if data.draw(st.booleans()):
        packed = packed[: data.draw(st.integers(0, len(packed) - 1))]
    else:
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        result = (unpack_color if is_color else unpack_depth)(bytes(packed), 40, 50)
    except PictureError:
        return
    assert result.shape == ((40, 50, 4) if is_color else (40, 50))


def test_a_packed_picture_of_another_size_is_refused() -> None:
    wire = codec.encode(frame(smooth_picture(), None), codec.Packing(BEST, lossy=True))
    altered = wire.replace(f"[{HEIGHT},{WIDTH},4]".encode(), f"[{HEIGHT},{WIDTH + 200},4]".encode())
    assert altered != wire
    with pytest.raises(LinkError, match=r"Frame\.color"):
        codec.decode(altered, ENGINE_MESSAGES)
