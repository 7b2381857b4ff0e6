"""What the checks of a plan need to know of a scene besides its surfaces, gathered a little at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Sequence

import bpy
import numpy as np

from .cameras import capture_size, find_camera
from .displacement import displacement_of
from .drawn_engines import find_blended_materials
from .errors import CaptureError
from .frame_handlers import foreign_handlers
from .layouts.layout import AroundLayout, Layout, OwnLayout
from .layouts.table import layout_of
from .lights import Lighting, has_world_volume, lighting_of
from .look_changes import LookChange, change_of_material, changes_of_scene
from .materials import Trouble, shows_volume, troubles_of
from .missing_files import missing_of_object, missing_of_tree
from .movement import Movement
from .node_sockets import target_of
from .passed_over import OtherLayers, hidden_helpers, other_layers, passed_over, unseen_objects
from .plan import fault, planned_views
from .sight import shown_names
from .simulations import frames_to_play, uncached_rigid_bodies, uncached_simulations
from .surroundings import Surroundings
from .view_dependence import follows_camera, objects_that_follow_camera


def settings_checked(scene: bpy.types.Scene) -> tuple[object, ...]:
    """The settings of ``scene``, besides Hashlight's own, that what is wrong with a plan depends on."""
    render = scene.render
    return (
        *(scene.frame_current, scene.frame_start, scene.frame_end),
        *(None if scene.camera is None else scene.camera.name, render.engine),
        *(render.resolution_x, render.resolution_y, render.resolution_percentage),
        *(render.pixel_aspect_x, render.pixel_aspect_y),
        *(render.use_motion_blur, render.use_simplify, *passed_over(scene), *foreign_handlers()),
        *(scene.view_settings.exposure, scene.cycles.film_exposure if hasattr(scene, "cycles") else 1.0),
        *((layer.name, layer.use) for layer in scene.view_layers),
    )


@dataclasses.dataclass(frozen=True)
class Difficult:
    """A material that is difficult to learn: how much so, and the objects that have it."""

    material: str
    amount: float
    objects: tuple[str, ...]


class SceneFacts:
    """Facts of ``scene`` and of what ``surroundings`` holds, whole once ``gather`` has returned True.

    ``unseen``: names of objects that ``surroundings`` has not as renders show them.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        view_layer: bpy.types.ViewLayer,
        surroundings: Surroundings,
        unseen: Sequence[str] = (),
    ) -> None:
        settings = scene.hashlight.capture
        self.unseen = unseen
        self.invalid = sorted(surroundings.invalid)  # objects with points that have no numbers for where they are
        self.view_layer: str = view_layer.name
        self.layout: Layout = layout_of(scene)
        # Cameras look at what is visible from places that are given.
        self.is_aimed = self.layout.identifier == "ALONG_CURVE" and settings.curve_look == "CENTER"
        # The free room around what each camera was framed to, None where none was.
        is_framed = isinstance(self.layout, AroundLayout) and settings.radius == 0.0
        self.margin: float | None = settings.margin if is_framed else None
        self.fault = fault(scene)
        self.frame = scene.frame_current
        self.engine: str = scene.render.engine
        self.use_depth: bool = settings.use_depth
        self.collection: str | None = None if settings.collection is None else settings.collection.name
        # The scene camera's place [3].
        self.eye = None if scene.camera is None else np.array(scene.camera.matrix_world.translation)
        self.width = capture_size(scene)[0]
        self.left_out = self.layout.left_out(scene) if isinstance(self.layout, OwnLayout) else []
        self.passed_over = passed_over(scene)
        # Over how many frames, 0 without motion blur.
        self.shutter: float = scene.render.motion_blur_shutter if scene.render.use_motion_blur else 0.0
        own = _own_cameras(scene) if isinstance(self.layout, OwnLayout) else []
        self._movement = Movement(scene)
        self.out_of_focus = [camera.name_full for camera in own if self._is_out_of_focus(camera)]
        # From and to which distance cameras of the scene's own show anything, metres.
        self.clips = {camera.name_full: (camera.data.clip_start, camera.data.clip_end) for camera in own}
        self.lighting = Lighting()
        self.other_layers = OtherLayers()
        self.has_world_volume = has_world_volume(scene)
        self.handlers = foreign_handlers()
        self.instead: dict[str, list[str]] = {}
        self.blended: list[str] = []
        self.moving: list[str] = []
        self._frames = scene.frame_start, scene.frame_end
        last = scene.frame_end if self.layout.is_animated else scene.frame_current
        self.rigid_bodies = uncached_rigid_bodies(scene, last)
        self.frames_to_play = len(frames_to_play(scene, last))
        self.uncached: list[str] = []  # simulations, where views of several frames are captured
        self.missing: set[str] = set()  # names of files
        self.look_changes: list[LookChange] = []  # of what looks otherwise at other frames
        self.difficult: dict[Trouble, list[Difficult]] = {}
        self.volumes: set[str] = set()  # objects that are seen through, and have no depth of their own
        self.displaced: list[Difficult] = []  # by how many metres at most, as far as numbers tell
        self.following: dict[str, tuple[str, ...]] = {}  # objects by the material that follows the camera
        self.followers: list[str] = []  # objects that do so by their modifiers
        self.hidden_helpers: dict[str, list[str]] = {}
        self._scene = scene.name
        self._looks = [self._look_at_light, self._look_at_layers, self._look_at_objects, self._look_at_materials]
        self._looks += [self._look_at_helpers, self._look_at_followers, self._look_at_changes, self._look_at_files]
        self.captured = len(surroundings.owners)  # objects
        self._visible = set(surroundings.owners)
        self._objects = sorted(surroundings.owners)
        self._materials = sorted(surroundings.materials.items())

    def gather(self, seconds: float) -> bool:
        """Go on for about ``seconds``; whether that was all."""
        deadline = time.perf_counter() + seconds
        while self._looks or self._objects or self._materials:
            if self._looks:
                scene = bpy.data.scenes[self._scene]
                self._looks.pop()(scene, scene.view_layers[self.view_layer])
            elif self._objects:
                obj = bpy.data.objects.get(self._objects.pop())
                if obj is not None:
                    self._look_at_object(obj)
            else:
                name, owners = self._materials.pop()
                material = bpy.data.materials.get(name)
                if material is not None:
                    self._look_at(material, tuple(sorted(owners)))
            if time.perf_counter() > deadline:
                break
        return not (self._looks or self._objects or self._materials)

    def _is_out_of_focus(self, camera: bpy.types.Object) -> bool:
        is_switched = self.layout.is_animated and "dof.use_dof" in self._movement.changing(camera.data)
        return camera.data.dof.use_dof or is_switched

    def _look_at_object(self, obj: bpy.types.Object) -> None:
        if self._movement.moves(obj):
            self.moving.insert(0, obj.name)
        if obj.type == "VOLUME":
            self.volumes.add(obj.name)
        if self.layout.is_animated:
            self.uncached += [f"{obj.name}: {name}" for name in uncached_simulations(obj, *self._frames)]

    def _look_at_files(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        shown = shown_names(view_layer, is_captured_alone=False)
        for obj in scene.objects:
            if obj.name in shown and not obj.hide_render:
                self.missing.update(missing_of_object(obj))
                if obj.type == "LIGHT":
                    self.missing.update(missing_of_tree(obj.data.node_tree))
        self.missing.update(missing_of_tree(None if scene.world is None else scene.world.node_tree))

    def _look_at(self, material: bpy.types.Material, owners: tuple[str, ...]) -> None:
        self.missing.update(missing_of_tree(material.node_tree))
        for trouble, amount in troubles_of(material).items():
            self.difficult.setdefault(trouble, []).insert(0, Difficult(material.name, amount, owners))
        if shows_volume(material):
            self.volumes.update(owners)
        if follows_camera(material):
            self.following[material.name] = owners
        if (change := change_of_material(material, owners, self.engine, self._movement)) is not None:
            self.look_changes.append(change)
        if (target := target_of(self.engine)) is not None:
            displacement = displacement_of(material, target)
            if displacement.is_guessed:
                self.displaced.insert(0, Difficult(material.name, displacement.reach, owners))

    def _look_at_light(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.lighting = lighting_of(scene, view_layer)

    def _look_at_layers(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.other_layers = other_layers(scene, view_layer)

    def _look_at_objects(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.instead = unseen_objects(view_layer)

    def _look_at_helpers(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.hidden_helpers = hidden_helpers(view_layer)

    def _look_at_followers(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.followers = objects_that_follow_camera(view_layer)

    def _look_at_changes(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.look_changes = changes_of_scene(scene, view_layer, self._visible, self._movement)

    def _look_at_materials(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        self.blended = find_blended_materials(scene)


def _own_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The cameras of the plan, each once."""
    with contextlib.suppress(CaptureError):
        found = map(find_camera, sorted({view.camera for view in planned_views(scene)}))
        return [camera for camera in found if camera is not None]
    return []
