"""Which objects move or change shape in a scene's frame range, told from what drives them: no frame is stepped to."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

_SIMULATED = {"CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT", "EXPLODE", "MESH_SEQUENCE_CACHE"}
_TIMED_NODES = {"GeometryNodeInputSceneTime", "GeometryNodeSimulationOutput"}
_LOOKS = 9  # frames that a curve is asked for


class Movement:
    """Tells which objects of ``scene`` move. Not to be kept while anything changes."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._frames = np.linspace(scene.frame_start, scene.frame_end, _LOOKS)
        self._known: dict[str, bool] = {}  # by the object's name

    def moves(self, obj: bpy.types.Object) -> bool:
        """Whether ``obj``, or whatever carries or bends it, is animated or simulated."""
        if obj.name not in self._known:
            self._known[obj.name] = False  # also ends circles
            self._known[obj.name] = self._is_driven(obj) or any(map(self.moves, _carriers(obj)))
        return self._known[obj.name]

    def _is_driven(self, obj: bpy.types.Object) -> bool:
        if self._is_animated(obj) or self._is_animated(obj.data):
            return True
        if self._is_animated(getattr(obj.data, "shape_keys", None)):
            return True
        if obj.rigid_body is not None and obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic:
            return True
        return any(_is_simulated(modifier) for modifier in obj.modifiers)

    def _is_animated(self, item: bpy.types.ID | None) -> bool:
        animation = getattr(item, "animation_data", None)
        if animation is None:
            return False
        if any(not track.mute and any(not strip.mute for strip in track.strips) for track in animation.nla_tracks):
            return True
        return any(self._varies(curve) for curve in _curves(animation)) or any(
            "frame" in driver.driver.expression for driver in animation.drivers
        )

    def _varies(self, curve: bpy.types.FCurve) -> bool:
        if curve.mute or curve.data_path.startswith(("hide_", "color")):
            return False
        values = [curve.evaluate(frame) for frame in self._frames]
        return max(values) - min(values) > 1e-5


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
    if obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
        yield from obj.instance_collection.all_objects
    if obj.pose is not None:
        for bone in obj.pose.bones:
            for constraint in bone.constraints:
                if not constraint.mute and getattr(constraint, "target", None) is not None:
                    yield constraint.target


def _is_simulated(modifier: bpy.types.Modifier) -> bool:
    if not modifier.show_render:
        return False
    if modifier.type == "NODES" and modifier.node_group is not None:
        return any(node.bl_idname in _TIMED_NODES for node in modifier.node_group.nodes)
    if modifier.type == "PARTICLE_SYSTEM":
        return modifier.particle_system.settings.type == "EMITTER"
    return modifier.type in _SIMULATED


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
