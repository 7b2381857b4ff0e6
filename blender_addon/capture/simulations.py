"""Simulations whose frames captures can't have: those that aren't baked."""

from __future__ import annotations

import bpy

from .modifier_uses import groups_of


def unbaked_rigid_bodies(scene: bpy.types.Scene, is_animated: bool) -> list[str]:
    """The names of objects that the scene's rigid body world moves without a bake, by the frame at hand or at others
    (``is_animated``): a capture's copy of the scene begins that anew."""
    world = scene.rigidbody_world
    if world is None or not world.enabled or world.collection is None or world.point_cache.is_baked:
        return []
    if not is_animated and scene.frame_current <= world.point_cache.frame_start:
        return []
    bodies = [obj for obj in world.collection.objects if obj.rigid_body is not None]
    return sorted(obj.name for obj in bodies if obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic)


def unbaked_simulations(obj: bpy.types.Object) -> list[str]:
    """What is simulated of ``obj`` without a bake, by the names of its modifiers: of its frames, only those are known
    that come one after the other."""
    return [modifier.name for modifier in obj.modifiers if modifier.show_render and _is_unbaked(modifier)]


def _is_unbaked(modifier: bpy.types.Modifier) -> bool:
    if modifier.type in {"CLOTH", "SOFT_BODY"}:
        return not modifier.point_cache.is_baked
    if modifier.type == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        is_simulated = system.settings.type == "EMITTER" or system.use_hair_dynamics
        return is_simulated and not system.point_cache.is_baked
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings is not None:
        surfaces = modifier.canvas_settings.canvas_surfaces
        return any(surface.is_active and not surface.point_cache.is_baked for surface in surfaces)
    if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
        return not modifier.domain_settings.has_cache_baked_data
    if modifier.type == "NODES":
        nodes = (node for group in groups_of(modifier) for node in group.nodes)
        return any(node.bl_idname == "GeometryNodeSimulationOutput" for node in nodes)  # Blender doesn't tell of a bake
    return False
