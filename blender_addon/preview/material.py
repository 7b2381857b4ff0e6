"""Materials that show a picture exactly as it is, lit by nothing."""

from __future__ import annotations

from typing import Literal

import bpy

from .. import roles

Alpha = Literal["premultiplied", "straight"]

_PICTURE = "Picture"
_ALPHA_KEY = "hashlight_alpha"


def picture_node(material: bpy.types.Material) -> bpy.types.ShaderNodeTexImage:
    """The texture node that holds the picture of a material made here."""
    return material.node_tree.nodes[_PICTURE]


def find_picture_node(plane: bpy.types.Object) -> bpy.types.ShaderNodeTexImage | None:
    """The texture node that holds the picture on ``plane``, if there is one in a material of ours."""
    material = plane.active_material
    if material is None or _ALPHA_KEY not in material or _PICTURE not in material.node_tree.nodes:
        return None
    node = picture_node(material)
    return node if node.image is not None else None


def ensure_material(plane: bpy.types.Object, alpha: Alpha) -> bpy.types.Material:
    """The material of ``plane`` for pictures with this kind of alpha; made, or made anew, where it isn't there.

    What the user put in its place stays in the file; one of ours that nothing uses any more goes with its picture.
    """
    former = plane.active_material
    is_ours = former is not None and _ALPHA_KEY in former and _PICTURE in former.node_tree.nodes
    if is_ours and former[_ALPHA_KEY] == alpha:
        return former
    plane.data.materials.clear()
    if is_ours and former.users == 0:
        image = picture_node(former).image
        bpy.data.materials.remove(former)
        if image is not None and image.users == 0:
            bpy.data.images.remove(image)
    material = build_material(plane.name, alpha)
    material[_ALPHA_KEY] = alpha
    roles.mark(material, "plane")
    plane.data.materials.append(material)
    return material


def build_material(name: str, alpha: Alpha) -> bpy.types.Material:
    """A material that emits a picture's colour and lets through what its alpha leaves; the picture is still to be set.

    Where the alpha is premultiplied, emission and transparency add up; where it is straight, they mix.
    """
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # before 5.0
        material.use_nodes = True
    material.surface_render_method = "BLENDED"  # EEVEE: no dither noise
    material.diffuse_color = (1.0, 1.0, 1.0, 0.0)  # Solid shading can't show the picture: plane_drawing does
    tree = material.node_tree
    tree.nodes.clear()

    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.name = _PICTURE
    picture.extension = "EXTEND"
    emission = tree.nodes.new("ShaderNodeEmission")
    transparent = tree.nodes.new("ShaderNodeBsdfTransparent")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(picture.outputs["Color"], emission.inputs["Color"])

    if alpha == "premultiplied":
        rest = tree.nodes.new("ShaderNodeMath")
        rest.operation = "SUBTRACT"
        rest.inputs[0].default_value = 1.0
        tree.links.new(picture.outputs["Alpha"], rest.inputs[1])
        tree.links.new(rest.outputs["Value"], transparent.inputs["Color"])
        blend = tree.nodes.new("ShaderNodeAddShader")
        tree.links.new(emission.outputs["Emission"], blend.inputs[0])
        tree.links.new(transparent.outputs["BSDF"], blend.inputs[1])
        rest.location = (-200, -200)
    else:
        blend = tree.nodes.new("ShaderNodeMixShader")
        tree.links.new(picture.outputs["Alpha"], blend.inputs["Fac"])
        tree.links.new(transparent.outputs["BSDF"], blend.inputs[1])
        tree.links.new(emission.outputs["Emission"], blend.inputs[2])

    tree.links.new(blend.outputs["Shader"], output.inputs["Surface"])
    for node, location in (
        (picture, (-500, 0)),
        (emission, (0, 100)),
        (transparent, (0, -150)),
        (blend, (200, 0)),
        (output, (400, 0)),
    ):
        node.location = location
    return material
