"""Everything that the path tracer needs of a scene."""

from __future__ import annotations

import bpy
import numpy as np

from engine.link.path_scenes import PathSceneData

from ..capture.cameras import camera_from_object, capture_size, pixel_aspect
from ..capture.errors import CaptureError
from .findings import Findings
from .lights import Lights
from .materials import Materials
from .meshes import read_triangles
from .textures import Textures
from .world import read_environment


def gather_scene(
    scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, size: tuple[int, int] | None = None
) -> tuple[PathSceneData, str]:
    """The scene as ``depsgraph`` evaluates it, seen by its camera at ``size`` (that of captures), and one warning of
    all that isn't followed, empty where there is none. Raises CaptureError without a camera that can be used,
    PathSceneError for what is beyond the format's limits."""
    if scene.camera is None:
        raise CaptureError("The scene has no camera: add one")
    findings = Findings()
    camera = camera_from_object(scene.camera, depsgraph, *(size or capture_size(scene)), pixel_aspect(scene))
    textures = Textures(findings)
    materials = Materials(textures, findings)
    lights = Lights(materials, findings)
    lights.gather(depsgraph)
    triangles = read_triangles(depsgraph, materials, findings) + lights.triangles
    if not triangles:
        raise CaptureError("Renders show no surface: add an object, or show one in renders")
    environment = read_environment(scene.world, findings)
    data = PathSceneData(
        camera=camera,
        corners=np.concatenate([each.corners for each in triangles]),
        normals=np.concatenate([each.normals for each in triangles]),
        uvs=np.concatenate([each.uvs for each in triangles]),
        material_ids=np.concatenate([each.material_ids for each in triangles]),
        environment=environment,
        **materials.arrays(),
        **textures.arrays(),
        **lights.arrays(),
    )
    return data, findings.text()
