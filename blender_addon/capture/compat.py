"""All that differs between Blender's versions when a view is rendered: the compositor, its output, what stops it."""

from __future__ import annotations

from pathlib import Path

import bpy

# From 5.0 on, a compositor is a node group of its own that a scene points to; before, each scene owned one.
HAS_COMPOSITING_GROUPS = bpy.app.version >= (5, 0, 0)
# The cross that Blender draws beside a running job stops all renders; from 5.0 on only those of the window's own scene,
# and views are rendered in a copy of it. Nothing else that Python can call stops a render without waiting for it.
CROSS_STOPS_ANY_SCENE = bpy.app.version < (5, 0, 0)


def new_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Give ``scene``, which must be a copy, an empty compositor of its own."""
    if HAS_COMPOSITING_GROUPS:
        scene.compositing_node_group = bpy.data.node_groups.new(f"{scene.name} Compositor", "CompositorNodeTree")
        return scene.compositing_node_group
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree


def remove_compositor(scene: bpy.types.Scene) -> None:
    """Remove what ``new_compositor`` made, as far as it doesn't go with the scene."""
    if HAS_COMPOSITING_GROUPS and scene.compositing_node_group is not None:
        bpy.data.node_groups.remove(scene.compositing_node_group)


def add_file_output(
    tree: bpy.types.NodeTree, socket: bpy.types.NodeSocket, folder: Path, color_mode: str, color_depth: str
) -> None:
    """Write what comes out of ``socket`` as a single-layer EXR into ``folder``; its name is up to Blender's version."""
    node = tree.nodes.new("CompositorNodeOutputFile")
    if HAS_COMPOSITING_GROUPS:
        node.directory = str(folder)
        node.file_name = "pass"
        node.format.media_type = "IMAGE"
        node.file_output_items.new("RGBA" if color_mode == "RGBA" else "FLOAT", "pass")
    else:
        node.base_path = str(folder)
    node.format.file_format = "OPEN_EXR"
    node.format.color_mode = color_mode
    node.format.color_depth = color_depth
    node.format.exr_codec = "NONE"  # read once, then deleted
    tree.links.new(socket, node.inputs[0])


def hide_from_cameras(scene: bpy.types.Scene, layer: bpy.types.LayerCollection) -> None:
    """Have renders of ``scene`` not show what is in the collection of a view layer of its, which goes on lighting the
    rest, as well as the engine can.

    EEVEE knows no such thing: there it is cut out, also where it stands before something. Workbench has no light that
    would come from it.
    """
    if scene.render.engine == "CYCLES":
        layer.indirect_only = True
    elif "EEVEE" in scene.render.engine:
        layer.holdout = True
    else:
        layer.collection.hide_render = True
