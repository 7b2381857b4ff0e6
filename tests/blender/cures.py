"""What a plan is warned of, and the buttons beside it, pressed as the panel would."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy

Import = Callable[[str], ModuleType]


def plan(scene: bpy.types.Scene) -> str:
    """Plan the cameras, and give what is said of them."""
    bpy.context.view_layer.update()
    bpy.ops.hashlight.plan_cameras()
    return scene.hashlight.capture.plan_warnings


def press(addon: Import, scene: bpy.types.Scene, words: str, label: str, findings: str = "plan_findings") -> None:
    """Press the button ``label`` of the warning that has ``words`` in it, as the panel would."""
    (finding,) = [each for each in getattr(scene.hashlight.capture, findings) if words in each.words]
    cures = {cure.label: cure for cure in addon("capture.plan_warnings").unpack(finding.cures)}
    assert label in cures, list(cures)
    group, name = cures[label].operator.split(".")
    assert getattr(getattr(bpy.ops, group), name)(**cures[label].properties) == {"FINISHED"}
    bpy.context.view_layer.update()


def labels(addon: Import, scene: bpy.types.Scene, words: str) -> list[str]:
    """The buttons of the warning that has ``words`` in it, in their order."""
    (finding,) = [each for each in scene.hashlight.capture.plan_findings if words in each.words]
    return [cure.label for cure in addon("capture.plan_warnings").unpack(finding.cures)]
