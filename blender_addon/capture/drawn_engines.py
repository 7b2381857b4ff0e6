"""EEVEE draws its pictures with the graphics card: what to say of how long that takes, and of what it leaves out."""

from __future__ import annotations

import bpy
import gpu

from .. import roles


def is_eevee(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` is rendered by EEVEE, under either of the names that it has had."""
    return scene.render.engine in {"BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"}


def describe_pace(scene: bpy.types.Scene) -> str:
    """Why views of ``scene`` will take long, and what to do about it; empty where they won't."""
    if not is_eevee(scene):
        return ""
    if bpy.app.background:
        # Blender knows its driver only from the first picture on, and ends itself where there is none.
        return (
            "EEVEE needs a driver for OpenGL or Vulkan, also without a window, and compiles its shaders before the "
            "first view, which takes minutes without a graphics card: if it ends here, or takes long, choose Cycles"
        )
    if gpu.platform.device_type_get() == "SOFTWARE":
        software = gpu.platform.renderer_get().partition(" ")[0]
        return (
            f"EEVEE draws without a graphics card here ({software}): a view takes minutes, and Blender stands still "
            "meanwhile. Cycles renders beside the window"
        )
    return "EEVEE compiles its shaders before the first view: Blender may stand still meanwhile"


def find_blended_materials(scene: bpy.types.Scene) -> list[str]:
    """Names of the materials in ``scene`` that EEVEE draws over what is behind them, and writes no depth of."""
    if not is_eevee(scene):
        return []
    objects = [obj for obj in scene.objects if roles.role_of(obj) is None and not obj.hide_render]
    materials = {slot.material for obj in objects for slot in obj.material_slots if slot.material is not None}
    return sorted(material.name for material in materials if material.surface_render_method == "BLENDED")
