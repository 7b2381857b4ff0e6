"""A small scene as Blender's side hands it over."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.link.geometry import Camera
from engine.link.path_scenes import PathSceneData

SIDE = 8


def one_square(**others: Any) -> PathSceneData:
    """A matt square of 2 metres, at z = 0 around the origin, seen from 2 metres above through a lens that it fills,
    under a sun of irradiance pi, straight above. Its texture isn't used."""
    a, b, c, d = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    pose = np.eye(4)
    pose[2, 3] = 2.0
    parts: dict[str, Any] = {
        "camera": Camera(pose, SIDE, SIDE, float(SIDE), float(SIDE), SIDE / 2, SIDE / 2),
        "corners": np.stack([np.stack([a, b, c]), np.stack([a, c, d])]),
        "normals": np.zeros((2, 3, 3), np.float32),
        "uvs": np.zeros((2, 3, 2), np.float32),
        "material_ids": np.zeros(2, np.int32),
        "base_colors": np.array([[0.6, 0.4, 0.2]], np.float32),
        "roughness": np.ones(1, np.float32),
        "metallic": np.zeros(1, np.float32),
        "transmission": np.zeros(1, np.float32),
        "iors": np.full(1, 1.5, np.float32),
        "specular_levels": np.zeros(1, np.float32),
        "emissions": np.zeros((1, 3), np.float32),
        "is_lamp": np.zeros(1, np.int32),
        "material_textures": np.full((1, 5), -1, np.int32),
        "texture_sizes": np.array([[2, 2]], np.int32),
        "texture_encodings": np.zeros(1, np.int32),
        "texels": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]], np.float16),
        "point_positions": np.zeros((0, 3), np.float32),
        "point_intensities": np.zeros((0, 3), np.float32),
        "sun_directions": np.array([[0.0, 0.0, 1.0]], np.float32),
        "sun_irradiances": np.full((1, 3), np.pi, np.float32),
        "sun_angles": np.zeros(1, np.float32),
        "environment": np.zeros((1, 1, 3), np.float32),
    }
    return PathSceneData(**(parts | others))
