"""What lights a scene in renders, told from its objects, materials, world and exposure."""

from __future__ import annotations

import dataclasses
import math

import bpy

from .materials import light_of, surface_nodes
from .modifier_uses import items_of
from .node_sockets import target_of, tree_of
from .plan_warnings import ADD_SUN, Cure, list_names, select
from .sight import shown_names

BLACK = 1e-3  # of white, below which 8 bits of a display show 0
_LIT_ENGINES = ("CYCLES", "EEVEE")  # the others have light of their own, or can't be known
_NEAR = 0.1  # of the bounds' radius: no more than a speck is nearer to a lamp
_FILM = Cure("Set Exposure to 1", "wm.context_set_float", {"data_path": "scene.cycles.film_exposure", "value": 1.0})
_VIEW = Cure("Set Exposure to 0", "wm.context_set_float", {"data_path": "scene.view_settings.exposure", "value": 0.0})


@dataclasses.dataclass(frozen=True)
class Darkness:
    """Why views are black: ``reason``, and what puts it right, in words and as buttons."""

    reason: str
    cure: str
    buttons: tuple[Cure, ...]


@dataclasses.dataclass(frozen=True)
class Lighting:
    """How bright what renders show is at most, 1.0 being white.

    ``everywhere``: what suns, the world and materials make a white surface; ``watts``: of all other lamps together.
    Both are inf where only renders tell. ``film``, ``display``: by what the film's exposure and Color Management's
    multiply light. ``lamps``: those with power; ``hidden``: those that renders leave out, or that have none.
    """

    everywhere: float = math.inf
    watts: float = 0.0
    film: float = 1.0
    display: float = 1.0
    lamps: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def darkness(self, radius: float | None) -> Darkness | None:
        """Why all views of bounds of this ``radius`` in metres will be black; None if they won't, as far as that is
        known."""
        near = 0.0 if radius is None else _NEAR * radius
        brightness = self.everywhere
        if self.watts > 0.0:
            brightness += self.watts / (math.pi * near) ** 2 if near > 0.0 else math.inf
        if brightness == 0.0:
            hidden, count = self.hidden, len(self.hidden)
            cure = "Add a light"
            if hidden:
                cure += f". {count} lamp{' is' if count == 1 else 's are'} hidden from renders or without power: "
                cure += list_names(hidden)
            buttons = (ADD_SUN, select(hidden)) if hidden else (ADD_SUN,)
            return Darkness("Nothing gives light in renders, no lamp, no world and no material", cure, buttons)
        if self.film == 0.0 or brightness * self.film < BLACK <= brightness:
            reason = f"Exposure (Film) multiplies all light by {self.film:.2g}"
            return Darkness(reason, "Set it to 1", (_FILM,))
        if brightness * self.film * self.display >= BLACK:
            return None
        if brightness * self.film >= BLACK:
            reason = f"Exposure (Color Management) multiplies all that is displayed by {self.display:.2g}"
            return Darkness(reason, "Set it to 0", (_VIEW,))
        reason = f"What gives light gives little: a white surface shows {brightness * self.film:.2g} of white"
        reason += f" {near:.2g} m from it" if self.watts > 0.0 else ""
        return Darkness(reason, "Raise its Power or Strength", (select(self.lamps),) if self.lamps else ())


def lighting_of(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> Lighting:
    """How renders of ``view_layer`` are lit."""
    film = scene.cycles.film_exposure if scene.render.engine == "CYCLES" else 1.0
    display = 2.0**scene.view_settings.exposure
    if not any(engine in scene.render.engine for engine in _LIT_ENGINES):
        return Lighting(film=film, display=display)
    rendered = _rendered_objects(scene, view_layer)
    shown = {obj.name for obj in rendered}
    lights = [obj for obj in {*rendered, *scene.objects} if obj.type == "LIGHT"]
    lit = [obj for obj in lights if obj.name in shown and _power(obj.data) > 0.0]
    suns = sum(_power(obj.data) / math.pi for obj in lit if obj.data.type == "SUN")
    watts = sum(_power(obj.data) for obj in lit if obj.data.type != "SUN")
    everywhere = suns + world_light(scene.world) + max(map(_light_of, rendered), default=0.0)
    lamps = tuple(sorted(obj.name for obj in lit))
    hidden = tuple(sorted(obj.name for obj in lights if obj not in lit))
    return Lighting(everywhere, watts, film, display, lamps, hidden)


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


def _power(light: bpy.types.Light) -> float:
    """Watts, of suns per square metre; inf where nodes decide."""
    power: float = abs(light.energy) * 2.0 ** getattr(light, "exposure", 0.0)
    if light.use_nodes if hasattr(light, "use_nodes") else light.node_tree is not None:
        return math.inf if power > 0.0 else 0.0
    return power * max(light.color)


def _light_of(obj: bpy.types.Object) -> float:
    """How bright the brightest material of ``obj`` is, or what its nodes may make of it."""
    used = [slot.material for slot in obj.material_slots] + list(getattr(obj.data, "materials", ()))
    for modifier in obj.modifiers:
        used += items_of(modifier) if modifier.type == "NODES" else ()
    brightest = 0.0
    for item in used:
        if isinstance(item, bpy.types.Material):
            brightest = max(brightest, light_of(item))
        if isinstance(item, bpy.types.Object) and item.type == "LIGHT":
            return math.inf
        if isinstance(item, bpy.types.Collection) and any(each.type == "LIGHT" for each in item.all_objects):
            return math.inf
    return brightest


def world_light(world: bpy.types.World | None) -> float:
    """How bright the world is, 1.0 being white; inf where it isn't the same everywhere."""
    if world is None:
        return 0.0
    tree = tree_of(world)
    if tree is None:
        return float(max(world.color))
    output = tree.get_output_node("ALL") or tree.get_output_node("CYCLES") or tree.get_output_node("EEVEE")
    if output is None:
        return 0.0
    brightness = 0.0
    for node in (node for name in ("Surface", "Volume") for node in surface_nodes(output.inputs[name])):
        if node.bl_idname == "ShaderNodeBackground":
            strength, color = (_greatest(node.inputs[socket]) for socket in ("Strength", "Color"))
            brightness += strength * color if min(strength, color) > 0.0 else 0.0
        elif not any(socket.type == "SHADER" and socket.is_linked for socket in node.inputs):
            return math.inf
    return brightness


def has_world_volume(scene: bpy.types.Scene) -> bool:
    """Whether the scene's world fills all of space with a volume."""
    world = scene.world
    tree = None if world is None else tree_of(world)
    target = target_of(scene.render.engine)
    output = None if tree is None or target is None else tree.get_output_node(target)
    return output is not None and output.inputs["Volume"].is_linked


def _greatest(socket: bpy.types.NodeSocket) -> float:
    if socket.is_linked:
        return math.inf
    value = socket.default_value
    return float(max(value[:3]) if hasattr(value, "__len__") else value)
