"""Where in its bounds a field has anything, as points that cameras can be framed to."""

from __future__ import annotations

import math

import numpy as np

from engine.link.arrays import Floats
from engine.link.camera_paths import Orbit, turntable
from engine.link.framing import extreme_points
from engine.rendering.viewer import Viewer

_SIZE = 96  # pixels of the pictures by which it is found: a pixel is about 1 % of the bounds
_ORBIT = Orbit(elevation=math.radians(5.0), top_elevation=math.radians(70.0), levels=3)
_FRAMES = 6  # on each level
_COVERED = 0.5  # alpha of a pixel that shows the subject, and not a thin remainder


def find_subject(viewer: Viewer) -> Floats | None:
    """Extreme points [n, 3] float64, world space, of what a field shows inside its bounds: of surfaces seen in small
    pictures from around and above. None where it shows too little to go by."""
    bounds = viewer.bounds
    found = []
    for camera in turntable(bounds, _FRAMES, (_SIZE, _SIZE), _ORBIT):
        picture = viewer.render(camera)
        alpha, depth = picture.color[..., 3].cpu().numpy(), picture.depth.cpu().numpy()
        rows, columns = np.nonzero((alpha > _COVERED) & np.isfinite(depth))
        z = depth[rows, columns].astype(np.float64)
        local = np.stack(
            ((columns + 0.5 - camera.cx) / camera.fx * z, -(rows + 0.5 - camera.cy) / camera.fy * z, -z), axis=1
        )
        world = local @ camera.camera_to_world[:3, :3].T + camera.position
        found.append(world[((world >= bounds.minimum) & (world <= bounds.maximum)).all(axis=1)])
    points = extreme_points(np.concatenate(found))
    return points if len(points) >= 4 and np.ptp(points, axis=0).max() > 0.01 * bounds.radius else None
