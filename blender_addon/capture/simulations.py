"""Simulations whose frames captures can't have as renders do: those without a cache of all frames."""

from __future__ import annotations

import re

import bpy

from .modifier_uses import groups_of
from .movement import is_scattered


def uncached_rigid_bodies(scene: bpy.types.Scene, last: int) -> list[str]:
    """The names of objects that the scene's rigid body world moves without a bake by the frame ``last``."""
    if not frames_to_play(scene, last):
        return []
    bodies = [obj for obj in scene.rigidbody_world.collection.objects if obj.rigid_body is not None]
    return sorted(obj.name for obj in bodies if obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic)


def frames_to_play(scene: bpy.types.Scene, last: int) -> range:
    """The frames up to ``last`` that the simulation of the scene's rigid bodies has behind it without a bake: a copy of
    the scene begins that anew. None where there is no such simulation."""
    world = scene.rigidbody_world
    if world is None or not world.enabled or world.collection is None or world.point_cache.is_baked:
        return range(0)
    first = world.point_cache.frame_start
    return range(first, min(last, world.point_cache.frame_end) + 1) if last > first else range(0)


def uncached_simulations(obj: bpy.types.Object, first: int, last: int) -> list[str]:
    """What is simulated of ``obj``, by the names of its modifiers, without that its frames from ``first`` to ``last``
    are baked or were played: then only those are known that come one after the other."""
    return [modifier.name for modifier in obj.modifiers if modifier.show_render and _is_uncached(modifier, first, last)]


def _is_uncached(modifier: bpy.types.Modifier, first: int, last: int) -> bool:
    if modifier.type in {"CLOTH", "SOFT_BODY"}:
        return not _is_whole(modifier.point_cache, last)
    if modifier.type == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        is_emitted = system.settings.type == "EMITTER" and not is_scattered(system.settings, first, last)
        is_simulated = is_emitted or system.use_hair_dynamics
        return is_simulated and not system.point_cache.is_baked  # what was played is lost
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings is not None:
        surfaces = modifier.canvas_settings.canvas_surfaces
        return any(surface.is_active and not _is_whole(surface.point_cache, last) for surface in surfaces)
    if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
        return not modifier.domain_settings.has_cache_baked_data
    if modifier.type == "NODES":
        nodes = (node for group in groups_of(modifier) for node in group.nodes)
        return any(node.bl_idname == "GeometryNodeSimulationOutput" for node in nodes)  # Blender doesn't tell of a bake
    return False


def _is_whole(cache: bpy.types.PointCache, last: int) -> bool:
    """Whether a cache holds all frames up to ``last``."""
    if cache.is_baked:
        return True
    count = re.search(r"[0-9]+", cache.info)  # nothing else tells how many it holds
    needed = min(last, cache.frame_end) - cache.frame_start + 1
    return count is not None and not cache.is_outdated and int(count[0]) >= needed
