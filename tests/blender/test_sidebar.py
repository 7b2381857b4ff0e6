"""The sidebar: one reason for a grey button, finished steps folded, nothing of another file."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import pytest
from ball_dataset import HEIGHT, WIDTH, write_dataset
from capture_jobs import start_capture
from drawn_words import rows_drawn_by

from engine.link.messages import Evaluation, JobUpdate, Status
from engine.link.scoring import RADIANCE_FIELD_METRICS

Import = Callable[[str], ModuleType]


def _reason(operator: str) -> str:
    """Why the button of ``operator`` is grey."""
    with pytest.raises(RuntimeError) as caught:
        getattr(bpy.ops.hashlight, operator)()
    return str(caught.value)


NEED_A_RUN = ("train", "preview", "preview_live", "evaluate", "bake", "restart_training", "save_snapshot")


def _pretend_captured(addon: Import, scene: bpy.types.Scene) -> None:
    images = addon("folders").capture_folder(scene) / "images"
    images.mkdir(parents=True)
    (images / "train_000.exr").write_bytes(b"")


def test_a_grey_button_names_what_is_to_be_done_next(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", sys.executable)
    scene.hashlight.folder = str(tmp_path / "job")
    for operator in NEED_A_RUN:
        assert "Nothing is captured yet: Capture and Train" in _reason(operator), operator
    _pretend_captured(addon, scene)
    assert bpy.ops.hashlight.train.poll()
    assert "Nothing is trained yet: press Train" in _reason("bake")
    scene.hashlight.run.step = 10
    scene.camera = None
    assert "The scene has no camera: add one" in _reason("preview")
    assert bpy.ops.hashlight.bake.poll()


@pytest.mark.parametrize("is_trained", [False, True])
def test_without_an_engine_every_button_that_needs_one_sends_to_the_set_up(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trained: bool
) -> None:
    monkeypatch.delenv("HASHLIGHT_ENGINE_PYTHON", raising=False)
    scene.hashlight.folder = str(tmp_path / "job")
    _pretend_captured(addon, scene)
    scene.hashlight.run.step = 10 if is_trained else 0
    for operator in (*NEED_A_RUN, "capture_and_train", "compare_view"):
        assert "No engine is set up yet. Use the Set Up panel" in _reason(operator), operator
    assert bpy.types.HASHLIGHT_PT_setup.poll(bpy.context)
    assert bpy.ops.hashlight.capture.poll() and bpy.ops.hashlight.look_through_view.poll()


def test_the_plan_is_folded_to_a_line_once_views_are_captured(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str]
) -> None:
    settings, panel = scene.hashlight.capture, "HASHLIGHT_PT_capture"
    scene.hashlight.folder = str(tmp_path / "job")
    settings.training_views, settings.held_out_views = 2, 1
    settings.resolution_x, settings.resolution_y = 16, 12
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    bpy.ops.mesh.primitive_cube_add()
    output = bpy.types.HASHLIGHT_PT_capture_output
    assert "Plan Cameras" in drawn(panel) and output.poll(bpy.context)
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    words = drawn(panel)
    assert "3 views captured, 16 x 12" in words and "Capture and Train" in words
    assert "Plan Cameras" not in words and not output.poll(bpy.context)
    settings.show_settings = True
    assert "Plan Cameras" in drawn(panel) and "3 views captured" in drawn(panel)
    settings.show_settings = False
    assert bpy.ops.hashlight.new_take() == {"FINISHED"}
    assert settings.show_settings and "Plan Cameras" in drawn(panel), "a new take has no views yet"


def test_an_interrupted_capture_says_how_much_is_missing(
    addon: Import, planned_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    with start_capture(addon, planned_scene) as job:
        next(job)
    assert "1 of 4 views captured" in drawn("HASHLIGHT_PT_capture")


def test_imported_views_are_not_called_captured(
    addon: Import,
    scene: bpy.types.Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: Callable[[str], str],
) -> None:
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable)
    scene.hashlight.folder = str(tmp_path / "job")
    path = write_dataset(tmp_path / "ball", count=3)
    assert bpy.ops.hashlight.import_dataset(filepath=str(path), holdout=0) == {"FINISHED"}
    assert addon("session.registry").pump_until(lambda: not addon("importing.imports").is_importing(), 120.0)
    assert f"3 views imported, {WIDTH} x {HEIGHT}" in drawn("HASHLIGHT_PT_capture")


def test_eevees_pace_is_told_until_views_are_captured(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str]
) -> None:
    scene.hashlight.folder = str(tmp_path / "job")
    scene.render.engine = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"
    assert "compiles its shaders" in drawn("HASHLIGHT_PT_capture")
    _pretend_captured(addon, scene)
    scene.hashlight.capture.show_settings = False
    assert "compiles its shaders" not in drawn("HASHLIGHT_PT_capture")


def test_what_the_engine_says_of_a_training_begins_with_a_capital(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, drawn: Callable[[str], str]
) -> None:
    status = Status(state="warming up", message="opening run")
    session = SimpleNamespace(status=status, evaluations=[], wants_training=False, is_scoring=False)
    monkeypatch.setattr(addon("training.run"), "session_of", lambda _scene: session)
    assert "Opening run" in drawn("HASHLIGHT_PT_train")


def test_training_fills_the_same_rows_from_the_first_view_to_the_last_step(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = SimpleNamespace(scores={"psnr": 30.0, "subject_psnr": 27.0}, seconds=9.0)
    session = SimpleNamespace(
        status=None, evaluations=[], wants_training=True, metrics=RADIANCE_FIELD_METRICS, is_scoring=False
    )
    monkeypatch.setattr(addon("training.run"), "session_of", lambda _scene: session)
    rows = []
    for state, message, awaited, evaluations in (
        ("warming up", "opening run", 16, []),
        ("training", "rendering comes first on this CPU", 16, [score]),
        ("training", "rendering comes first on this CPU", 0, [score]),
        ("training", "", 0, [score]),
        ("paused", "", 0, [score]),
        ("finished", "", 0, [score]),
    ):
        session.status = Status(state=state, message=message, progress=0.5)
        session.evaluations = evaluations
        monkeypatch.setattr(addon("training.run"), "awaited_views", lambda awaited=awaited: awaited)
        rows.append(rows_drawn_by(bpy.types.HASHLIGHT_PT_train, bpy.context))
    assert len(set(rows)) == 1, rows


@pytest.fixture
def problem(addon: Import, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the engine be lost, for the reason that is given, with words that fill many lines."""

    def lose(words: str) -> None:
        failure = addon("session.failure").Failure(
            f"{words}: " + "the end of its log says much " * 9, "Start it again."
        )
        session = addon("session.engine_session").EngineSession(None)
        session.failure = failure
        monkeypatch.setattr(addon("session.registry"), "_session", session)

    return lose


def test_a_problem_moves_nothing_and_is_told_whole_by_a_button(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str], problem: Callable[[str], None]
) -> None:
    scene.hashlight.folder = str(tmp_path / "job")
    _pretend_captured(addon, scene)
    panels = {panel: rows_drawn_by(panel, bpy.context) for panel in _panels_of_the_sidebar(addon)}
    scene.hashlight.run.step, scene.hashlight.run.score = 911, "PSNR 27.25 dB (soft)"
    assert "911 steps" in drawn("HASHLIGHT_PT_train") and "27.25" in drawn("HASHLIGHT_PT_train")
    problem("The engine was killed")
    assert "The engine was killed" in drawn("HASHLIGHT_PT_train")
    words = drawn("HASHLIGHT_PT_problem")
    assert "the end of its log" in words and "Start it again." in words and "Start" in words
    assert {panel: rows_drawn_by(panel, bpy.context) for panel in _panels_of_the_sidebar(addon)} == panels


def _panels_of_the_sidebar(addon: Import) -> list[type[bpy.types.Panel]]:
    """Those that are there just now."""
    modules = importlib.import_module(addon("properties").__package__).MODULES
    classes = [cls for module in modules for cls in module.CLASSES if issubclass(cls, bpy.types.Panel)]
    in_sidebar = [cls for cls in classes if cls.bl_region_type == "UI"]
    return [cls for cls in in_sidebar if not hasattr(cls, "poll") or cls.poll(bpy.context)]


def test_quality_has_its_rows_before_there_is_any_figure(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scene.hashlight.folder = str(tmp_path / "job")
    _pretend_captured(addon, scene)
    scene.hashlight.capture.held_out_views = 4
    panel, scores = bpy.types.HASHLIGHT_PT_quality, addon("review.scores")
    rows = [rows_drawn_by(panel, bpy.context)]
    status = Status(state="training")
    session = SimpleNamespace(status=status, evaluations=[], metrics={}, source=None, run_name="run", takes_views=True)
    monkeypatch.setattr(addon("review.panel"), "session_of", lambda _scene: session)
    scores.note_run(session, SimpleNamespace(run="run", step=0))
    rows.append(rows_drawn_by(panel, bpy.context))
    for count in (1, 2, 4):
        scores.loss_history.add(float(count), 1.0 / count)
        items = {f"test_{number:03}": {"subject_psnr": 20.0 + number} for number in range(count)}
        session.evaluations.append(Evaluation(step=count, seconds=count, scores={"subject_psnr": 20.0}, items=items))
        session.metrics = RADIANCE_FIELD_METRICS
        rows.append(rows_drawn_by(panel, bpy.context))
    scores.loss_history.clear()
    assert len(set(rows)) == 1, rows


def test_what_is_said_of_a_comparison_moves_nothing(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scene.hashlight.folder = str(tmp_path / "job")
    _pretend_captured(addon, scene)
    rows = set()
    for words in (
        "train_000: waiting for the engine",
        "train_000, the field left, captured right: PSNR 30.55 dB (very good) at 1 min 30 s",
    ):
        monkeypatch.setattr(addon("review.comparison"), "describe", lambda _scene, words=words: words)
        rows.add(rows_drawn_by(bpy.types.HASHLIGHT_PT_compare, bpy.context))
    assert len(rows) == 1, rows


def test_done_is_said_when_the_last_score_is_there(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, drawn: Callable[[str], str]
) -> None:
    from engine.link.messages import JobUpdate, Status  # the extension's, not those of this module

    session = addon("session.engine_session").EngineSession(None)
    monkeypatch.setattr(addon("training.run"), "session_of", lambda _scene: session)
    session._note(Status(state="idle"))
    session._engine_state.run = SimpleNamespace(item="view")
    session._note(Status(state="finished", progress=1.0))
    for state, words in (("running", "Scoring"), ("done", "Done")):
        session._note(JobUpdate(job="scheduled evaluation 2", state=state, done=0, total=3))
        assert words in drawn("HASHLIGHT_PT_train")


def test_frames_of_another_scene_are_not_told_of(addon: Import, scene: bpy.types.Scene) -> None:
    jobs = addon("bake.jobs")
    done = JobUpdate(job="turntable", state="done", done=3, total=3, eta_seconds=0.0)
    session = SimpleNamespace(jobs={"turntable": done})
    bake = SimpleNamespace(scene=scene.name, delivery=None)
    jobs._bakes["turntable"], jobs._last_job = bake, "turntable"
    try:
        assert jobs.last_update(session, scene) is done
        other = bpy.data.scenes.new("Other")
        assert jobs.last_update(session, other) is None and jobs.last_delivery(other) is None
    finally:
        jobs._bakes.clear()
        jobs.forget_last()


def _words_of(rna: bpy.types.bpy_struct, owner: str) -> Iterator[tuple[str, str]]:
    """The label and tooltip of a class, of its properties and of their choices, with where each is from."""
    yield owner, rna.name
    yield owner, rna.description
    for item in rna.properties:
        if item.identifier != "rna_type":
            texts = [item.name, item.description]
            if item.type == "ENUM":
                texts += [text for choice in item.enum_items for text in (choice.name, choice.description)]
            yield from ((f"{owner}.{item.identifier}", text) for text in texts)


def test_labels_and_tooltips_are_in_blenders_words(addon: Import, scene: bpy.types.Scene) -> None:
    properties = scene.hashlight.capture.bl_rna.properties
    assert properties["rig"].name == "Cameras" and properties["held_out_views"].name == "Test Views"
    assert bpy.types.HASHLIGHT_PT_bake.bl_label == "Render from Field"
    others_words = re.compile(r"\b(bak(e|ed|es|ing)|rigs?|held[ -]out|anew)\b", re.IGNORECASE)
    words, count = [], 0
    for module in importlib.import_module(addon("properties").__package__).MODULES:
        for cls in module.CLASSES:
            if issubclass(cls, bpy.types.Operator):
                rna = getattr(bpy.ops.hashlight, cls.bl_idname.partition(".")[2]).get_rna_type()
            else:
                rna = cls.bl_rna
            words += [each for each in _words_of(rna, cls.__name__) if others_words.search(each[1])]
            words += [(cls.__name__, cls.bl_label)] if others_words.search(getattr(cls, "bl_label", "")) else []
            count += 1
    assert count > 60 and not words
