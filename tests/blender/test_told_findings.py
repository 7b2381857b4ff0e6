"""Warnings in the panel keep their rows while the pointer is over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest

Import = Callable[[str], ModuleType]
Tell = Callable[..., list[tuple[str, bool]]]


@pytest.fixture
def tell(addon: Import, scene: bpy.types.Scene) -> Tell:
    """Tells warnings of these words, each with a button to select something, and gives the rows: words, settled."""
    warnings, told = addon("capture.plan_warnings"), addon("capture.told_findings")
    findings = scene.hashlight.capture.plan_findings

    def tell(*words: str, keeps_places: bool = True) -> list[tuple[str, bool]]:
        told.tell([warnings.PlanWarning(each, (warnings.PLAN,)) for each in words], findings, keeps_places)
        return [(finding.words, finding.is_settled) for finding in findings]

    return tell


def test_what_holds_no_more_stays_in_its_row_and_what_is_new_comes_last(tell: Tell, scene: bpy.types.Scene) -> None:
    tell("Glass: Bottle", "Ball moves", keeps_places=False)
    assert tell("Black", "Ball moves") == [("Glass: Bottle", True), ("Ball moves", False), ("Black", False)]
    assert scene.hashlight.capture.plan_warnings == "Ball moves\nBlack"
    assert tell("Ball moves") == [("Glass: Bottle", True), ("Ball moves", False), ("Black", True)]
    assert tell("Glass: Bottle", "Black") == [("Glass: Bottle", False), ("Ball moves", True), ("Black", False)]
    assert tell("Black", keeps_places=False) == [("Black", False)]


def test_other_numbers_and_names_do_not_make_another_warning(tell: Tell) -> None:
    tell("Sweep hides 3 of 14 cameras", "Glass: Bottle", keeps_places=False)
    assert tell("Glass: Vase", "Sweep hides 2 of 14 cameras") == [
        ("Sweep hides 2 of 14 cameras", False),
        ("Glass: Vase", False),
    ]


def test_what_a_capture_found_is_told_once_the_pointer_has_left_the_panel(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, findings = addon("capture.told_findings"), scene.hashlight.capture.capture_findings
    is_pointed_at = True
    monkeypatch.setattr(addon("pointer"), "rests_on_our_panels", lambda: is_pointed_at)
    told.tell_later([addon("capture.plan_warnings").PlanWarning("All views are black")], scene)
    assert told._tidy() is not None and not findings
    is_pointed_at = False
    assert told._tidy() is None and [finding.words for finding in findings] == ["All views are black"]
    told.tell_later([addon("capture.plan_warnings").PlanWarning("Another")], scene)
    told.forget_waiting(scene)  # the next capture has begun
    told._tidy()
    assert [finding.words for finding in findings] == ["All views are black"]


def test_warnings_that_begin_with_a_number_keep_their_rows_apart(tell: Tell) -> None:
    tell("1 object moves (Ball): go on", "1 file is missing (wood.png): find it", keeps_places=False)
    assert tell("2 files are missing (oak.png, wood.png): find them", "2 objects move (Ball, Cube): go on") == [
        ("2 objects move (Ball, Cube): go on", False),
        ("2 files are missing (oak.png, wood.png): find them", False),
    ]


def test_a_file_that_was_saved_meanwhile_opens_without_what_is_settled(
    tell: Tell, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    tell("Glass: Bottle", "Black", keeps_places=False)
    tell("Black")
    scene.hashlight.capture.settings_rows = 1
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    settings = bpy.context.scene.hashlight.capture
    assert [(finding.words, finding.is_settled) for finding in settings.plan_findings] == [("Black", False)]
    assert settings.settings_rows == -1
