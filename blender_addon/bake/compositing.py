"""Baked frames in the compositor, cut against the scene's own render where the depths say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from engine.link.geometry import Camera

from .. import baked, roles
from ..capture.cameras import set_lens
from ..capture.compat import HAS_COMPOSITING_GROUPS
from .sequence import animate_object, frame_number, stored_path

NAME = "Hashlight Depth Composite"
CAMERA_NAME = "Hashlight Turntable"


def composite_by_depth(
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    frames: Sequence[Path],
    depths: Sequence[Path],
    frame_start: int,
    cyclic: bool,
) -> bpy.types.Node:
    """Put baked frames into the scene's compositor, before its output; returns the group node that does it.

    In each pixel whichever is nearer lies over the other: ``frames`` (premultiplied EXR, or straight PNG) with planar
    z from ``depths``, or the render of ``view_layer`` with its own. The user's nodes stay; what went to the output
    goes through the group. A second bake changes the files in it and nothing else. Renders must be of the frames' size,
    through the camera that the frames were baked from.
    """
    tree, target = _output_of(scene)
    view_layer.use_pass_z = True
    node = next((node for node in tree.nodes if baked.is_baked_composite(node)), None)
    if node is None:
        node = tree.nodes.new("CompositorNodeGroup")
        node.node_tree = _build_group()
        node.name = node.label = NAME
        _insert(scene, view_layer, tree, node, target)
    group = node.node_tree
    _load(group.nodes[baked.FRAMES], frames, frame_start, cyclic, is_data=False)
    _load(group.nodes[baked.DEPTHS], depths, frame_start, cyclic, is_data=True)
    return node


def follow_path(scene: bpy.types.Scene, cameras: Sequence[Camera], frame_start: int) -> bpy.types.Object:
    """Make a camera that takes the way of ``cameras``, one a frame, the scene's active one; returns it."""
    camera = next(roles.objects_of(scene, "turntable"), None)
    if camera is None:
        camera = bpy.data.objects.new(CAMERA_NAME, bpy.data.cameras.new(CAMERA_NAME))
        roles.mark(camera, "turntable")
        camera.rotation_mode = "QUATERNION"
        scene.collection.objects.link(camera)
    set_lens(camera.data, scene, cameras[0])
    animate_object(camera, [np.asarray(item.camera_to_world) for item in cameras], frame_start)
    scene.camera = camera
    return camera


def _output_of(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bpy.types.NodeSocket]:
    """The scene's compositor and the socket of its result, both made where there are none."""
    if HAS_COMPOSITING_GROUPS:
        tree = scene.compositing_node_group
        if tree is None:
            tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        kind = "NodeGroupOutput"
        if not any(item.item_type == "SOCKET" and item.in_out == "OUTPUT" for item in tree.interface.items_tree):
            tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    else:
        scene.use_nodes = True
        tree, kind = scene.node_tree, "CompositorNodeComposite"
    outputs = [node for node in tree.nodes if node.bl_idname == kind]
    output = next((node for node in outputs if node.is_active_output), None) if HAS_COMPOSITING_GROUPS else None
    output = output or (outputs[0] if outputs else tree.nodes.new(kind))
    output.location.x = max(output.location.x, 400.0)
    return tree, output.inputs[0]


def _insert(
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    tree: bpy.types.NodeTree,
    node: bpy.types.Node,
    target: bpy.types.NodeSocket,
) -> None:
    layers = [item for item in tree.nodes if item.type == "R_LAYERS" and item.scene in (None, scene)]
    layer = next((item for item in layers if item.layer == view_layer.name), None)
    if layer is None:
        layer = tree.nodes.new("CompositorNodeRLayers")
        layer.scene, layer.layer = scene, view_layer.name
        layer.location = (-400.0, 0.0)
    source = target.links[0].from_socket if target.is_linked else layer.outputs["Image"]
    node.location = (target.node.location.x - 220.0, target.node.location.y)
    tree.links.new(source, node.inputs["Image"])
    tree.links.new(layer.outputs["Depth"], node.inputs["Depth"])
    tree.links.new(node.outputs["Image"], target)


def _build_group() -> bpy.types.NodeTree:
    tree = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    tree.interface.new_socket("Depth", in_out="INPUT", socket_type="NodeSocketFloat")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    new, link = tree.nodes.new, tree.links.new
    scene_side, output = new("NodeGroupInput"), new("NodeGroupOutput")
    frames, depths = new("CompositorNodeImage"), new("CompositorNodeImage")
    frames.name = frames.label = baked.FRAMES
    depths.name = depths.label = baked.DEPTHS
    over, under, nearest = new("CompositorNodeAlphaOver"), new("CompositorNodeAlphaOver"), new("CompositorNodeZcombine")
    for node, background, foreground in (
        (over, scene_side.outputs["Image"], frames.outputs["Image"]),
        (under, frames.outputs["Image"], scene_side.outputs["Image"]),
    ):
        pictures = [socket for socket in node.inputs if socket.type == "RGBA"]
        link(background, pictures[0])
        link(foreground, pictures[1])
    # Both sides hold both pictures already: here only the one whose upper picture is nearer is taken.
    if hasattr(nearest, "use_alpha"):
        nearest.use_alpha = nearest.use_antialias_z = False
    for socket in nearest.inputs[4:]:
        socket.default_value = False
    for place, source in enumerate(
        (over.outputs["Image"], depths.outputs["Image"], under.outputs["Image"], scene_side.outputs["Depth"])
    ):
        link(source, nearest.inputs[place])
    link(nearest.outputs[0], output.inputs["Image"])
    for node, x, y in (
        (scene_side, -600, -200),
        (frames, -600, 300),
        (depths, -600, 0),
        (over, -300, 200),
        (under, -300, 0),
        (nearest, 0, 100),
        (output, 250, 100),
    ):
        node.location = (x, y)
    return tree


def _load(node: bpy.types.Node, files: Sequence[Path], frame_start: int, cyclic: bool, is_data: bool) -> None:
    former = node.image
    image = bpy.data.images.load(stored_path(files[0]), check_existing=False)
    image.source = "SEQUENCE"
    if is_data:
        image.colorspace_settings.name = "Non-Color"
    node.image = image
    if former is not None and former.users == 0:
        bpy.data.images.remove(former)
    node.frame_start = frame_start
    node.frame_duration = len(files)
    node.frame_offset = frame_number(files[0]) - 1
    node.use_cyclic = cyclic
    node.use_auto_refresh = True
