"""Which objects move or change shape in a scene's frame range, told from what drives them: no frame is stepped to."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from .modifier_uses import groups_of, items_of

_SIMULATED = {"CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT", "EXPLODE"}
_TIMED = {*_SIMULATED, "BUILD", "WAVE", "MESH_CACHE", "MESH_SEQUENCE_CACHE"}  # modifiers that change by themselves
_TIMED_NODES = {"GeometryNodeInputSceneTime", "GeometryNodeSimulationOutput"}
_LOOKS = 9  # frames that a curve is asked for, besides the last and its keys
_GOLDEN = 0.618034  # steps of so much of the frame range, round and round, meet no cycle in the same place
_STILL = 1e-5


class Movement:
    """Tells which objects of ``scene`` move. Not to be kept while anything changes."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._first, self._last = scene.frame_start, scene.frame_end
        self._frames = self._first + (self._last - self._first) * np.append(np.arange(_LOOKS) * _GOLDEN % 1.0, 1.0)
        self._moving: dict[str, bool] = {}  # by the object's name
        self._animated: dict[tuple[str, str], bool] = {}  # by the kind of data and its name

    def moves(self, obj: bpy.types.Object) -> bool:
        """Whether ``obj``, or whatever carries or bends it, is animated or simulated."""
        if obj.name not in self._moving:
            self._moving[obj.name] = False  # also ends circles
            self._moving[obj.name] = self._is_driven(obj) or any(map(self.moves, _carriers(obj)))
        return self._moving[obj.name]

    def _is_driven(self, obj: bpy.types.Object) -> bool:
        if self._is_animated(obj) or self._is_animated(obj.data):
            return True
        if self._is_animated(getattr(obj.data, "shape_keys", None)):
            return True
        if obj.type == "VOLUME" and obj.data.is_sequence:
            return True
        if obj.rigid_body is not None and obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic:
            return True
        if any(each.type == "TRANSFORM_CACHE" and not each.mute for each in obj.constraints):
            return True
        return any(_is_timed(modifier) for modifier in obj.modifiers)

    def _is_animated(self, item: bpy.types.ID | None) -> bool:
        animation = getattr(item, "animation_data", None)
        if item is None or animation is None:
            return False
        key = item.id_type, item.name_full
        if key not in self._animated:
            self._animated[key] = False  # shape keys may drive each other
            self._animated[key] = self._changes(animation)
        return self._animated[key]

    def _changes(self, animation: bpy.types.AnimData) -> bool:
        if any(not track.mute and any(not strip.mute for strip in track.strips) for track in animation.nla_tracks):
            return True
        if any(self._varies(curve) for curve in _curves(animation)):
            return True
        return any(self._is_moved_by(curve.driver) for curve in animation.drivers)

    def _varies(self, curve: bpy.types.FCurve) -> bool:
        if curve.mute or curve.data_path.startswith(("hide_", "color")):
            return False
        keys = np.empty((len(curve.keyframe_points), 2), np.float32)
        curve.keyframe_points.foreach_get("co", keys.reshape(-1))
        is_played = (keys[:, 0] >= self._first) & (keys[:, 0] <= self._last)
        values = np.append(keys[is_played, 1], [curve.evaluate(frame) for frame in self._frames])
        return bool(np.ptp(values) > _STILL)

    def _is_moved_by(self, driver: bpy.types.Driver) -> bool:
        """Whether a driver goes by the frame, or by something that moves."""
        if driver.type == "SCRIPTED" and "frame" in driver.expression:
            return True
        for target in (target for variable in driver.variables for target in variable.targets):
            if isinstance(target.id, bpy.types.Object):
                if self.moves(target.id):
                    return True
            elif "frame_current" in target.data_path or self._is_animated(target.id):
                return True
        return False


def _carriers(obj: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The objects that ``obj`` follows or is bent by."""
    if obj.parent is not None:
        yield obj.parent
    for constraint in obj.constraints:
        if not constraint.mute and getattr(constraint, "target", None) is not None:
            yield constraint.target
    for modifier in obj.modifiers:
        target = getattr(modifier, "object", None)
        if isinstance(target, bpy.types.Object):
            yield target
        for item in items_of(modifier) if modifier.type == "NODES" else ():
            if isinstance(item, bpy.types.Object):
                yield item
            elif isinstance(item, bpy.types.Collection):
                yield from item.all_objects
    if obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
        yield from obj.instance_collection.all_objects
    if obj.pose is not None:
        for bone in obj.pose.bones:
            for constraint in bone.constraints:
                if not constraint.mute and getattr(constraint, "target", None) is not None:
                    yield constraint.target


def _is_timed(modifier: bpy.types.Modifier) -> bool:
    if not modifier.show_render:
        return False
    if modifier.type == "NODES":
        return any(node.bl_idname in _TIMED_NODES for group in groups_of(modifier) for node in group.nodes)
    if modifier.type == "PARTICLE_SYSTEM":
        return modifier.particle_system.settings.type == "EMITTER"
    return modifier.type in _TIMED


def _curves(animation: bpy.types.AnimData) -> Iterator[bpy.types.FCurve]:
    """The curves of the action that is played: those of the slot that is chosen."""
    action = animation.action
    if action is None:
        return
    slot = animation.action_slot
    for layer in action.layers if slot is not None else ():
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                yield from bag.fcurves
