"""What lights a scene in renders, told from its objects, materials and world."""

from __future__ import annotations

import dataclasses

import bpy

from .materials import gives_light, surface_nodes
from .modifier_uses import items_of
from .node_sockets import target_of
from .sight import shown_names

_LIT_ENGINES = ("CYCLES", "EEVEE")  # the others have light of their own, or can't be known


@dataclasses.dataclass(frozen=True)
class Lighting:
    """``is_dark``: renders show nothing but black. ``hidden``: names of lights that renders leave out, or that have no
    power."""

    is_dark: bool
    hidden: tuple[str, ...]


def lighting_of(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> Lighting:
    """How renders of ``view_layer`` are lit."""
    if not any(engine in scene.render.engine for engine in _LIT_ENGINES):
        return Lighting(False, ())
    rendered = _rendered_objects(scene, view_layer)
    shown = {obj.name for obj in rendered}
    lights = [obj for obj in {*rendered, *scene.objects} if obj.type == "LIGHT"]
    if any(obj.name in shown and _has_power(obj.data) for obj in lights):
        return Lighting(False, ())
    is_dark = not _world_gives_light(scene.world) and not any(map(_has_light, rendered))
    return Lighting(is_dark, tuple(sorted(obj.name for obj in lights)) if is_dark else ())


def _rendered_objects(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """The objects that take part in renders, those of instanced collections included."""
    shown = shown_names(view_layer, is_captured_alone=False)
    found = {obj: None for obj in scene.objects if obj.name in shown and not obj.hide_render}
    waiting = list(found)
    while waiting:
        obj = waiting.pop()
        if obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
            members = [each for each in obj.instance_collection.all_objects if not each.hide_render]
            waiting += [each for each in members if each not in found]
            found |= dict.fromkeys(members)
    return list(found)


def _has_power(light: bpy.types.Light) -> bool:
    if light.use_nodes if hasattr(light, "use_nodes") else light.node_tree is not None:
        return light.energy != 0.0
    return light.energy != 0.0 and max(light.color) > 0.0


def _has_light(obj: bpy.types.Object) -> bool:
    """Whether a material of ``obj`` gives light, or its nodes may make something that does."""
    used = [slot.material for slot in obj.material_slots] + list(getattr(obj.data, "materials", ()))
    for modifier in obj.modifiers:
        used += items_of(modifier) if modifier.type == "NODES" else ()
    for item in used:
        if isinstance(item, bpy.types.Material) and gives_light(item):
            return True
        if isinstance(item, bpy.types.Object) and item.type == "LIGHT":
            return True
        if isinstance(item, bpy.types.Collection) and any(each.type == "LIGHT" for each in item.all_objects):
            return True
    return False


def _world_gives_light(world: bpy.types.World | None) -> bool:
    if world is None:
        return False
    tree = world.node_tree if getattr(world, "use_nodes", True) else None
    if tree is None:
        return max(world.color) > 0.0
    output = tree.get_output_node("ALL") or tree.get_output_node("CYCLES") or tree.get_output_node("EEVEE")
    if output is None:
        return False
    for name in ("Surface", "Volume"):
        for node in surface_nodes(output.inputs[name]):
            if node.bl_idname != "ShaderNodeBackground":
                if not any(socket.type == "SHADER" and socket.is_linked for socket in node.inputs):
                    return True
            elif _may_be_bright(node.inputs["Strength"]) and _may_be_bright(node.inputs["Color"]):
                return True
    return False


def has_world_volume(scene: bpy.types.Scene) -> bool:
    """Whether the scene's world fills all of space with a volume."""
    world = scene.world
    tree = None if world is None or not getattr(world, "use_nodes", True) else world.node_tree
    target = target_of(scene.render.engine)
    output = None if tree is None or target is None else tree.get_output_node(target)
    return output is not None and output.inputs["Volume"].is_linked


def _may_be_bright(socket: bpy.types.NodeSocket) -> bool:
    if socket.is_linked:
        return True
    value = socket.default_value
    return max(value[:3]) > 0.0 if hasattr(value, "__len__") else value > 0.0
