"""Learning from a fisheye's pictures."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from engine.data.views import View
from engine.link.geometry import Camera
from tests.engine.training.small_run import make_trainer, psnr_of, train
from tests.scenes import as_fisheye, sphere_cameras, sphere_views

_ASIDE = math.radians(35.0)


def _looking_aside(camera: Camera) -> Camera:
    """A fisheye that has what ``camera`` looks at where it differs most from a pinhole: towards the picture's edge."""
    turn = np.eye(4)
    turn[0, 0], turn[0, 2], turn[2, 0], turn[2, 2] = (
        math.cos(_ASIDE), math.sin(_ASIDE), -math.sin(_ASIDE), math.cos(_ASIDE)
    )  # fmt: skip
    return dataclasses.replace(as_fisheye(camera), camera_to_world=camera.camera_to_world @ turn, fx=25.0, fy=25.0)


@pytest.mark.slow
def test_what_a_fisheye_teaches_a_pinhole_shows(device: str) -> None:
    straight = [dataclasses.replace(camera, fx=25.0, fy=25.0) for camera in sphere_cameras(12, 48)]
    pinhole = sphere_views(12, 48, straight)
    fisheye = sphere_views(12, 48, [*map(_looking_aside, straight)])

    def score(views: list[View]) -> float:
        return psnr_of(train(make_trainer(device, "linear", views[:5] + views[6:]), 200), pinhole[5:6])

    through_fisheye, through_pinhole = score(fisheye), score(pinhole)
    assert through_fisheye > max(through_pinhole - 4.0, 19.0)
