"""How images are learnt, as ``scene.hashlight.image``."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty


class HASHLIGHT_PG_image(bpy.types.PropertyGroup):
    wraps: BoolProperty(
        name="Repeats",
        description="The image is a tile: it goes on across its borders, on its other side. Another choice asks for "
        "Start Over",
        default=False,
    )
