"""Finding where in its bounds a field has anything."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from engine.link.framing import filled_share
from engine.link.geometry import Camera
from engine.link.messages import Quality
from engine.rendering.camera_paths import Framing, turntable
from engine.rendering.renderer import RenderedImage
from engine.rendering.subject import find_subject
from tests.engine.data.scenes import render_sphere
from tests.engine.rendering.sphere_renderer import SphereRenderer


class Empty(SphereRenderer):
    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        picture = super().render(camera, quality)
        return dataclasses.replace(picture, color=torch.zeros_like(picture.color))


def test_a_turntable_framed_to_the_subject_is_filled_by_it() -> None:
    points = find_subject(SphereRenderer())
    assert points is not None
    for camera in turntable(SphereRenderer.bounds, 7, (120, 80), framing=Framing(subject=points)):
        color, _ = render_sphere(camera)
        alpha = color[..., 3]
        assert 0.85 <= filled_share(alpha) < 1.0, "cropped, or too small"
        assert not (alpha[[0, -1]].any() or alpha[:, [0, -1]].any())
    for camera in turntable(SphereRenderer.bounds, 3, (120, 80)):
        assert filled_share(render_sphere(camera)[0][..., 3]) < 0.8, "the bounds alone are looser"


def test_an_empty_field_has_no_subject() -> None:
    assert find_subject(Empty()) is None


def test_the_subject_lies_in_the_bounds() -> None:
    points = find_subject(SphereRenderer())
    assert points is not None
    assert (points >= SphereRenderer.bounds.minimum).all() and (points <= SphereRenderer.bounds.maximum).all()
    assert np.ptp(points, axis=0).min() > 0.5 * float(SphereRenderer.bounds.size.min())
