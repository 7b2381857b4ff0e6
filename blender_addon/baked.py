"""What bakes leave in a scene, known again."""

from __future__ import annotations

import bpy

STRIP_KEY = "hashlight_bake"
FRAMES, DEPTHS = "Frames", "Depths"  # nodes of the group that puts baked frames together with renders


def is_baked_strip(strip: bpy.types.Strip) -> bool:
    """Whether a strip of the sequencer shows baked frames."""
    return STRIP_KEY in strip


def is_baked_composite(node: bpy.types.Node) -> bool:
    """Whether a node of the compositor puts baked frames into renders."""
    tree = getattr(node, "node_tree", None)
    return tree is not None and FRAMES in tree.nodes and DEPTHS in tree.nodes
