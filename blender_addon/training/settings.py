"""How the field is trained, as ``scene.hashlight.training``, and how its run stood, as ``scene.hashlight.run``."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from engine.link.presets import AUTO, PRESETS

_PRESET_LABELS = {AUTO: "Automatic", "cpu": "CPU", "gpu": "GPU"}
_PRESETS = tuple((name, _PRESET_LABELS.get(name, name.title()), words) for name, words in PRESETS.items())


class HASHLIGHT_PG_training(bpy.types.PropertyGroup):
    seconds: FloatProperty(
        name="Training Time",
        description="Training time to plan for; training then stops by itself. 0 goes on until it is paused",
        default=90.0,
        min=0.0,
        max=1e6,
        soft_max=3600.0,
        subtype="TIME_ABSOLUTE",
    )
    evaluate_every: FloatProperty(
        name="Evaluate Every",
        description="Seconds of training between two scores of the held-out views, 0 for none",
        default=15.0,
        min=0.0,
        max=1e6,
        soft_max=600.0,
        subtype="TIME_ABSOLUTE",
    )
    preset: EnumProperty(
        name="Preset",
        description="The engine's set of training parameters",
        items=_PRESETS,
        default=AUTO,
    )
    seed: IntProperty(name="Seed", description="Makes training repeatable", default=0, min=0)


class HASHLIGHT_PG_run(bpy.types.PropertyGroup):
    """How the run stood when the .blend was saved; the run itself is in the session folder."""

    step: IntProperty(name="Step", description="Training steps that the saved run has behind it", default=0, min=0)
    seconds: FloatProperty(
        name="Seconds",
        description="Training time that the saved run has behind it",
        default=0.0,
        min=0.0,
        subtype="TIME_ABSOLUTE",
    )
    psnr: FloatProperty(name="PSNR", description="The saved run's last score on held-out views, in dB", default=0.0)
