"""Every number that can be set in the add-on has limits, whether a user, a script or a file sets it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest

Import = Callable[[str], ModuleType]

MOST = 1e9


def test_every_number_has_limits(addon: Import, extension: str) -> None:
    kinds = (*bpy.types.PropertyGroup.__subclasses__(), *bpy.types.Operator.__subclasses__())
    kinds += tuple(bpy.types.AddonPreferences.__subclasses__())
    checked = 0
    for kind in (each for each in kinds if each.__module__.startswith(extension) and each.is_registered):
        for prop in kind.bl_rna.properties:
            if prop.type == "FLOAT":
                assert -MOST <= prop.hard_min <= prop.hard_max <= MOST, f"{kind.__name__}.{prop.identifier}"
            elif prop.type == "INT":
                assert prop.hard_min >= -MOST, f"{kind.__name__}.{prop.identifier}"
            checked += prop.type in ("FLOAT", "INT")
    assert checked > 40


@pytest.mark.parametrize("value", [float("inf"), 1e38])
def test_cameras_are_planned_at_whatever_distance_is_set(
    addon: Import, planned_scene: bpy.types.Scene, value: float
) -> None:
    capture = planned_scene.hashlight.capture
    capture.radius = value
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    assert addon("capture.poses").planned_cameras(planned_scene)
