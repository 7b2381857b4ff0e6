"""What is predicted rather than captured is hatched in pictures that are asked for so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.link.geometry import Camera
from engine.link.messages import RequestFrame
from engine.rendering.bake import Bake, BakeError
from engine.rendering.frame_files import FrameStyle
from engine.rendering.prediction_marks import MarkedViewer, mark
from engine.rendering.renderer import RenderedImage
from engine.service.frames import FrameRenderer
from tests.engine.rendering.sphere_renderer import SphereRenderer
from tests.scenes import sphere_cameras

CAMERA = sphere_cameras(3, 40)[0]


class _HalfKnown(SphereRenderer):
    """Its left half is predicted."""

    def captured(self, camera: Camera, picture: RenderedImage) -> torch.Tensor:
        return (torch.arange(camera.width) >= camera.width // 2).float().expand(camera.height, -1)


@pytest.mark.parametrize("color_space", ["linear", "srgb"])
def test_what_is_predicted_is_hatched_and_all_else_stays(color_space: str) -> None:
    plain, marked = (
        viewer.render(CAMERA) for viewer in (SphereRenderer(color_space), MarkedViewer(_HalfKnown(color_space)))
    )
    changed = (marked.color - plain.color).abs().amax(dim=-1) > 1e-6
    is_left = torch.arange(40) < 20
    is_covered = plain.color[..., 3] > 0.0
    assert torch.equal(changed, is_covered & is_left)
    assert torch.equal(marked.color[..., 3], plain.color[..., 3]) and torch.equal(marked.depth, plain.depth)
    strength = (marked.color - plain.color).abs().sum(dim=-1)[is_covered & is_left]
    assert strength.max() > 3.0 * strength.min(), "there are no stripes"


def test_a_field_that_predicts_nothing_is_shown_as_it_is() -> None:
    class Learnt(SphereRenderer):
        def captured(self, camera: Camera, picture: RenderedImage) -> None:
            return None

    for viewer in (Learnt(), SphereRenderer()):  # one that may predict, and one of a kind that never does
        assert torch.equal(MarkedViewer(viewer).render(CAMERA).color, SphereRenderer().render(CAMERA).color)


def test_stripes_go_on_from_band_to_band() -> None:
    picture = SphereRenderer().render(CAMERA)
    whole = mark(CAMERA, picture, torch.zeros(40, 40)).color
    for first, last in ((0, 13), (13, 40)):
        band = dataclasses.replace(CAMERA, height=last - first, cy=CAMERA.cy - first)
        part = dataclasses.replace(picture, color=picture.color[first:last], depth=picture.depth[first:last])
        assert torch.equal(mark(band, part, torch.zeros(last - first, 40)).color, whole[first:last])


def test_a_frame_has_marks_where_it_is_asked_for_with_them() -> None:
    frames = FrameRenderer(_HalfKnown(), "cpu")
    plain, marked = (
        frames.render(RequestFrame(request=1, camera=CAMERA, mark_predicted=marks), 5, lambda: False)
        for marks in (False, True)
    )
    assert plain is not None and marked is not None
    assert (plain.color != marked.color).any(axis=2)[:, :20].any()
    assert (plain.color == marked.color)[:, 20:].all()


def test_marked_frames_are_rendered_and_plain_ones_dont_go_on_with_them(tmp_path: Path) -> None:
    for _ in Bake(_HalfKnown(), [CAMERA], tmp_path, FrameStyle(mark_predicted=True)):
        pass
    with Image.open(tmp_path / "frame_0001.png") as image:
        shown = np.array(image)
    plain = SphereRenderer().render(CAMERA).to_bytes(None)
    assert (shown != plain).any(axis=2)[:, :20].any() and (shown == plain)[:, 20:].all()
    with pytest.raises(BakeError, match="rendered otherwise"):
        Bake(_HalfKnown(), [CAMERA], tmp_path, resume=True)
