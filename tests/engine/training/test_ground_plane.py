"""A subject on a ground plane that goes on beyond the pictures comes out nearly as well as one alone."""

from __future__ import annotations

from tests.engine.training.sphere_on_plane import train_on_plane


def test_a_large_ground_plane_hardly_blurs_the_subject(device: str) -> None:
    alone, on_plane = (train_on_plane(device, reach, size=96, steps=200).sphere for reach in (0.0, 10.0))
    assert alone > 36.0
    assert on_plane > alone - 5.0
