"""Files that a scene makes use of and that are gone: renders show pink, or nothing, in their place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy

from .shader_nodes import trees_within, used_nodes


def missing_of_tree(tree: bpy.types.NodeTree | None) -> Iterator[str]:
    """The names of the missing files among the pictures that the nodes of ``tree`` come to."""
    for each in () if tree is None else trees_within(tree):
        for node in used_nodes(each):
            image = getattr(node, "image", None)
            if isinstance(image, bpy.types.Image) and (name := _missing_picture(image)):
                yield name


def missing_of_object(obj: bpy.types.Object) -> Iterator[str]:
    """The names of the missing files that ``obj`` is made of: libraries, volumes, caches."""
    for item in (obj, obj.data, obj.instance_collection):
        if item is not None and item.library is not None and not _exists(item.library.filepath, None):
            yield _name_of(item.library.filepath)
    if obj.type == "VOLUME" and obj.data.packed_file is None and not _exists(obj.data.filepath, obj.data.library):
        yield _name_of(obj.data.filepath) or obj.data.name
    users = [modifier for modifier in obj.modifiers if modifier.show_render]
    users += [constraint for constraint in obj.constraints if not constraint.mute]
    for cache in (getattr(user, "cache_file", None) for user in users):
        if cache is not None and not _exists(cache.filepath, cache.library):
            yield _name_of(cache.filepath) or cache.name
    for modifier in users:
        if getattr(modifier, "type", "") == "MESH_CACHE" and not _exists(modifier.filepath, obj.library):
            yield _name_of(modifier.filepath) or modifier.name


def _missing_picture(image: bpy.types.Image) -> str:
    """What the missing file of a picture is called; "" if it is there, or not needed."""
    if image.source in {"GENERATED", "VIEWER"} or image.packed_files or image.has_data:
        return ""
    if image.source == "TILED":
        paths = [_path_of_tile(image.filepath, tile.number) for tile in image.tiles]
    else:
        paths = [image.filepath]
    missing = [path for path in paths if not _exists(path, image.library)]
    return (_name_of(missing[0]) or image.name) if missing else ""


def _path_of_tile(path: str, number: int) -> str:
    """Where tile ``number`` is of a picture whose path names tiles in one of two ways: 1012 as such, or as u2_v2."""
    v, u = divmod(number - 1001, 10)
    return path.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{u + 1}_v{v + 1}")


def _exists(path: str, library: bpy.types.Library | None) -> bool:
    return bool(path) and Path(bpy.path.abspath(path, library=library)).is_file()


def _name_of(path: str) -> str:
    return bpy.path.basename(path)
