"""What is baked and how, as ``scene.hashlight.bake``."""

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from engine.link.geometry import MAX_IMAGE_SIDE

from ..folders import RELATIVE_TO_BLEND


class HASHLIGHT_PG_bake(bpy.types.PropertyGroup):
    path: EnumProperty(
        name="Path",
        description="The way the camera takes",
        items=(
            ("TURNTABLE", "Turntable", "Once around the bounds"),
            ("ANIMATION", "Camera Animation", "The scene camera, frame by frame, as it is animated"),
        ),
        default="TURNTABLE",
    )
    name: StringProperty(name="Name", description="Folder of the frames, inside the bakes folder", default="turntable")
    frames: IntProperty(
        name="Frames",
        description="Length of the turntable; of each level, where there are several",
        default=72,
        min=1,
        max=20_000,
        soft_max=600,
    )
    elevation: FloatProperty(
        name="Elevation",
        description="Angle of the camera above the horizon",
        subtype="ANGLE",
        default=math.radians(20),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    levels: IntProperty(
        name="Levels",
        description="How many turns follow each other, evenly from Elevation to Top Elevation",
        default=1,
        min=1,
        max=100,
        soft_max=8,
    )
    top_elevation: FloatProperty(
        name="Top Elevation",
        description="Angle of the camera above the horizon on the last level",
        subtype="ANGLE",
        default=math.radians(60),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    start: FloatProperty(
        name="Start",
        description="Where the turn begins, counter-clockwise from the X axis",
        subtype="ANGLE",
        default=-math.pi / 2,
    )
    turns: FloatProperty(name="Turns", description="How many times around; negative turns the other way", default=1.0)
    ease: FloatProperty(
        name="Ease",
        description="How gently the turn starts and ends; 0 turns evenly",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
    )
    radius: FloatProperty(
        name="Radius",
        description="Distance of the camera from the middle of the bounds, 0 to fit the bounds into the picture",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
    )
    lift: FloatProperty(
        name="Height", description="Raises the camera and the point it looks at", subtype="DISTANCE", default=0.0
    )
    field_of_view: FloatProperty(
        name="Field of View",
        description="Opening angle of the turntable's camera, along the shorter side of the picture",
        subtype="ANGLE",
        default=math.radians(40),
        min=math.radians(1),
        max=math.radians(150),
    )
    resolution_x: IntProperty(
        name="Resolution X",
        description="Width of the turntable's frames",
        subtype="PIXEL",
        default=480,
        min=1,
        max=MAX_IMAGE_SIDE,
    )
    resolution_y: IntProperty(
        name="Y",
        description="Height of the turntable's frames",
        subtype="PIXEL",
        default=480,
        min=1,
        max=MAX_IMAGE_SIDE,
    )
    image_format: EnumProperty(
        name="Format",
        description="What the frames are written as",
        items=(
            ("png", "PNG", "8 bits, sRGB, straight alpha: for everything that shows pictures"),
            (
                "exr",
                "OpenEXR",
                "Half floats, scene-linear, premultiplied alpha: for compositing and the scene's own look",
            ),
        ),
        default="png",
    )
    video: EnumProperty(
        name="Video",
        description="What is made of the frames as well, beside them",
        items=(
            ("mp4", "MP4", "H.264 on black, for players and editors"),
            ("webp", "WebP", "An animated picture for web pages, with the frames' transparency"),
            ("none", "None", "The frames alone"),
        ),
        default="mp4",
    )
    samples: IntProperty(
        name="Samples",
        description="Rays for each pixel: more of them smooth edges, and take as many times as long",
        default=1,
        min=1,
        max=64,
        soft_max=16,
    )
    transparent: BoolProperty(
        name="Transparent", description="Keep what is empty transparent; black otherwise", default=True
    )
    use_depth: BoolProperty(
        name="Depth",
        description="Write depth pictures beside the frames: planar z in metres along the camera's axis",
        default=False,
    )
    result: EnumProperty(
        name="Result",
        description="How the frames come back into the scene",
        items=(
            ("PLANE", "Plane", "An image-sequence plane that plays with the timeline"),
            (
                "COMPOSITE",
                "Depth Composite",
                "The compositor sets the frames and renders of the scene into each other where their depths say. A "
                "turntable gets a camera of its own, which becomes the active one. Frames have the size of renders",
            ),
            ("STRIP", "Strip", "A strip in the scene's sequencer, which renders then show"),
            ("FILES", "Files Only", "Not at all: the files are there"),
        ),
        default="PLANE",
    )
    output: StringProperty(
        name="Output",
        description="Where a folder with the frames is put. Leave empty for the bakes folder, beside the .blend file",
        subtype="DIR_PATH",
        options=RELATIVE_TO_BLEND,
    )
