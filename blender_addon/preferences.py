"""What belongs to the user and the machine, not to one scene."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty


class HASHLIGHT_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: StringProperty(
        name="Engine Python",
        description="The Python that runs the engine. Leave empty for the environment that Hashlight sets up itself",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="Where the engine trains and renders",
        items=(
            ("auto", "Automatic", "An NVIDIA graphics card where there is one, the processor otherwise"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "An NVIDIA graphics card"),
        ),
        default="auto",
    )
    use_running_engine: BoolProperty(
        name="Use a Running Engine",
        description="Connect to an engine started with 'hashlight serve', here or on another machine",
        default=False,
    )
    host: StringProperty(name="Host", description="The machine that the engine runs on", default="127.0.0.1")
    port: IntProperty(name="Port", description="The port that the engine listens on", default=7868, min=1, max=65535)
    token: StringProperty(
        name="Token",
        description="The secret that the engine printed when it started",
        subtype="PASSWORD",
        options={"SKIP_SAVE"},
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "use_running_engine")
        if self.use_running_engine:
            layout.prop(self, "host")
            layout.prop(self, "port")
            layout.prop(self, "token")
        else:
            layout.prop(self, "engine_python")
            layout.prop(self, "device")


def get_preferences(context: bpy.types.Context | None = None) -> HASHLIGHT_preferences:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[__package__].preferences


CLASSES = (HASHLIGHT_preferences,)
