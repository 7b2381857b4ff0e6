"""Which objects renders show otherwise than the viewport: hidden in one of the two, or of another shape there."""

from __future__ import annotations

import bpy

from .. import roles
from .modifier_uses import groups_of, helpers_of, items_of
from .sight import shown_names

# Pairs of properties, of a modifier, a particle system's settings or an object's data: in the viewport, in renders.
_MODIFIER_PAIRS = (
    ("show_viewport", "show_render"),
    ("levels", "render_levels"),
    ("viewport_resolution", "resolution"),
    ("steps", "render_steps"),
)
_DATA_PAIRS = (("resolution_u", "render_resolution_u"), ("resolution_v", "render_resolution_v"))
_DATA_PAIRS += (("resolution", "render_resolution"),)


def objects_that_differ(view_layer: bpy.types.ViewLayer) -> set[str]:
    """Names of the objects of ``view_layer`` that renders show and the viewport hides, or shows with another shape,
    modifiers, particles or instances.

    A subdivision that is only finer in renders is none: the surface stays where it is.
    """
    scene, shown = view_layer.id_data, shown_names(view_layer)
    known: dict[str, bool] = {}
    candidates = (obj for obj in scene.objects if obj.name in shown and not obj.hide_render and not roles.role_of(obj))
    return {
        obj.name
        for obj in candidates
        if obj.type not in {"CAMERA", "LIGHT", "SPEAKER", "LIGHT_PROBE"}
        and (not obj.visible_get(view_layer=view_layer) or _differs(obj, scene, known))
    }


def _differs(obj: bpy.types.Object, scene: bpy.types.Scene, known: dict[str, bool]) -> bool:
    if obj.name not in known:
        known[obj.name] = False  # also ends circles
        known[obj.name] = (
            (obj.is_instancer and obj.show_instancer_for_viewport != obj.show_instancer_for_render)
            or _is_uneven(obj.data, _DATA_PAIRS)
            or any(_modifier_differs(modifier, scene, known) for modifier in obj.modifiers)
            or any(_particles_differ(system.settings, scene) for system in obj.particle_systems)
            or (
                obj.instance_type == "COLLECTION"
                and obj.instance_collection is not None
                and _collection_differs(obj.instance_collection, scene, known)
            )
        )
    return known[obj.name]


def _is_uneven(owner: object, pairs: tuple[tuple[str, str], ...]) -> bool:
    """Whether a property in renders is there, set, and another one than in the viewport."""
    for viewport, render in pairs:
        value = getattr(owner, render, None)
        if isinstance(value, int | float) and hasattr(owner, viewport) and value != getattr(owner, viewport):
            if render.startswith("render_resolution_") and value == 0:  # as in the viewport
                continue
            return True
    return False


def _modifier_differs(modifier: bpy.types.Modifier, scene: bpy.types.Scene, known: dict[str, bool]) -> bool:
    if not (modifier.show_viewport or modifier.show_render):
        return False
    if modifier.type == "SUBSURF" and modifier.show_viewport and modifier.show_render:
        render, levels, most = scene.render, modifier.levels, modifier.render_levels
        if render.use_simplify:
            levels, most = min(levels, render.simplify_subdivision), min(most, render.simplify_subdivision_render)
        return (levels == 0) != (most == 0)
    if modifier.type == "NODES" and modifier.node_group is not None and _nodes_differ(modifier, scene, known):
        return True
    return _is_uneven(modifier, _MODIFIER_PAIRS) or _helpers_differ(modifier, scene, known)


def _helpers_differ(modifier: bpy.types.Modifier, scene: bpy.types.Scene, known: dict[str, bool]) -> bool:
    """Whether what a modifier works with, such as a Boolean's operand, has another shape in renders: whether it is
    shown there itself is all the same."""
    for helper in helpers_of(modifier):
        members = helper.all_objects if isinstance(helper, bpy.types.Collection) else (helper,)
        if any(_differs(each, scene, known) for each in members):
            return True
    return False


def _nodes_differ(modifier: bpy.types.Modifier, scene: bpy.types.Scene, known: dict[str, bool]) -> bool:
    nodes = (node for group in groups_of(modifier) for node in group.nodes)
    if any(node.bl_idname == "GeometryNodeIsViewport" for node in nodes):
        return True
    for item in items_of(modifier):
        if isinstance(item, bpy.types.Collection):
            if _is_partly_hidden(item) or _collection_differs(item, scene, known):
                return True
        elif isinstance(item, bpy.types.Object) and (item.hide_render or _differs(item, scene, known)):
            return True  # instances are rendered although their source is not
    return False


def _particles_differ(settings: bpy.types.ParticleSettings, scene: bpy.types.Scene) -> bool:
    if settings.render_type == "NONE":
        return settings.display_method != "NONE"
    source = {"OBJECT": settings.instance_object, "COLLECTION": settings.instance_collection}.get(settings.render_type)
    if source is not None and (source.hide_render or source.hide_viewport):
        return True
    if isinstance(source, bpy.types.Collection) and _is_partly_hidden(source):
        return True
    if settings.display_method == "NONE" or settings.display_percentage != 100:
        return True
    if settings.type == "HAIR" and settings.display_step != settings.render_step:
        return True
    if settings.child_type == "NONE":
        return False
    return settings.child_percent != settings.rendered_child_count or scene.render.use_simplify


def _collection_differs(collection: bpy.types.Collection, scene: bpy.types.Scene, known: dict[str, bool]) -> bool:
    if any(each.hide_viewport != each.hide_render for each in (collection, *collection.children_recursive)):
        return True
    return any(
        each.hide_viewport != each.hide_render or _differs(each, scene, known) for each in collection.all_objects
    )


def _is_partly_hidden(collection: bpy.types.Collection) -> bool:
    """Whether anything in it is hidden: some instances are rendered nevertheless, and some are not."""
    return any(
        each.hide_render or each.hide_viewport for each in (*collection.children_recursive, *collection.all_objects)
    )
