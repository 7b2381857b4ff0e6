"""What of a scene's own renders is not in captures: settings that are passed over, view layers, what has no surface."""

from __future__ import annotations

import dataclasses
import math

import bpy

from engine.link.wording import counted

from ..baked import is_baked_composite, is_baked_strip
from .lights import world_light
from .modifier_uses import helpers_of
from .node_sockets import target_of
from .shader_nodes import trees_within, used_nodes
from .sight import Sight, instanced_by, shown_names
from .transparency import MaterialsSeen

# Nodes of a compositor that leave pictures as they are.
_PLAIN_NODES = {"CompositorNodeRLayers", "CompositorNodeComposite", "CompositorNodeViewer", "NodeGroupOutput"}
_PLAIN_NODES |= {"NodeGroupInput", "NodeReroute", "NodeFrame", "CompositorNodeOutputFile", "CompositorNodeSplitViewer"}
# Settings by which a view layer shows otherwise what another shows, too.
_LAYER_SETTINGS = {"material_override": "Material Override", "world_override": "World Override"}
_LAYER_SETTINGS |= {"use_sky": "Sky", "use_solid": "Surfaces", "use_strand": "Curves", "use_volumes": "Volumes"}
_COLLECTION_FLAGS = {"holdout": "Holdout", "indirect_only": "Indirect Only"}
_PICTURES = {"ShaderNodeTexEnvironment", "ShaderNodeTexImage", "ShaderNodeTexSky"}


@dataclasses.dataclass(frozen=True)
class OtherLayers:
    """The view layers that render besides the one that is captured. ``objects``: what they alone show;
    ``collections``: in which that is, of those that the captured one excludes; ``settings``: those by which they show
    the same otherwise, in Blender's words."""

    layers: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def passed_over(scene: bpy.types.Scene) -> list[str]:
    """Settings that change the scene's renders and not its captures, in Blender's words."""
    found = []
    render = scene.render
    if count := _count_compositing(scene):
        found.append(f"Compositing ({counted(count, 'node')})")
    strips = scene.sequence_editor.strips if render.use_sequencer and scene.sequence_editor is not None else ()
    if count := sum(not is_baked_strip(strip) for strip in strips):
        found.append(f"Sequencer ({counted(count, 'strip')})")
    if render.use_freestyle:
        found.append("Freestyle")
    if render.use_multiview:
        found.append(f"Stereoscopy ({counted(sum(view.use for view in render.views), 'view')})")
    if render.use_border:
        found.append("Render Region")
    if render.use_stamp:
        found.append("Burn Into Image")
    if not render.film_transparent and (picture := _world_picture(scene.world)):
        found.append(f"World ({picture} behind everything)")
    return found


def describe_backdrop(scene: bpy.types.Scene) -> str:
    """The colour that the scene's renders have behind everything and views have not, in a line; "" without one. It is
    no warning: captures are meant to be so, and nearly every scene has a world."""
    world = scene.world
    if world is None or scene.render.film_transparent or _world_picture(world):
        return ""
    light = max(world.color) if target_of(scene.render.engine) is None else world_light(world)
    if light == 0.0:
        return ""
    amount = f" ({light:.2g} of white)" if math.isfinite(light) else ""
    return f"Transparent behind everything, without the World's colour{amount}: so are renders of the field, and scores"


def other_layers(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> OtherLayers:
    """The view layers that are rendered with ``view_layer``, which alone is captured."""
    others = [layer for layer in scene.view_layers if layer.use and layer != view_layer]
    if not others:
        return OtherLayers()
    captured = shown_names(view_layer)
    missing = {obj.name for layer in others for obj in layer.objects if not obj.hide_render}
    missing &= {name for layer in others for name in shown_names(layer)} - captured
    objects = sorted(missing)
    excluded = [layer.collection for layer in _excluded(view_layer.layer_collection)]
    holders = [each.name for each in excluded if missing & {obj.name for obj in each.all_objects}]
    settings = [f"{name} in {layer.name}" for layer in others for name in _settings_apart(layer, view_layer)]
    return OtherLayers(tuple(layer.name for layer in others), tuple(objects), tuple(holders), tuple(settings))


def _settings_apart(layer: bpy.types.ViewLayer, captured: bpy.types.ViewLayer) -> list[str]:
    """The settings by which ``layer`` shows otherwise what ``captured`` shows, too."""
    found = [
        words
        for name, words in _LAYER_SETTINGS.items()
        if hasattr(layer, name) and getattr(layer, name) != getattr(captured, name)
    ]
    ours = _flags_of(captured.layer_collection)
    differing = {flag for name, flags in _flags_of(layer.layer_collection).items() for flag in flags ^ ours[name]}
    return found + sorted(differing)


def _flags_of(layer: bpy.types.LayerCollection) -> dict[str, set[str]]:
    """What a view layer's collections are besides shown, by their names."""
    found = {layer.collection.name: {words for name, words in _COLLECTION_FLAGS.items() if getattr(layer, name)}}
    for child in layer.children:
        found |= _flags_of(child)
    return found


def unseen_objects(view_layer: bpy.types.ViewLayer) -> dict[str, list[str]]:
    """Names of objects that are rendered but not seen as themselves, by what is in the pictures instead: "shadows", a
    "hole", "light", "nothing". An instance of a collection is one, too, if all that it shows is."""
    sight, shown = Sight(view_layer), shown_names(view_layer)
    materials = MaterialsSeen(view_layer)

    def what_is_seen_instead(obj: bpy.types.Object) -> str:
        return sight.what_is_seen_instead(obj) or ("hole" if materials.is_hole(obj) else "")

    found: dict[str, list[str]] = {}
    for obj in view_layer.objects:
        if obj.name not in shown or obj.hide_render:
            continue
        parts = [part for part in instanced_by(obj) if _has_surface(part) and not part.hide_render]
        if not (parts or _has_surface(obj)):
            continue
        instead = what_is_seen_instead(obj)
        if not instead and parts and len(kinds := {what_is_seen_instead(part) for part in parts}) == 1:
            instead = kinds.pop()
        if instead:
            found.setdefault(instead, []).append(obj.name)
    return {instead: sorted(names) for instead, names in found.items()}


def hidden_helpers(view_layer: bpy.types.ViewLayer) -> dict[str, list[str]]:
    """Objects that modifiers work with, such as a Boolean's operands, which renders show although the viewport hides
    them or draws their edges alone: names of those whose modifiers these are, by theirs."""
    sight, shown = Sight(view_layer), shown_names(view_layer)
    found: dict[str, set[str]] = {}
    for obj in (each for each in view_layer.id_data.objects if each.name in shown and not each.hide_render):
        helpers = [helper for modifier in obj.modifiers if modifier.show_render for helper in helpers_of(modifier)]
        for helper in helpers:
            for each in helper.all_objects if isinstance(helper, bpy.types.Collection) else (helper,):
                if each.name not in shown or each.type != "MESH" or not each.data.polygons or each == obj:
                    continue
                is_solid = each.visible_get(view_layer=view_layer) and each.display_type not in {"WIRE", "BOUNDS"}
                if not is_solid and sight.shows(each):
                    found.setdefault(each.name, set()).add(obj.name)
    return {name: sorted(users) for name, users in found.items()}


def _has_surface(obj: bpy.types.Object) -> bool:
    return obj.type not in {"CAMERA", "LIGHT"} and obj.data is not None


def _excluded(layer: bpy.types.LayerCollection) -> list[bpy.types.LayerCollection]:
    """The topmost excluded collections below ``layer``."""
    found = []
    for child in layer.children:
        found += [child] if child.exclude else _excluded(child)
    return found


def _count_compositing(scene: bpy.types.Scene) -> int:
    if not scene.render.use_compositing:
        return 0
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group
    else:
        tree = scene.node_tree if scene.use_nodes else None
    nodes = () if tree is None else tree.nodes
    return sum(node.bl_idname not in _PLAIN_NODES and not node.mute and not is_baked_composite(node) for node in nodes)


def _world_picture(world: bpy.types.World | None) -> str:
    """What the world shows besides a colour, in a word."""
    tree = None if world is None else world.node_tree
    trees = () if tree is None else trees_within(tree)
    nodes = {node.bl_idname for each in trees for node in used_nodes(each)}
    if "ShaderNodeTexSky" in nodes:
        return "its sky"
    if nodes & _PICTURES:
        return "its picture"
    is_textured = any(node.startswith("ShaderNodeTex") for node in nodes - {"ShaderNodeTexCoord"})
    return "its pattern" if is_textured else ""
