"""What to warn of: settings under which a field learns less of a capture than it could, bounds that cut the subject."""

from __future__ import annotations

from typing import Literal

import bpy
import numpy as np

from engine.link.capture_format import ViewRecord
from engine.link.geometry import Bounds, Camera

from .layouts.table import layout_of
from .lights import BLACK, has_world_volume, lighting_of
from .plan_warnings import CAMERAS, FIT, LIGHTS, OUTSIDE, WITH_CYCLES, Cure, PlanWarning, list_names, select, unpack
from .sight import instanced_by

Blank = Literal["nothing", "black", "white", "one colour"]

_BLANK_WORDS: dict[Blank, str] = {
    "nothing": "show nothing",
    "black": "are black",
    "white": "are white all over",
    "one colour": "are of one colour all over",
}
_CURES: dict[Blank, str] = {
    "nothing": "nothing that renders is in front of their cameras",
    "black": "is there a light? It may be off, hidden from renders, or shut out by what is around the subject",
    "white": "there is too much light, turn lights or the world down",
    "one colour": "their cameras look at a bare surface, or stand inside something, move them",
}
_WORLD_VOLUME = "the world's volume is before all that cameras see, unlink Volume from the World Output"
_WHITES = {"AgX": 16.0, "Filmic": 16.0, "Filmic Log": 16.0, "Khronos PBR Neutral": 16.0}  # light that is shown as white
_EVEN = 1 / 255
# Above this share of a picture's subject outside the bounds, they cut it.
_CUT_SHARE = 0.02


class Findings:
    """What is found wrong with a capture, its views one by one as they come."""

    def __init__(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, bounds: Bounds) -> None:
        self.told: list[PlanWarning] = []  # of the capture as a whole
        self.is_subject_seen = False  # in any view
        self._engine = engine_name(scene)
        self._wants_depth = scene.hashlight.capture.use_depth
        self._exposure = 2.0**scene.view_settings.exposure
        self._white = _WHITES.get(scene.view_settings.view_transform, 1.0)
        # Shadows alone, all black, lie on no surface that bounds could cut off. (Lights have that flag, too.)
        shown = (part for obj in scene.objects for part in (obj, *instanced_by(obj)))
        has_catchers = any(obj.is_shadow_catcher and obj.type != "LIGHT" for obj in shown)
        self._has_bare_shadows = scene.render.engine == "CYCLES" and has_catchers
        self._without_depth: list[str] = []
        self._bounds = bounds
        self._has_world_volume = has_world_volume(scene)
        self._lighting = lighting_of(scene, view_layer)
        self._lights = sorted(obj.name for obj in scene.objects if obj.type == "LIGHT")
        self._scene = scene.name
        self._is_inside = layout_of(scene).identifier == "INSIDE"  # and may look out of the room
        self._cameras: dict[str, str] = {}  # of the views, by their names
        self._blank: dict[Blank, list[str]] = {}  # views from which nothing is learnt, by what they show
        self._cut: dict[str, float] = {}  # which share of what they show is outside the bounds

    def check_view(self, view: ViewRecord, color: np.ndarray, depth: np.ndarray | None) -> None:
        """Look at a view: ``color`` [H, W, 4], ``depth`` [H, W] planar z or None. From any thread."""
        name = view.name
        self._cameras[name] = view.source
        blank = find_blank(color, self._exposure, self._white)
        if blank is not None:
            self._blank.setdefault(blank, []).append(name)
        if blank == "nothing":
            return
        self.is_subject_seen = True
        if depth is None and self._wants_depth:
            self._without_depth.append(name)
        if depth is not None:
            alpha = color[..., 3]
            if self._has_bare_shadows:
                alpha = np.where((color[..., :3] > 0).any(axis=2), alpha, 0.0)
            outside = share_outside_bounds(view.camera, alpha, depth, self._bounds)
            if outside > _CUT_SHARE:
                self._cut[name] = outside

    def warnings(self, total: int) -> list[PlanWarning]:
        """A warning of each kind of thing, of a capture of ``total`` views."""
        warnings = list(self.told)
        for blank, names in self._blank.items():
            reason, cures = self._explain(blank)
            words = f"{len(names)} of {total} views {_BLANK_WORDS[blank]} ({list_names(names)}): {reason}"
            cameras = select(sorted({self._cameras[name] for name in names}), CAMERAS)
            warnings.append(PlanWarning(words, (*cures, cameras)))
        if self._cut:
            told = self._find_plan_cures()
            warnings.append(PlanWarning(self._describe_cut(is_told=bool(told)), told or (FIT,)))
        if self._without_depth:
            words = (
                f"{self._engine} gave no depth in {len(self._without_depth)} of {total} views: the field learns "
                "from their colours alone, so more are needed. Cycles, EEVEE and Workbench give depth"
            )
            warnings.append(PlanWarning(words, (WITH_CYCLES,)))
        return warnings

    def _explain(self, blank: Blank) -> tuple[str, tuple[Cure, ...]]:
        """Why views show nothing that could be learnt, as far as that is known, with what puts it right."""
        darkness = self._lighting.darkness(self._bounds.radius) if blank == "black" else None
        if darkness is not None:
            return f"{darkness.reason}. {darkness.cure}", darkness.buttons
        if self._has_world_volume and blank != "nothing":
            return _WORLD_VOLUME, ()
        lights = (select(self._lights, LIGHTS),) if blank in ("black", "white") and self._lights else ()
        exposure = self._lighting.film * self._lighting.display
        if blank == "white" and exposure > 1.0:
            return f"exposure multiplies light by {exposure:.3g}, turn it, lights or the world down", lights
        return _CURES[blank], lights

    def _find_plan_cures(self) -> tuple[Cure, ...]:
        """The buttons beside what the plan says of parts outside the bounds, which may end there on purpose; none if it
        says nothing of them."""
        scene = bpy.data.scenes.get(self._scene)
        findings = () if scene is None else scene.hashlight.capture.plan_findings
        told = (finding.cures for finding in findings if OUTSIDE in finding.words)
        return tuple(unpack(next(told, "")))

    def _describe_cut(self, is_told: bool) -> str:
        worst = max(self._cut, key=lambda name: self._cut[name])
        views = (
            f"{len(self._cut)} of {len(self._cameras)} views, most in {worst} ({self._cut[worst]:.0%} of what it shows)"
        )
        if self._is_inside:
            words = f"The bounds end before what is seen in {views}: behind a window it is not learnt. Fit them"
            return f"{words} if they cut the room"
        words = f"The bounds cut off part of what is seen in {views}: it is not learnt"
        if is_told:
            return f"{words}. Leave it out of the capture, or fit the bounds to it"
        return f"{words}. Fit them, or leave it out of the capture if it isn't the subject"


def engine_name(scene: bpy.types.Scene) -> str:
    """What the scene's render engine is called in Blender's interface."""
    return bpy.types.UILayout.enum_item_name(scene.render, "engine", scene.render.engine)


def is_empty(color: np.ndarray) -> bool:
    """Whether a picture [H, W, 4] shows nothing at all."""
    return not (color[..., 3] > 0).any()


def find_blank(color: np.ndarray, exposure: float, white: float) -> Blank | None:
    """What a scene-linear picture [H, W, 4] shows that nothing can be learnt from, None for any other.

    Black and white are what is displayed so, where ``exposure`` multiplies light and ``white`` is the least that is
    shown as white; a picture of one colour is one with nothing behind it, for before nothing, it has an outline.
    """
    if is_empty(color):
        return "nothing"
    shown = color[color[..., 3] > 0.5, :3].astype(np.float32) * exposure
    if len(shown) == 0:
        return None
    if shown.max() < BLACK:
        return "black"
    if shown.min() >= white:
        return "white"
    is_filled = (color[..., 3] > 0.5).all()
    spread = (shown.max(axis=0) - shown.min(axis=0)).max()
    return "one colour" if is_filled and spread < _EVEN * shown.max() else None


def share_outside_bounds(camera: Camera, alpha: np.ndarray, depth: np.ndarray, bounds: Bounds) -> float:
    """Which share (0..1) of the opaque pixels of a view shows a surface outside ``bounds``.

    ``alpha`` [H, W], ``depth`` [H, W] planar z.
    """
    rows, columns = np.nonzero((alpha > 0.5) & np.isfinite(depth))
    if len(rows) == 0:
        return 0.0
    z = depth[rows, columns].astype(np.float64)
    local = np.stack(
        ((columns + 0.5 - camera.cx) / camera.fx * z, -(rows + 0.5 - camera.cy) / camera.fy * z, -z), axis=1
    )
    world = local @ camera.camera_to_world[:3, :3].T + camera.position
    slack = 1e-3 * bounds.size
    inside = ((world >= bounds.minimum - slack) & (world <= bounds.maximum + slack)).all(axis=1)
    return float(1.0 - inside.mean())
