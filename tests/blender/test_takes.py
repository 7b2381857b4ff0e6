"""Takes: several captures of a scene, each with its run and bakes; deleted and replaced ones go into a bin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from capture_jobs import capture, count_pictures, start_capture, widen_bounds

Import = Callable[[str], ModuleType]


@pytest.fixture
def session(planned_scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """The session folder of the small scene, with 3 + 1 planned views that take a moment to capture."""
    settings = planned_scene.hashlight
    settings.folder = str(tmp_path / "scene.hashlight")
    settings.capture.resolution_x = settings.capture.resolution_y = 16
    settings.capture.training_views = 2
    return tmp_path / "scene.hashlight"


def _names(addon: Import, scene: bpy.types.Scene) -> list[str]:
    return [take.name for take in addon("takes.switching").takes_of(scene)]


def test_a_session_folder_from_before_takes_opens_as_the_first(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, drawn: Callable[[str], str]
) -> None:
    capture()
    assert (session / "capture" / "manifest.json").is_file(), "where it always was"
    assert _names(addon, planned_scene) == ["Take 1"]
    assert len(addon("capture.captured_views").captured_views(planned_scene)) == 3
    assert bpy.ops.hashlight.new_take() == {"FINISHED"}
    assert _names(addon, planned_scene) == ["Take 1", "Take 2"]
    assert not addon("capture.captured_views").captured_views(planned_scene)
    assert bpy.ops.hashlight.open_take(take="Take 1") == {"FINISHED"}
    assert planned_scene.hashlight.take == ""
    assert len(addon("capture.captured_views").captured_views(planned_scene)) == 3
    assert "Take 1 Take 2" in drawn("HASHLIGHT_PT_takes")


def test_a_new_take_has_a_capture_of_its_own(addon: Import, planned_scene: bpy.types.Scene, session: Path) -> None:
    capture()
    widen_bounds(planned_scene)
    bpy.ops.hashlight.new_take(name="Wide: 2nd/try")
    capture()
    folder = session / "takes" / "wide-2nd-try"
    assert addon("folders").capture_folder(planned_scene) == folder / "capture"
    assert count_pictures(session) == count_pictures(folder) == 3
    before, now = (json.loads((place / "capture/manifest.json").read_bytes()) for place in (session, folder))
    assert before["bounds"] != now["bounds"]
    bpy.ops.hashlight.new_take(name="wide 2nd try")
    assert planned_scene.hashlight.take == "wide-2nd-try-2", "no two takes share a folder"
    with pytest.raises(RuntimeError, match="There is a take called WIDE 2ND TRY already"):
        bpy.ops.hashlight.new_take(name="WIDE 2ND TRY")


@pytest.mark.parametrize("change", ["bounds", "size", "samples", "camera"])
def test_a_changed_plan_offers_another_take_and_touches_nothing(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, change: str
) -> None:
    settings = planned_scene.hashlight.capture
    settings.radius = 5.0  # so that cameras stay when the bounds grow
    capture()
    before = (session / "capture" / "manifest.json").read_bytes()
    if change == "bounds":
        widen_bounds(planned_scene)
    elif change == "size":
        settings.resolution_x = settings.resolution_y = 24
    elif change == "samples":
        planned_scene.cycles.samples = 2
    else:
        bpy.data.objects["train_001"].location.x += 0.5
    with pytest.raises(RuntimeError, match="capture into a new take, or replace what is there"):
        bpy.ops.hashlight.capture()
    assert (session / "capture" / "manifest.json").read_bytes() == before
    bpy.ops.hashlight.new_take(then="CAPTURE")
    assert count_pictures(session / "takes" / "take-2") == 3
    assert (session / "capture" / "manifest.json").read_bytes() == before


def test_a_capture_that_has_no_picture_yet_is_in_no_ones_way(
    addon: Import, planned_scene: bpy.types.Scene, session: Path
) -> None:
    with start_capture(addon, planned_scene):
        pass
    widen_bounds(planned_scene)
    capture()
    assert count_pictures(session) == 3


def test_replace_moves_the_former_capture_into_the_bin(
    addon: Import, planned_scene: bpy.types.Scene, session: Path
) -> None:
    bpy.ops.hashlight.rename_take(name="Hero")
    capture()
    former = (session / "capture" / "manifest.json").read_bytes()
    (session / "run").mkdir()
    (session / "run" / "run.json").write_text("{}")
    widen_bounds(planned_scene)
    assert bpy.ops.hashlight.replace_take(then="CAPTURE") == {"FINISHED"}
    (kept,) = (session / "bin").iterdir()
    assert (kept / "capture" / "manifest.json").read_bytes() == former
    assert count_pictures(kept) == 3
    assert (kept / "run" / "run.json").is_file()
    assert not (session / "run").exists()
    assert count_pictures(session) == 3
    assert (session / "capture" / "manifest.json").read_bytes() != former
    assert _names(addon, planned_scene) == ["Hero"]


def test_rename_moves_no_file(addon: Import, planned_scene: bpy.types.Scene, session: Path) -> None:
    capture()
    bpy.ops.hashlight.rename_take(name="  Old   hero ")
    assert _names(addon, planned_scene) == ["Old hero"]
    assert count_pictures(session) == 3
    bpy.ops.hashlight.new_take(name="Other")
    bpy.ops.hashlight.rename_take(name="OTHER")  # of itself
    for name, words in (("old hero", "There is a take called"), (" ", "needs a name"), ("x" * 61, "at most 60")):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.hashlight.rename_take(name=name)
    assert _names(addon, planned_scene) == ["Old hero", "OTHER"]
    assert (session / "takes" / "other").is_dir()
    with pytest.raises(RuntimeError, match="there is no take 'Third': there are Old hero, OTHER"):
        bpy.ops.hashlight.open_take(take="Third")


def test_delete_moves_a_take_into_the_bin_and_opens_the_one_before(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, drawn: Callable[[str], str]
) -> None:
    capture()
    bpy.ops.hashlight.new_take(name="Second")
    planned_scene.hashlight.run.step = 7
    baked = session / "takes" / "second" / "bakes" / "turn" / "frame_0001.png"
    baked.parent.mkdir(parents=True)
    baked.write_bytes(b"png")
    image = bpy.data.images.new("Baked", 4, 4)
    image.filepath = str(baked)
    assert bpy.ops.hashlight.delete_take() == {"FINISHED"}
    (kept,) = (session / "bin").iterdir()
    moved = kept / "takes" / "second" / "bakes" / "turn" / "frame_0001.png"
    assert moved.read_bytes() == b"png"
    assert Path(bpy.path.abspath(image.filepath)).resolve() == moved, "what shows the bake goes on showing it"
    assert "".join(f"Second is in {kept} now".split()) in "".join(drawn("HASHLIGHT_PT_takes").split())
    assert _names(addon, planned_scene) == ["Take 1"]
    assert planned_scene.hashlight.take == ""
    assert planned_scene.hashlight.run.step == 0
    bpy.ops.hashlight.new_take(name="Second")
    assert planned_scene.hashlight.take == "second-2", "an engine elsewhere may hold the run of the other still"
    bpy.ops.hashlight.delete_take(take="Take 1")
    assert count_pictures(session) == 0
    assert _names(addon, planned_scene) == ["Second"]
    bpy.ops.hashlight.delete_take()
    assert _names(addon, planned_scene) == ["Take 1"]
    with pytest.raises(RuntimeError, match="Take 1 holds nothing yet"):
        bpy.ops.hashlight.delete_take()


def test_what_cannot_be_moved_stays_whole(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture()
    (session / "run").mkdir()
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "run":
            raise PermissionError(13, "in use", str(self))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(RuntimeError, match=r"run: can't be moved into the bin \(in use\)"):
            bpy.ops.hashlight.delete_take()
    assert count_pictures(session) == 3
    assert (session / "run").is_dir()
    assert not addon("folder_lock").is_held(session)


def test_the_runs_figures_go_with_their_take_and_undo_changes_neither(
    addon: Import, planned_scene: bpy.types.Scene, session: Path
) -> None:
    planned_scene.hashlight.run.step, planned_scene.hashlight.run.score = 500, "PSNR 30.50 dB"
    bpy.ops.hashlight.new_take()
    assert planned_scene.hashlight.run.step == 0
    planned_scene.hashlight.run.step = 20
    bpy.ops.hashlight.open_take(take="Take 1")
    assert (planned_scene.hashlight.run.step, planned_scene.hashlight.run.score) == (500, "PSNR 30.50 dB")
    bpy.ops.hashlight.open_take(take="Take 2")
    assert planned_scene.hashlight.run.step == 20

    bpy.ops.ed.undo_push(message="before")
    bpy.ops.hashlight.open_take(take="Take 1")
    bpy.data.objects["Cube"].location.x = 2.0
    bpy.ops.ed.undo_push(message="Move")
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert bpy.data.objects["Cube"].location.x == 0.0
    assert (scene.hashlight.take, scene.hashlight.run.step) == ("", 500)


def test_takes_stay_as_they_are_while_one_is_used(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, drawn: Callable[[str], str]
) -> None:
    capture()
    bpy.ops.hashlight.new_take()
    with start_capture(addon, planned_scene) as job:
        addon("capture.current_capture").begin(job, None)
        for name in ("new_take", "open_take", "rename_take", "delete_take", "replace_take"):
            assert not getattr(bpy.ops.hashlight, name).poll(), name
        assert "A capture is in progress: stop it first" in drawn("HASHLIGHT_PT_takes")
        bpy.context.window_manager.hashlight_take_index = 0
        assert planned_scene.hashlight.take == "take-2"
        addon("capture.current_capture").end()
    bpy.context.window_manager.hashlight_take_index = 0
    assert planned_scene.hashlight.take == ""


def test_one_blender_at_a_time_works_in_all_takes(addon: Import, planned_scene: bpy.types.Scene, session: Path) -> None:
    bpy.ops.hashlight.new_take()
    with start_capture(addon, planned_scene):
        assert addon("folder_lock").is_held(session)
    assert not addon("folder_lock").is_held(session)


def test_the_list_shows_views_score_and_disk_use_as_counted_in_a_thread(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, drawn: Callable[[str], str]
) -> None:
    capture()
    (session / "run").mkdir()
    (session / "run" / "run.json").write_text(json.dumps({"history": [{"psnr": 20.0}, {"psnr": 27.94}]}))
    (session / "run" / "snapshot.bin").write_bytes(bytes(3_000_000))
    size = addon("takes.usage").describe_bytes(
        sum(file.stat().st_size for file in session.rglob("*") if file.is_file())
    )
    assert size.endswith("MB")
    bpy.ops.hashlight.new_take(name="Empty")
    assert "Empty: 0 B on disk" in drawn("HASHLIGHT_PT_takes")
    rows = [(item.name, item.views, item.score, item.size) for item in bpy.context.window_manager.hashlight_takes]
    assert rows == [("Take 1", 3, "27.94 dB", size), ("Empty", 0, "", "0 B")]
    assert bpy.context.window_manager.hashlight_take_index == 1
    listing, background = addon("takes.listing"), addon("background")
    work = background.Task(lambda: addon("takes.usage").measure(session, ""), "test")  # needs no Blender
    assert work.result().takes[0].views == 3
    bpy.context.window_manager.hashlight_takes[1].name = "Typed"
    assert _names(addon, planned_scene) == ["Take 1", "Typed"]
    bpy.context.window_manager.hashlight_takes[1].name = "Take 1"
    assert _names(addon, planned_scene) == ["Take 1", "Typed"]
    listing.look_again()
    drawn("HASHLIGHT_PT_takes")
    assert [item.name for item in bpy.context.window_manager.hashlight_takes] == ["Take 1", "Typed"]
    bpy.ops.hashlight.delete_take(take="Take 1")
    assert f"In the bin: {size}" in drawn("HASHLIGHT_PT_takes")


def test_takes_are_counted_in_a_file_that_is_opened_while_those_of_the_former_are(
    addon: Import, scene: bpy.types.Scene, drawn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = addon("background").Task(lambda: None, "test")
    monkeypatch.setattr(addon("takes.listing"), "_measuring", task)  # Blender has thrown its timer away
    assert "Counting" in drawn("HASHLIGHT_PT_takes")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert "Take 1" in drawn("HASHLIGHT_PT_takes")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345, "12 kB"), (999_600, "1.0 MB"), (10**13, "10 TB")],
)
def test_sizes_are_said_as_file_managers_do(addon: Import, scene: bpy.types.Scene, size: int, words: str) -> None:
    assert addon("takes.usage").describe_bytes(size) == words
