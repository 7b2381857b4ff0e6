"""Along a Curve: positions at even steps along a curve object."""

from __future__ import annotations

import bpy
import numpy as np

from engine.link.geometry import Bounds

from .. import curve_views, rigs
from ..placement import is_evaluated, not_evaluated, world_matrix
from .layout import FreeLayout


class AlongCurve(FreeLayout):
    identifier, number, label = "ALONG_CURVE", 7, "Along a Curve"
    description = "Cameras at even steps along a curve object"
    settings = ("training_views", "curve", "curve_look", "curve_target")
    details = ("field_of_view",)
    is_framed = True  # with the settings At Bounds

    def objects(self, scene: bpy.types.Scene) -> list[bpy.types.Object]:
        settings = scene.hashlight.capture
        return [obj for obj in (settings.curve, settings.curve_target) if obj is not None]

    def matrices(
        self, scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray, slopes: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        settings = scene.hashlight.capture
        if settings.curve is None:
            raise ValueError("choose the Curve that cameras stand along")
        lines = _lines(settings.curve)
        training, held_out = curve_views.shares(
            settings.training_views, settings.held_out_views, curve_views.is_closed(lines)
        )
        poses = [self._look(settings, subject, *curve_views.along_lines(lines, at)) for at in (training, held_out)]
        return poses[0][rigs.spread_order(poses[0][:, :3, 3])], poses[1]

    def _look(
        self, settings: bpy.types.PropertyGroup, subject: np.ndarray, positions: np.ndarray, tangents: np.ndarray
    ) -> np.ndarray:
        if settings.curve_look == "TANGENT":
            poses = rigs.look_at(-tangents, np.zeros(3))
            poses[:, :3, 3] = positions
            return poses
        if settings.curve_look == "CENTER":
            look, target = rigs.look_at_middle, subject
        elif settings.curve_target is None:
            raise ValueError("choose the Target that cameras look at")
        else:
            depsgraph = bpy.context.evaluated_depsgraph_get()
            look, target = rigs.look_at, np.array(world_matrix(settings.curve_target, depsgraph).translation)
        try:
            return look(positions, target)
        except ValueError:
            words = f"{settings.curve.name} leads a camera through the point that it looks at"
            raise ValueError(f"{words}: move the curve, or choose another Look") from None


def _lines(curve: bpy.types.Object) -> list[np.ndarray]:
    """The lines [n, 3] of a curve object in world space, as evaluated. Raises ValueError."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    if not is_evaluated(curve, depsgraph.view_layer):
        raise ValueError(not_evaluated(curve))
    evaluated = curve.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        if mesh is None or len(mesh.polygons):
            raise ValueError(f"{curve.name} has a surface (Bevel, Extrude): cameras need a bare curve to stand along")
        points = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", points)
        edges = np.empty(len(mesh.edges) * 2, np.int32)
        mesh.edges.foreach_get("vertices", edges)
    finally:
        evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world)
    world = points.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    lines = curve_views.chain_edges(world, edges.reshape(-1, 2))
    if not lines:
        raise ValueError(f"{curve.name} has no points to stand along")
    return lines
