"""What belongs to the user and the machine, not to one scene."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from engine.link.addresses import DEFAULT_PORT

from .engine_setup.check_drawing import draw_check

_token = ""  # kept here, for whatever a preference holds by itself is saved with the others, in plain text


def _get_token(preferences: HASHLIGHT_preferences) -> str:
    return _token


def _set_token(preferences: HASHLIGHT_preferences, token: str) -> None:
    global _token
    _token = token


class HASHLIGHT_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: StringProperty(
        name="Engine Python",
        description="The Python that runs the engine. Leave empty for the environment that Hashlight sets up itself",
        subtype="FILE_PATH",
    )
    set_up_python: StringProperty(
        name="Python for Set Up",
        description="The Python, 3.11 to 3.13, to set up the engine with. Leave empty for Blender's own",
        subtype="FILE_PATH",
    )
    torch_index: StringProperty(
        name="Torch Index",
        description="Where pip is to get torch from, as PyTorch's install page names it for CPU or a CUDA version. "
        "Its files are not compared with those that were tested. Leave empty for pip's usual place, whose are",
    )
    device: EnumProperty(
        name="Device",
        description="Where the engine trains and renders",
        items=(
            ("auto", "Automatic", "An NVIDIA graphics card where there is one, the CPU otherwise"),
            ("cpu", "CPU", "The CPU, also where there is a graphics card"),
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
    port: IntProperty(
        name="Port", description="The port that the engine listens on", default=DEFAULT_PORT, min=1, max=65535
    )
    token: StringProperty(
        name="Token",
        description="The engine's secret: what it printed when it started, or what its --token-file holds. It isn't "
        "saved with the preferences; Token File spares typing it again",
        subtype="PASSWORD",
        get=_get_token,
        set=_set_token,
    )
    token_file: StringProperty(
        name="Token File",
        description="A file that holds the token, to be read whenever Blender connects; the token itself isn't saved",
        subtype="FILE_PATH",
    )
    use_tls: BoolProperty(
        name="TLS",
        description="Encrypt the connection, for an engine started with --tls-cert. An SSH tunnel needs none",
        default=False,
    )
    ca_file: StringProperty(
        name="CA File",
        description="The certificate to trust, in PEM format: that of the authority, or a self-signed one itself. "
        "Leave empty to trust what the system trusts",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "use_running_engine")
        if self.use_running_engine:
            layout.prop(self, "host")
            layout.prop(self, "port")
            layout.prop(self, "token")
            if not self.token:
                layout.prop(self, "token_file")
            layout.prop(self, "use_tls")
            if self.use_tls:
                layout.prop(self, "ca_file")
        else:
            layout.prop(self, "device")
            layout.prop(self, "engine_python")
            if not self.engine_python:
                layout.prop(self, "set_up_python")
                layout.prop(self, "torch_index")
                row = layout.row(align=True)
                row.operator("hashlight.set_up_engine", text="Set Up Engine (CPU)", icon="IMPORT").device = "cpu"
                row.operator("hashlight.set_up_engine", text="Set Up Engine (CUDA)").device = "cuda"
            layout.operator("hashlight.check_engine", icon="CHECKMARK")
            draw_check(layout, context)


def get_preferences(context: bpy.types.Context | None = None) -> HASHLIGHT_preferences:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[__package__].preferences


CLASSES = (HASHLIGHT_preferences,)
