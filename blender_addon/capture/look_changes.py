"""What looks otherwise at other frames although nothing visible moves: lights, materials, the world, what is hidden and
settings of the scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import bpy

from .. import roles
from .materials import gives_light
from .movement import Movement
from .node_sockets import target_of, tree_of
from .shader_nodes import trees_within, used_nodes
from .sight import instanced_by, shown_names

# Settings of an object: whether and how renders show it.
_SEEN = ("hide_render", "visible_", "is_holdout", "is_shadow_catcher", "show_instancer_for_render")
# Settings of a scene, besides those of its active view layer. Samples and seeds change noise alone.
_SCENE = ("view_settings.", "cycles.film_exposure", "cycles_curves.", "eevee.", "render.use_simplify")
_SCENE += ("render.simplify_", "render.hair_", "cycles.ao_bounces", "cycles.max_bounces")
_NOISE = ("samples", "seed")
_PICTURES = {"ShaderNodeTexImage", "ShaderNodeTexEnvironment"}
_NO_LIGHT = ("show_", '["', "pass_index")  # of a light's or a world's own values
_WITHOUT_SURFACE = {"CAMERA", "LIGHT", "SPEAKER", "LIGHT_PROBE", "ARMATURE", "LATTICE", "EMPTY"}


@dataclasses.dataclass(frozen=True)
class LookChange:
    """What ``name``, a light, a material or the like, has that changes, in Blender's words: ``values``. ``objects``:
    the names of those that have it."""

    name: str
    values: tuple[str, ...]
    objects: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Both, in a line."""
        return f"{self.name}: {', '.join(self.values[:3])}{', ...' if len(self.values) > 3 else ''}"


def change_of_material(
    material: bpy.types.Material, owners: Iterable[str], engine: str, movement: Movement
) -> LookChange | None:
    """What of ``material``, as ``engine`` shows it on the objects called ``owners``, changes with the frame."""
    found: list[str] = []
    owners = tuple(sorted(owners))
    if target_of(engine) is None:
        found += [label(material, path) for path in movement.changing(material) if path.startswith("diffuse_color")]
    elif material.node_tree is not None:
        found += _changes_of_tree(material.node_tree, movement)
        for name in sorted(_names_asked_for(material.node_tree)):
            objects = [obj for obj in map(bpy.data.objects.get, owners) if obj is not None]
            if any(path.startswith(name) for obj in objects for path in movement.changing(obj)):
                found.append("Object Color" if name == "color" else name.strip('[]"'))
    return _change(material.name, found, owners)


def changes_of_scene(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, visible: set[str], movement: Movement
) -> list[LookChange]:
    """What changes of the lights, the world, the settings, and whether objects are seen; ``visible``: the names of the
    objects whose movement and materials are looked at elsewhere."""
    is_lit = target_of(scene.render.engine) is not None
    lighting, captured = shown_names(view_layer, is_captured_alone=False), shown_names(view_layer)
    found: list[LookChange | None] = []
    for obj in _rendered_objects(scene, lighting, movement):
        values = [label(obj, path) for path in movement.changing(obj) if path.startswith(_SEEN)]
        if obj.type == "LIGHT":
            values = values + _changes_of_light(obj, movement) if is_lit else []
        elif obj.name not in captured:
            values = []
        if is_lit and obj.name not in visible and obj.type not in _WITHOUT_SURFACE:
            values += _changes_of_unseen_light(obj, movement)
        found.append(_change(obj.name, values, (obj.name,)))
    if is_lit and scene.world is not None:
        found.append(_change(scene.world.name, _changes_of_world(scene.world, movement)))
    found.append(_change(f"Scene {scene.name}", _changes_of_settings(scene, view_layer, movement)))
    return [change for change in found if change is not None]


def _rendered_objects(scene: bpy.types.Scene, shown: set[str], movement: Movement) -> Iterator[bpy.types.Object]:
    """The objects of ``scene`` called ``shown`` that renders show at some frame, and the lights of their instances."""
    seen: set[str] = set()
    for obj in scene.objects:
        if obj.name not in shown or roles.role_of(obj) is not None:
            continue
        if obj.hide_render and not any(path.startswith("hide_render") for path in movement.changing(obj)):
            continue
        for each in (obj, *(part for part in instanced_by(obj) if part.type == "LIGHT")):
            if each.name not in seen:
                seen.add(each.name)
                yield each


def _changes_of_light(obj: bpy.types.Object, movement: Movement) -> list[str]:
    values = ["moves"] if movement.moves(obj) else []
    values += [label(obj.data, path) for path in movement.changing(obj.data) if not path.startswith(_NO_LIGHT)]
    return values if obj.data.node_tree is None else values + _changes_of_tree(obj.data.node_tree, movement)


def _changes_of_unseen_light(obj: bpy.types.Object, movement: Movement) -> list[str]:
    """Changes of an object that is not in the pictures, but gives light."""
    glowing = [slot.material for slot in obj.material_slots if slot.material is not None and gives_light(slot.material)]
    if not glowing:
        return []
    values = ["moves"] if movement.moves(obj) else []
    return values + [value for material in glowing for value in _changes_of_tree(material.node_tree, movement)]


def _changes_of_world(world: bpy.types.World, movement: Movement) -> list[str]:
    if (tree := tree_of(world)) is not None:
        return _changes_of_tree(tree, movement)
    return [label(world, path) for path in movement.changing(world) if path.startswith("color")]


def _changes_of_settings(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, movement: Movement) -> list[str]:
    wanted = (*_SCENE, f'view_layers["{bpy.utils.escape_identifier(view_layer.name)}"].use_')
    paths = [path for path in movement.changing(scene) if path.startswith(wanted)]
    return [label(scene, path) for path in paths if not any(word in path for word in _NOISE)]


def _changes_of_tree(tree: bpy.types.NodeTree, movement: Movement) -> list[str]:
    """What changes in those nodes of ``tree``, and of the groups within, that come to something."""
    found = []
    for each in trees_within(tree):
        changing = movement.changing(each)
        for node in (node for node in used_nodes(each) if not node.mute):
            start = f'nodes["{bpy.utils.escape_identifier(node.name)}"].'
            linked = tuple(f"{start}inputs[{index}]." for index, socket in enumerate(node.inputs) if socket.is_linked)
            own = [path for path in changing if path.startswith(start) and not path.startswith(linked)]
            found += [label(each, path) for path in own]
            if node.bl_idname in _PICTURES and node.image is not None and movement.plays(node.image, node.image_user):
                found.append(node.image.name)
            source = node.object if node.bl_idname == "ShaderNodeTexCoord" else None
            if source is not None and movement.moves(source):
                found.append(f"coordinates of {source.name}")
    return found


def _names_asked_for(tree: bpy.types.NodeTree) -> set[str]:
    """The values of the objects that have it which a material goes by, as the beginnings of their paths."""
    found = set()
    for node in used_nodes(tree):
        if node.bl_idname == "ShaderNodeObjectInfo" and (
            node.outputs["Color"].is_linked or node.outputs["Alpha"].is_linked
        ):
            found.add("color")
        elif node.bl_idname == "ShaderNodeAttribute" and node.attribute_type in {"OBJECT", "INSTANCER"}:
            name = node.attribute_name
            found.add("color" if name == "color" else f'["{bpy.utils.escape_identifier(name)}"]')
    return found


def label(item: bpy.types.ID, path: str) -> str:
    """What the value of ``item`` at ``path`` is called in Blender's interface."""
    holder_path, _, identifier = path.rpartition(".")
    try:
        holder = item.path_resolve(holder_path) if holder_path else item
        if isinstance(holder, bpy.types.NodeSocket):
            return holder.name
        return holder.bl_rna.properties[identifier].name
    except (ValueError, KeyError):
        return path


def _change(name: str, values: list[str], objects: tuple[str, ...] = ()) -> LookChange | None:
    return LookChange(name, tuple(dict.fromkeys(values)), objects) if values else None
