"""A warning of the plan, or of what a capture found: a text that says what is wrong, and buttons that put it right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

from engine.link.json_files import JsonError, parse_json

from .layouts.layout import Layout


@dataclasses.dataclass(frozen=True)
class Cure:
    """A button: ``label``, and the ``operator`` that it runs with ``properties``, which JSON can hold. ``option``: what
    does the same on the command line, if anything does."""

    label: str
    operator: str
    properties: Mapping[str, object] = dataclasses.field(default_factory=dict)
    option: str = ""


@dataclasses.dataclass(frozen=True)
class PlanWarning:
    """``words``: one line."""

    words: str
    cures: tuple[Cure, ...] = ()


def list_names(names: Sequence[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def pack(cures: Iterable[Cure]) -> str:
    """``cures`` as a text for a .blend to keep."""
    return json.dumps([dataclasses.asdict(cure) for cure in cures])


def unpack(text: str) -> list[Cure]:
    """What ``pack`` was given. Nothing of a text that it did not make."""
    try:
        return [Cure(**each) for each in parse_json(text or "[]")]
    except (TypeError, JsonError):
        return []


FIT = Cure("Fit Bounds", "hashlight.fit_bounds", option="--fit")
WITHOUT_DEPTH = Cure("Capture Without Depth", "hashlight.capture_without_depth")
WITH_CYCLES = Cure("Use Cycles", "hashlight.use_cycles")
PLAN = Cure("Plan Cameras", "hashlight.plan_cameras", option="--plan")
ADD_SUN = Cure("Add Sun", "object.light_add", {"type": "SUN"})
WITHOUT_BLUR = Cure("Turn Off Motion Blur", "hashlight.turn_off_motion_blur")
FIND_FILES = Cure("Find Missing Files", "file.find_missing_files")
BAKE_DYNAMICS = Cure("Bake All Dynamics", "ptcache.bake_all", {"bake": True})
OUTSIDE = "lie outside the bounds"  # in the warning of that
CAMERAS, MESHES, LIGHTS = "Cameras", "Meshes", "Lights"  # what there is to select


def include_collections(names: Iterable[str]) -> Cure:
    """Show the collections called ``names`` in the view layer that is captured."""
    return Cure("Show Here", "hashlight.include_collections", {"names": "\n".join(names)})


def link_cameras(names: Iterable[str]) -> Cure:
    """Have the cameras called ``names`` in this scene, too."""
    return Cure("Link to This Scene", "hashlight.link_cameras", {"names": "\n".join(names)})


def use_layout(layout: Layout) -> Cure:
    """Choose ``layout``, with bounds and cameras for it."""
    option = f"--cameras {layout.identifier.lower()} --fit"
    return Cure(f"Use {layout.label}", "hashlight.use_layout", {"rig": layout.identifier}, option)


def leave_out(names: Iterable[str], fit: bool = False) -> Cure:
    """Capture all but the objects called ``names``; ``fit``: with bounds and cameras for the rest."""
    label = "Leave Out and Fit" if fit else "Leave Out"
    option = "--collection NAME of all the rest" + (" --fit" if fit else "")
    return Cure(label, "hashlight.leave_out", {"names": "\n".join(names), "fit": fit}, option)


def disable_in_renders(names: Iterable[str]) -> Cure:
    """Hide the objects called ``names`` from renders."""
    return Cure("Disable in Renders", "hashlight.disable_in_renders", {"names": "\n".join(names)})


def select(names: Iterable[str], what: str = "") -> Cure:
    """Select the objects called ``names``. ``what`` they are, for the button's label."""
    label = f"Select {what}" if what else "Select"
    return Cure(label, "hashlight.select_objects", {"names": "\n".join(names)})


def fit_field_of_view(angle: float) -> Cure:
    """Give planned cameras the opening ``angle``, in radians."""
    return Cure("Fit Field of View", "hashlight.fit_field_of_view", {"angle": angle})


def use_dithered(materials: Iterable[str]) -> Cure:
    """Have EEVEE draw the materials called ``materials`` with depth."""
    return Cure("Use Dithered", "hashlight.use_dithered", {"names": "\n".join(materials)})
