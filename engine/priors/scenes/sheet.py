"""A contact sheet: many scenes in one picture, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from engine.data.color import composite_for_display, to_uint8
from engine.priors.scenes.cameras import draw_cameras
from engine.priors.scenes.rendering import SceneRenderer
from engine.priors.scenes.scene import draw_scene


def render_rows(
    seed: int, first: int, count: int, views: int, side: int, samples: int, device: str
) -> Iterator[npt.NDArray[np.uint8]]:
    """The views of each scene from the ``first`` on, side by side, on black: [side, views * side, 3] sRGB."""
    for number in range(first, first + count):
        scene = draw_scene(seed, number)
        cameras = draw_cameras(seed, number, scene.setting, views, side)
        colors = SceneRenderer(scene, device).render(cameras, samples).colors.float().cpu().numpy()
        yield np.concatenate([to_uint8(composite_for_display(view, "linear", "black")) for view in colors], axis=1)


def tile(rows: list[npt.NDArray[np.uint8]], columns: int) -> npt.NDArray[np.uint8]:
    """At least one picture of one size, ``columns`` of them side by side; black where there are no more."""
    missing = -len(rows) % columns
    rows = rows + [np.zeros_like(rows[0])] * missing
    lines = [np.concatenate(rows[k : k + columns], axis=1) for k in range(0, len(rows), columns)]
    return np.concatenate(lines)
