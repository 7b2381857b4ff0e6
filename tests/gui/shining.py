"""Colours as the scene beside them has them: planes that shine in one, and the looks they are compared under."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix

# Scene-linear: dark, middle grey, saturated, and brighter than any display.
COLORS = ((0.02, 0.02, 0.02), (0.18, 0.18, 0.18), (0.8, 0.2, 0.05), (0.1, 0.5, 0.9), (4.0, 3.0, 1.0))
# View transform, exposure, gamma, whether curves are used.
LOOKS = (
    ("Standard", 0.0, 1.0, False),
    ("AgX", 0.0, 1.0, False),
    ("Filmic", 0.0, 1.0, False),
    ("AgX", 1.0, 0.8, False),
    ("AgX", 0.5, 1.0, True),
)
# Of 255: what is drawn over the scene is stored in 8 bits, which are 1.5 apart at the darkest of these colours; half of
# that, a rounding of the screen's own bits, and the dither of the scene beside it.
TOLERANCE = 2.0


def show_nothing_else(space: bpy.types.SpaceView3D) -> None:
    """Have Cycles render ``space`` at once, with no light but that of what shines and nothing drawn over it."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples = 1
    scene.world = None
    for name in ("show_floor", "show_axis_x", "show_axis_y", "show_cursor", "show_object_origins"):
        setattr(space.overlay, name, False)
    space.shading.type = "RENDERED"
    space.shading.use_scene_world_render = True


def set_look(look: tuple[str, float, float, bool]) -> None:
    """Set the scene's view transform, exposure, gamma and curves."""
    view = bpy.context.scene.view_settings
    view.view_transform, view.exposure, view.gamma, view.use_curve_mapping = look
    if view.use_curve_mapping and len(view.curve_mapping.curves[0].points) == 2:
        for curve in view.curve_mapping.curves[:2]:
            curve.points.new(0.4, 0.55)
        view.curve_mapping.update()


def add_plane(square_to_world: np.ndarray, color: Sequence[float]) -> bpy.types.Object:
    """A unit square, moved by this matrix [4, 4], that shines in a scene-linear colour."""
    bpy.ops.mesh.primitive_plane_add(size=1.0)
    plane = bpy.context.object
    plane.select_set(False)
    plane.matrix_world = Matrix(square_to_world)
    material = bpy.data.materials.new("Shine")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(emission.outputs[0], output.inputs[0])
    plane.data.materials.append(material)
    set_color(plane, color)
    return plane


def set_color(plane: bpy.types.Object, color: Sequence[float]) -> None:
    """Have such a plane shine in another colour."""
    nodes = plane.active_material.node_tree.nodes
    nodes["Emission"].inputs["Color"].default_value = (*color, 1.0)
