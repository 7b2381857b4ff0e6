"""Materials that renders show nothing of: fully transparent ones, and those that cut holes. Told by the numbers in
their nodes; what a texture decides counts as shown."""

from __future__ import annotations

from typing import Literal, NamedTuple

import bpy

from .displacement import NONE, Displacement, displacement_of, displacement_of_any
from .node_sockets import Groups, source_of, target_of, tree_of, value_of

SeenInstead = Literal["", "nothing", "hole"]

_LEAST = 0.002  # of light, less than half a step of 8 bits

_Place = tuple[int, ...]  # the addresses of a socket and of the groups that it is within


class _Seen(NamedTuple):
    """What a camera sees at a shader, as shares: ``behind``, what is behind it; a ``hole``; and the shader's own."""

    behind: float = 0.0
    hole: float = 0.0
    own: float = 0.0

    def times(self, share: float) -> _Seen:
        return _Seen(self.behind * share, self.hole * share, self.own * share)

    def plus(self, other: _Seen) -> _Seen:
        return _Seen(self.behind + other.behind, self.hole + other.hole, self.own + other.own)


_OPAQUE = _Seen(own=1.0)
_BLACK = _Seen()  # of no shader: it is opaque all the same


class MaterialsSeen:
    """Tells which materials renders of a view layer show nothing of, and which move surfaces. Not to be kept while
    anything changes."""

    def __init__(self, view_layer: bpy.types.ViewLayer) -> None:
        self._target = target_of(view_layer.id_data.render.engine)
        self._override = view_layer.material_override  # in the place of each
        self._known: dict[int, SeenInstead] = {}  # by the material's address

    def hidden_slots(self, obj: bpy.types.Object) -> frozenset[int]:
        """The numbers of the materials of ``obj`` that it shows no surface by."""
        return frozenset(index for index, instead in enumerate(self._instead_of_each(obj)) if instead)

    def is_hole(self, obj: bpy.types.Object) -> bool:
        """Whether all that ``obj`` does is to cut a hole."""
        instead = self._instead_of_each(obj)
        return "hole" in instead and "" not in instead

    def displacement(self, obj: bpy.types.Object) -> Displacement:
        """How far renders move the surface of ``obj``."""
        if self._target is None:
            return NONE
        materials = {each for each in self._materials_of(obj) if each is not None}
        return displacement_of_any(displacement_of(each, self._target) for each in materials)

    def _instead_of_each(self, obj: bpy.types.Object) -> list[SeenInstead]:
        target = self._target
        if target is None:
            return []
        return ["" if each is None else self._instead_of(each, target) for each in self._materials_of(obj)]

    def _materials_of(self, obj: bpy.types.Object) -> list[bpy.types.Material | None]:
        """Those that renders show on ``obj``, by their numbers."""
        materials = getattr(obj.data, "materials", ())
        if self._override is not None:
            return [self._override] * len(materials)
        slots = obj.material_slots  # nodes may set other materials, and more of them
        return [
            slots[index].material if index < len(slots) and slots[index].link == "OBJECT" else material
            for index, material in enumerate(materials)
        ]

    def _instead_of(self, material: bpy.types.Material, target: str) -> SeenInstead:
        key = material.as_pointer()
        if key not in self._known:
            self._known[key] = _seen_instead(material, target)
        return self._known[key]


def _seen_instead(material: bpy.types.Material, target: str) -> SeenInstead:
    tree = tree_of(material)
    if tree is None:
        return ""
    output = tree.get_output_node(target)
    if output is None or output.inputs["Volume"].is_linked:
        return ""
    seen = _shader(output.inputs["Surface"], (), {})
    if seen.own > _LEAST or seen.behind + seen.hole < 1.0 - _LEAST:
        return ""
    return "hole" if seen.hole > _LEAST else "nothing"


def _shader(socket: bpy.types.NodeSocket, groups: Groups, known: dict[_Place, _Seen]) -> _Seen:
    """What a camera sees of the shader that comes in through ``socket``; ``known``: of places that were asked for."""
    source, groups = source_of(socket, groups)
    if source is None:
        return _OPAQUE
    if not source.is_output:
        return _BLACK
    place = (source.as_pointer(), *(group.as_pointer() for group in groups))
    if place not in known:
        known[place] = _OPAQUE  # also ends circles
        known[place] = _shader_of(source.node, groups, known)
    return known[place]


def _shader_of(node: bpy.types.Node, groups: Groups, known: dict[_Place, _Seen]) -> _Seen:
    if node.bl_idname == "ShaderNodeBsdfTransparent":
        color = value_of(node.inputs["Color"], groups)
        return _OPAQUE if color is None else _Seen(behind=min(*color, 1.0))
    if node.bl_idname == "ShaderNodeHoldout":
        return _Seen(hole=1.0)
    if node.bl_idname == "ShaderNodeBsdfPrincipled":
        alpha = _share(node.inputs["Alpha"], groups)
        return _OPAQUE if alpha is None else _Seen(behind=1.0 - alpha, own=alpha)
    if node.bl_idname == "ShaderNodeMixShader":
        share = _share(node.inputs[0], groups)
        first, second = (_shader(each, groups, known) for each in node.inputs[1:3])
        share = 0.5 if share is None else share  # somewhere between
        return first.times(1.0 - share).plus(second.times(share))
    if node.bl_idname == "ShaderNodeAddShader":
        first, second = (_shader(each, groups, known) for each in node.inputs[:2])
        return first.plus(second)
    return _OPAQUE


def _share(socket: bpy.types.NodeSocket, groups: Groups) -> float | None:
    """The number, 0..1, that comes in through ``socket``; None where it isn't one number everywhere."""
    value = value_of(socket, groups)
    return None if value is None or len(set(value)) > 1 else min(max(value[0], 0.0), 1.0)
