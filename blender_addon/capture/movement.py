"""Which values change in a scene's frame range, and which objects move or change shape by them: told from what drives
them, no frame is stepped to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import bpy
import numpy as np

from .modifier_uses import groups_of, helpers_of

_SIMULATED = {"CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT", "EXPLODE"}
_TIMED = {*_SIMULATED, "BUILD", "WAVE", "MESH_CACHE", "MESH_SEQUENCE_CACHE"}  # modifiers that change by themselves
_TIMED_NODES = {"GeometryNodeInputSceneTime", "GeometryNodeSimulationOutput"}
_WITHOUT_SHAPE = {"CAMERA", "LIGHT", "SPEAKER", "LIGHT_PROBE"}  # what is animated in their data moves nothing
# Settings of an object that say whether and how it is seen, and those that only other things make use of.
_NO_MOVEMENT = ("hide_", "color", "visible_", "is_holdout", "is_shadow_catcher", "show_", "display", "pass_index")
_NO_MOVEMENT += ("cycles.", '["', "lineart.", "lightgroup")
_VIEWPORT_ALONE = (".show_viewport", ".show_in_editmode", ".show_on_cage", ".show_expanded")
_LOOKS = 9  # frames that a curve is asked for, besides the last and its keys
_GOLDEN = 0.618034  # steps of so much of the frame range, round and round, meet no cycle in the same place
_STILL = 1e-5


class Movement:
    """Tells what changes and which objects move in ``scene``. Not to be kept while anything changes."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene = scene
        stretch = scene.render.frame_map_old / scene.render.frame_map_new  # Time Stretching
        self._range = scene.frame_start * stretch, scene.frame_end * stretch
        self._moving: dict[str, bool] = {}  # by the object's full name
        self._changing: dict[int, tuple[str, ...]] = {}  # by the address of what the values are of

    def moves(self, obj: bpy.types.Object) -> bool:
        """Whether ``obj``, or whatever carries or bends it, is animated or simulated."""
        name = obj.name_full
        if name not in self._moving:
            self._moving[name] = False  # also ends circles
            self._moving[name] = self._is_driven(obj) or any(map(self.moves, _carriers(obj)))
        return self._moving[name]

    def changing(self, item: bpy.types.ID | None) -> tuple[str, ...]:
        """The paths of those values of ``item`` that change, by keyframes, NLA strips or drivers."""
        animation = getattr(item, "animation_data", None)
        if item is None or animation is None:
            return ()
        address = item.as_pointer()
        if address not in self._changing:
            self._changing[address] = ()  # shape keys may drive each other
            self._changing[address] = tuple(dict.fromkeys(self._changes(animation)))
        return self._changing[address]

    def _is_driven(self, obj: bpy.types.Object) -> bool:
        paths = self.changing(obj)
        if any(not path.startswith(_NO_MOVEMENT) and not path.endswith(_VIEWPORT_ALONE) for path in paths):
            return True
        if obj.type not in _WITHOUT_SHAPE and any(not path.startswith('["') for path in self.changing(obj.data)):
            return True
        if self.changing(getattr(obj.data, "shape_keys", None)):
            return True
        if obj.type == "VOLUME" and obj.data.is_sequence:
            return True
        if obj.type == "GREASEPENCIL" and self._is_drawn_anew(obj.data):
            return True
        if obj.rigid_body is not None and obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic:
            return True
        if any(each.type == "TRANSFORM_CACHE" and not each.mute for each in obj.constraints):
            return True
        if any(self.changing(system.settings) for system in obj.particle_systems):
            return True
        rendered = [modifier for modifier in obj.modifiers if modifier.show_render]
        return any(_is_timed(modifier) or self._is_changed(modifier) for modifier in rendered)

    def _is_changed(self, modifier: bpy.types.Modifier) -> bool:
        """Whether a modifier's node groups or texture are animated, or its particles come and go."""
        if modifier.type == "NODES":
            return any(map(self.changing, groups_of(modifier)))
        if modifier.type == "PARTICLE_SYSTEM":
            settings = modifier.particle_system.settings
            return settings.type == "EMITTER" and not is_scattered(settings, *self._range)
        texture = getattr(modifier, "texture", None)
        if texture is None:
            return False
        image = getattr(texture, "image", None)
        is_played = image is not None and self.plays(image, texture.image_user)
        return is_played or bool(self.changing(texture)) or bool(self.changing(texture.node_tree))

    def plays(self, image: bpy.types.Image, user: bpy.types.ImageUser) -> bool:
        """Whether a movie or an image sequence shows another picture at other frames."""
        if image.source not in {"MOVIE", "SEQUENCE"} or user.frame_duration <= 1:
            return False
        last = user.frame_start + user.frame_duration - 1
        return user.use_cyclic or bool(self.changing(image)) or self._overlaps(user.frame_start, last)

    def _is_drawn_anew(self, data: bpy.types.GreasePencil) -> bool:
        """Whether a drawing gives way to another."""
        first, last = self._range
        frames = [frame.frame_number for layer in data.layers if not layer.hide for frame in layer.frames]
        return any(first < frame <= last for frame in frames)

    def _overlaps(self, first: float, last: float) -> bool:
        """Whether what goes on from ``first`` to ``last``, and rests before and after, changes in the range."""
        return first < self._range[1] and last > self._range[0]

    def _changes(self, animation: bpy.types.AnimData) -> Iterator[str]:
        for curve in _curves(animation.action, animation.action_slot):
            if np.ptp(_values(curve, *self._range)) > _STILL:
                yield curve.data_path
        outer = [strip for track in animation.nla_tracks if not track.mute for strip in track.strips]
        strips = [strip for each in outer for strip in (each, *each.strips)]  # those of meta strips, too
        played: dict[tuple[str, int], list[np.ndarray]] = {}  # what strips make of a value, one after the other
        for strip in strips if animation.use_nla else ():
            if not strip.mute and self._overlaps(strip.frame_start, strip.frame_end):
                for curve in _curves(strip.action, strip.action_slot):
                    values = _values(curve, strip.action_frame_start, strip.action_frame_end)
                    played.setdefault((curve.data_path, curve.array_index), []).append(values)
        for (path, _), values in played.items():
            if np.ptp(np.concatenate(values)) > _STILL:
                yield path
        for curve in animation.drivers:
            if not curve.mute and self._is_moved_by(curve.driver):
                yield curve.data_path

    def _is_moved_by(self, driver: bpy.types.Driver) -> bool:
        """Whether a driver goes by the frame, or by something that moves."""
        if driver.type == "SCRIPTED" and re.search(r"\bframe\b", driver.expression):
            return True
        return any(self._moves_target(each, target) for each in driver.variables for target in each.targets)

    def _moves_target(self, variable: bpy.types.DriverVariable, target: bpy.types.DriverTarget) -> bool:
        item = self._scene if variable.type == "CONTEXT_PROP" else target.id
        if item is None:
            return False
        if variable.type not in {"SINGLE_PROP", "CONTEXT_PROP"}:
            return isinstance(item, bpy.types.Object) and self.moves(item)
        path = target.data_path
        if "frame_current" in path or "frame_float" in path:
            return True
        if "matrix" in path and isinstance(item, bpy.types.Object):
            return self.moves(item)
        try:
            owner = item.path_resolve(path, False).id_data  # a path may lead through an object to its data
        except (ValueError, AttributeError):
            owner = None
        if owner != item:
            return bool(self.changing(item if owner is None else owner))
        return any(path.startswith(other) or other.startswith(path) for other in self.changing(item))


def _values(curve: bpy.types.FCurve, first: float, last: float) -> np.ndarray:
    """What a curve comes to from frame ``first`` to ``last``: at its keys there, and at a few frames [n]. Nothing where
    it is muted."""
    if curve.mute:
        return np.zeros(1)
    keys = np.empty((len(curve.keyframe_points), 2), np.float32)
    curve.keyframe_points.foreach_get("co", keys.reshape(-1))
    is_played = (keys[:, 0] >= first) & (keys[:, 0] <= last)
    frames = first + (last - first) * np.append(np.arange(_LOOKS) * _GOLDEN % 1.0, 1.0)
    return np.append(keys[is_played, 1], [curve.evaluate(frame) for frame in frames])


def _carriers(obj: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The objects that ``obj`` follows, is bent by or made of."""
    if obj.parent is not None:
        yield obj.parent
    for constraint in obj.constraints:
        if not constraint.mute and getattr(constraint, "target", None) is not None:
            yield constraint.target
    helpers = [helper for modifier in obj.modifiers if modifier.show_render for helper in helpers_of(modifier)]
    helpers += [getattr(obj.data, name, None) for name in ("bevel_object", "taper_object", "follow_curve")]
    for system in obj.particle_systems:
        helpers += [system.settings.instance_object, system.settings.instance_collection]
    if obj.instance_type == "COLLECTION":
        helpers.append(obj.instance_collection)
    for helper in helpers:
        if isinstance(helper, bpy.types.Object):
            yield helper
        elif isinstance(helper, bpy.types.Collection):
            yield from helper.all_objects
    if obj.instance_type in {"VERTS", "FACES"}:
        yield from obj.children
    if obj.pose is not None:
        for bone in obj.pose.bones:
            for constraint in bone.constraints:
                if not constraint.mute and getattr(constraint, "target", None) is not None:
                    yield constraint.target


def is_scattered(settings: bpy.types.ParticleSettings, first: float, last: float) -> bool:
    """Whether particles lie where they were emitted before frame ``first``, and live on till ``last``: so things are
    strewn."""
    lives = settings.lifetime * (1.0 - settings.lifetime_random)
    is_still = settings.physics_type == "NO" and not settings.use_dynamic_rotation
    return is_still and settings.frame_end <= first and settings.frame_start + lives >= last


def _is_timed(modifier: bpy.types.Modifier) -> bool:
    if modifier.type == "NODES":
        return any(node.bl_idname in _TIMED_NODES for group in groups_of(modifier) for node in group.nodes)
    return modifier.type in _TIMED


def _curves(action: bpy.types.Action | None, slot: bpy.types.ActionSlot | None) -> Iterator[bpy.types.FCurve]:
    """The curves of an action that are played: those of the slot that is chosen."""
    if action is None or slot is None:
        return
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                yield from bag.fcurves
