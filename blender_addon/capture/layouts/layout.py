"""What all layouts share, and the three kinds of them."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import bpy
import numpy as np

from engine.link.geometry import Bounds


class Source(NamedTuple):
    """A view of a layout that plans no cameras: through the object ``camera``, at ``frame`` or whenever. ``name`` need
    not be fit for a file."""

    name: str
    camera: str
    frame: int | None = None


class LeftOut(NamedTuple):
    """A camera through which no view is taken although it is among those that the layout is about. ``why``: what is
    unfit in it, or "" where it is in another scene, ``scene``. ``views``: how many there would be."""

    camera: str
    why: str
    scene: str
    views: int


class Layout:
    """A choice for *Cameras*. A layout reads its settings from ``scene.hashlight.capture``."""

    identifier: ClassVar[str]
    number: ClassVar[int]  # what a .blend keeps: never to be changed
    label: ClassVar[str]
    description: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ("training_views",)  # names of those in the panel
    details: ClassVar[tuple[str, ...]] = ()  # names of those in its subpanel
    is_generated: ClassVar[bool] = True  # whether cameras are planned for it
    is_animated: ClassVar[bool] = False  # whether its views are of several frames
    is_framed: ClassVar[bool] = False  # whether its cameras go by what is visible inside the bounds
    is_quick: ClassVar[bool] = True  # whether its cameras can be worked out while the viewport is drawn
    field_of_view: ClassVar[str] = "field_of_view"  # the setting with its planned cameras' opening angle

    def objects(self, scene: bpy.types.Scene) -> list[bpy.types.Object]:
        """Whose place or shape, besides the bounds', decides where the cameras stand."""
        return []

    def smaller_box(
        self,
        scene: bpy.types.Scene,
        view_layer: bpy.types.ViewLayer,
        depsgraph: bpy.types.Depsgraph,
        bounds: Bounds,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The corners [3] and [3] of what the layout is about, where that is not all that is visible, which lies in
        ``bounds``."""
        return None


class AroundLayout(Layout):
    """Cameras that look at the middle of the bounds from around it."""

    is_framed = True
    details = ("field_of_view", "radius", "margin", "jitter", "seed")

    def directions(self, scene: bpy.types.Scene, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Directions [n, 3] of the training views, in order of capture, and of the held-out views. Raises ValueError
        for settings that make none."""
        raise NotImplementedError


class FreeLayout(Layout):
    """Cameras that stand anywhere and look anywhere."""

    is_quick = False

    def matrices(
        self, scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray, slopes: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """``camera_to_world`` [n, 4, 4] of the training views, in order of capture, and of the held-out views.

        ``subject``: points [n, 3] of what is visible inside ``bounds``. ``slopes``: half the width and height of what a
        camera sees one metre before it. Raises ValueError when the scene or the settings make none.
        """
        raise NotImplementedError


class OwnLayout(Layout):
    """The scene's own cameras: none are planned."""

    is_generated = False

    def sources(self, scene: bpy.types.Scene) -> list[Source]:
        """The views in their natural order. Raises ValueError when there are none."""
        raise NotImplementedError

    def left_out(self, scene: bpy.types.Scene) -> list[LeftOut]:
        """The cameras through which no view is taken, and why."""
        raise NotImplementedError
