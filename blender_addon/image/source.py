"""The image to learn: which one it is, and its file in the scene's folder."""

from __future__ import annotations

from pathlib import Path

import bpy

from engine.link.messages import ImageSpec
from engine.link.part_files import written_atomically

from ..folders import session_folder
from ..picture_files.reading import opened

FOLDER = "images"  # in the session folder
SUFFIX = " (neural)"  # of what is learnt, behind the name of the image that it was learnt from


def find_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """That of the Image Editor, or of the active object's active texture node; of what was learnt, its source."""
    found = _shown_image(context)
    if found is not None and found.name.endswith(SUFFIX):
        return bpy.data.images.get(found.name.removesuffix(SUFFIX))
    return found


def _shown_image(context: bpy.types.Context) -> bpy.types.Image | None:
    space = context.space_data
    if isinstance(space, bpy.types.SpaceImageEditor):
        return space.image
    material = context.object.active_material if context.object is not None else None
    node = material.node_tree.nodes.active if material is not None and material.node_tree is not None else None
    return node.image if isinstance(node, bpy.types.ShaderNodeTexImage) else None


def reason_against(image: bpy.types.Image | None) -> str:
    """Why ``image`` can't be learnt, "" if it can."""
    if image is None:
        return "Open an image in the Image Editor, or choose an image texture node"
    if image.source not in ("FILE", "GENERATED"):
        return f"{image.name} isn't a still image"
    return "" if image.size[0] and image.size[1] else f"{image.name} has no pixels: its file is missing"


def write_source(scene: bpy.types.Scene, image: bpy.types.Image, wraps: bool) -> tuple[Path, ImageSpec]:
    """Write ``image`` as it is now into the scene's folder: floats as OpenEXR, bytes as PNG. Returns the file, and what
    is to be learnt from it. Raises ValueError."""
    kind, suffix = ("OpenEXR", ".exr") if image.is_float else ("PNG", ".png")
    folder = session_folder(scene) / FOLDER
    path = folder / f"{bpy.path.clean_name(image.name)}{suffix}"
    former = image.file_format
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_atomically(path) as part:
            image.file_format = "OPEN_EXR" if image.is_float else "PNG"
            image.save(filepath=str(part), save_copy=True)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} can't be written: {error}") from None
    finally:
        image.file_format = former
    try:
        with opened(path, kind) as file:
            spec = file.spec()
            return path, ImageSpec(
                width=spec.width,
                height=spec.height,
                color_space="linear" if image.is_float else "srgb",
                alpha=spec.alpha_channel >= 0,
                wraps=wraps,
            )
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
