"""Arrows on the six faces of the bounds: dragging one moves that face alone."""

from __future__ import annotations

import contextlib
import itertools
import math

import bpy
import numpy as np
from bpy.props import BoolProperty, IntProperty
from bpy_extras.view3d_utils import region_2d_to_origin_3d, region_2d_to_vector_3d
from mathutils import Matrix, Vector

from engine.link.geometry import Bounds

from .. import roles
from ..layout import is_tab_shown
from . import plan_drawing, plan_watch, temporary_scene
from .bounds import bounds_object, move_bounds, read_bounds
from .errors import CaptureError
from .layouts.table import layout_of
from .plan import follow_bounds, has_to_follow
from .render_differences import objects_that_differ
from .subject import guess_subject

_THINNEST = 1e-3  # of the box, as a share of what its side was when the drag began
_SLOW = 0.1  # how fast the face follows the mouse while Shift is held
_STEM, _HEAD = 0.4, 0.25  # of an arrow: their lengths, in sizes of a gizmo
_THIN, _WIDE = 0.012, 0.08  # their radii
_SIDES = 12
_HIDDEN_ABOVE = 0.97  # cosine between arrow and line of sight: seen from the end, an arrow can't be dragged


class HASHLIGHT_OT_drag_bounds_face(bpy.types.Operator):
    bl_idname = "hashlight.drag_bounds_face"
    bl_label = "Drag Bounds"
    bl_description = "Move this face of the bounds. Shift: slowly. Esc or right click: back to where it was"
    bl_options = {"UNDO", "BLOCKING", "INTERNAL"}

    axis: IntProperty(name="Axis", description="0 to 2: the axis that the face is across", min=0, max=2)
    is_upper: BoolProperty(name="Upper", description="The face at the higher end of the axis")

    _begun: Bounds  # the box when the drag began
    _matrix: Matrix
    _along: float  # the place on the axis that the mouse is at
    _moved: float

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.region_data is not None and bounds_object(context.scene) is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        obj = bounds_object(context.scene)
        assert obj is not None
        try:
            self._begun = read_bounds(context.scene, context.evaluated_depsgraph_get())
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._matrix = obj.matrix_basis.copy()
        mouse = (event.mouse_region_x, event.mouse_region_y)
        if event.value == "CLICK_DRAG":  # known as such only some pixels after the button was pressed
            mouse = (event.mouse_prev_press_x - context.region.x, event.mouse_prev_press_y - context.region.y)
        self._along, self._moved = self._place_on_axis(context, mouse), 0.0
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        is_pressed = event.value == "PRESS"
        obj = bounds_object(context.scene)
        if obj is None or (event.type in {"ESC", "RIGHTMOUSE"} and is_pressed):
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}:
            along = self._place_on_axis(context, (event.mouse_region_x, event.mouse_region_y))
            self._moved += (along - self._along) * (_SLOW if event.shift else 1.0)
            self._along = along
            self._show(context, obj)
        elif (event.type == "LEFTMOUSE" and event.value == "RELEASE") or (event.type == "RET" and is_pressed):
            context.area.header_text_set(None)
            if objects_that_differ(context.view_layer):  # the check that comes soon knows what the viewport shows
                plan_watch.follow_exactly(context)
            return {"FINISHED"}
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Put the box, and the cameras around it, back to where they were."""
        context.area.header_text_set(None)
        if (obj := bounds_object(context.scene)) is not None:
            obj.matrix_basis = self._matrix
            self._follow(context, self._begun)

    def _show(self, context: bpy.types.Context, obj: bpy.types.Object) -> None:
        low, high = self._begun.minimum.copy(), self._begun.maximum.copy()
        thinnest = _THINNEST * self._begun.size[self.axis]
        if self.is_upper:
            high[self.axis] = max(high[self.axis] + self._moved, low[self.axis] + thinnest)
        else:
            low[self.axis] = min(low[self.axis] + self._moved, high[self.axis] - thinnest)
        bounds = Bounds(low, high)
        move_bounds(obj, bounds)
        self._follow(context, bounds)
        units = context.scene.unit_settings
        sides = (bounds.size * units.scale_length).tolist()
        size = " x ".join(bpy.utils.units.to_string(units.system, "LENGTH", side, precision=4) for side in sides)
        context.area.header_text_set(f"Bounds {size}")

    def _follow(self, context: bpy.types.Context, bounds: Bounds) -> None:
        if layout_of(context.scene).is_quick:  # cameras of other layouts follow once the box stands still
            with contextlib.suppress(CaptureError):  # told when cameras are planned by hand
                if has_to_follow(context.scene, bounds):
                    follow_bounds(context.scene, bounds, guess_subject(context.scene, bounds), is_guess=True)
        plan_drawing.look_again()
        context.area.tag_redraw()

    def _place_on_axis(self, context: bpy.types.Context, mouse: tuple[float, float]) -> float:
        """How far along the axis the point of it is that is nearest to what is under pixel ``mouse`` of the region."""
        ray = np.array(region_2d_to_vector_3d(context.region, context.region_data, mouse))
        start = np.array(region_2d_to_origin_3d(context.region, context.region_data, mouse))
        offset = face_center(self._begun, self.axis, self.is_upper) - start
        # The nearest points of two lines, one of them along a unit axis; the arrow is hidden where they are parallel.
        across = 1.0 - ray[self.axis] ** 2
        return float((ray[self.axis] * (ray @ offset) - offset[self.axis]) / max(across, 1e-6))


class HASHLIGHT_GT_face_arrow(bpy.types.Gizmo):
    """Blender's own arrow would follow the mouse by itself, beside the face that it is on."""

    bl_idname = "HASHLIGHT_GT_face_arrow"

    __slots__ = ("grip", "shape")

    def setup(self) -> None:
        if not hasattr(self, "shape"):
            arrow = _cone(0.0, _STEM, _THIN, _THIN) + _cone(_STEM, _STEM + _HEAD, _WIDE, 0.0)
            self.shape = self.new_custom_shape("TRIS", arrow)
            self.grip = self.new_custom_shape("TRIS", _cone(0.0, _STEM + _HEAD, _WIDE, _WIDE))

    def draw(self, context: bpy.types.Context) -> None:
        self.draw_custom_shape(self.shape)

    def draw_select(self, context: bpy.types.Context, select_id: int) -> None:
        self.draw_custom_shape(self.grip, select_id=select_id)


class HASHLIGHT_GGT_bounds(bpy.types.GizmoGroup):
    bl_idname = "HASHLIGHT_GGT_bounds"
    bl_label = "Bounds"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"3D", "PERSISTENT", "SHOW_MODAL_ALL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.hashlight.capture.show_plan or temporary_scene.is_there():
            return False
        if roles.is_looked_through(context.space_data, "viewer"):  # before the pictures that are compared
            return False
        obj = bounds_object(context.scene) if is_tab_shown(context.area) else context.active_object
        return obj is not None and obj == bounds_object(context.scene)

    def setup(self, context: bpy.types.Context) -> None:
        colors = context.preferences.themes[0].user_interface
        for axis, color in enumerate((colors.axis_x, colors.axis_y, colors.axis_z)):
            for is_upper in (False, True):
                arrow = self.gizmos.new(HASHLIGHT_GT_face_arrow.bl_idname)
                target = arrow.target_set_operator("hashlight.drag_bounds_face")
                target.axis, target.is_upper = axis, is_upper
                arrow.color, arrow.alpha = color, 0.7
                arrow.color_highlight, arrow.alpha_highlight = color, 1.0
                arrow.use_draw_modal = True

    def draw_prepare(self, context: bpy.types.Context) -> None:
        try:
            bounds = read_bounds(context.scene, context.view_layer.depsgraph)
        except CaptureError:
            for arrow in self.gizmos:
                arrow.hide = True
            return
        view = context.region_data
        for index, arrow in enumerate(self.gizmos):
            axis, is_upper = index // 2, bool(index % 2)
            center = Vector(face_center(bounds, axis, is_upper))
            direction = Vector([(1.0 if is_upper else -1.0) * (axis == other) for other in range(3)])
            sight = view.view_matrix.to_3x3()[2]
            if view.is_perspective:
                sight = center - view.view_matrix.inverted().translation
            arrow.hide = abs(sight.normalized().dot(direction)) > _HIDDEN_ABOVE
            arrow.matrix_basis = Matrix.Translation(center) @ direction.to_track_quat("Z", "Y").to_matrix().to_4x4()


def _cone(low: float, high: float, wide: float, thin: float) -> list[tuple[float, float, float]]:
    """Corners of the triangles of a closed-off cone along +Z, ``wide`` at ``low`` and ``thin`` at ``high``."""
    triangles = []
    turns = np.linspace(0.0, 2.0 * np.pi, _SIDES + 1).tolist()
    for one, other in itertools.pairwise(turns):
        rim = [(math.cos(turn), math.sin(turn)) for turn in (one, other)]
        a, b = ((wide * x, wide * y, low) for x, y in rim)
        c, d = ((thin * x, thin * y, high) for x, y in rim)
        triangles += [a, b, d, a, d, c, (0.0, 0.0, low), b, a]
    return triangles


def face_center(bounds: Bounds, axis: int, is_upper: bool) -> np.ndarray:
    """The middle [3] of one face of ``bounds``, in world space."""
    center = bounds.center.copy()
    center[axis] = (bounds.maximum if is_upper else bounds.minimum)[axis]
    return center


CLASSES = (HASHLIGHT_OT_drag_bounds_face, HASHLIGHT_GT_face_arrow, HASHLIGHT_GGT_bounds)
