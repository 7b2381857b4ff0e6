"""How the field is trained, as ``scene.hashlight.training``, and how its run stood, as ``scene.hashlight.run``."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from engine.link.presets import AUTO, DEFAULT_FIELD, FIELDS, PRESETS, PRIOR_FIELD

_LONGEST = 1e9  # seconds, as in messages
_PRESET_LABELS = {AUTO: "Automatic", "cpu": "CPU", "gpu": "GPU"}
_PRESETS = tuple((name, _PRESET_LABELS.get(name, name.title()), words) for name, words in PRESETS.items())

FIELD_LABELS = {
    DEFAULT_FIELD: "Hash Grid",
    "nerf": "NeRF",
    "nerf-hierarchical": "Hierarchical NeRF",
    PRIOR_FIELD: "PixelNeRF",
}
_FIELDS = tuple((name, FIELD_LABELS.get(name, name.title()), words) for name, words in FIELDS.items())


class HASHLIGHT_PG_training(bpy.types.PropertyGroup):
    seconds: FloatProperty(
        name="Training Time",
        description="Stop training after this time. 0 trains until paused",
        default=90.0,
        min=0.0,
        max=1e6,
        soft_max=3600.0,
        subtype="TIME_ABSOLUTE",
    )
    evaluate_every: FloatProperty(
        name="Evaluate Every",
        description="Score the test views after so many seconds of training. 0 never does",
        default=15.0,
        min=0.0,
        max=1e6,
        soft_max=600.0,
        subtype="TIME_ABSOLUTE",
    )
    field: EnumProperty(
        name="Field",
        description="What learns the scene. Another one takes effect when training is restarted",
        items=_FIELDS,
        default=DEFAULT_FIELD,
    )
    use_prior: BoolProperty(
        name="Predict from Few Views",
        description="Show a prediction from the first view on, and learn from it while there are few views. Slow "
        "without a graphics card. Takes effect when training is restarted",
        default=False,
    )
    preset: EnumProperty(
        name="Preset",
        description="Size of the field, and how it is trained",
        items=_PRESETS,
        default=AUTO,
    )
    seed: IntProperty(name="Seed", description="Repeat a training with the same seed", default=0, min=0)


class HASHLIGHT_PG_run(bpy.types.PropertyGroup):
    """How the run stood when the .blend was saved; the run itself is in the session folder."""

    step: IntProperty(name="Step", description="Training steps that the saved run has behind it", default=0, min=0)
    seconds: FloatProperty(
        name="Seconds",
        description="Training time that the saved run has behind it",
        default=0.0,
        min=0.0,
        max=_LONGEST,
        subtype="TIME_ABSOLUTE",
    )
    since: FloatProperty(
        name="Counted Since",
        description="What was trained before that many seconds has used up none of the training time",
        default=0.0,
        min=0.0,
        max=_LONGEST,
        subtype="TIME_ABSOLUTE",
    )
    score: StringProperty(
        name="Score", description="The saved run's last score on test views, as text; empty if there is none"
    )
