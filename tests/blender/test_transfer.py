"""Files on their way: copied, fetched through the link of a real engine, resumed, cancelled, refused."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from pumping import PATIENCE, wait_for

Import = Callable[[str], ModuleType]


def _drive(delivery: Any, timeout: float = 30.0) -> Any:
    deadline = time.monotonic() + timeout
    while delivery.poll():
        assert time.monotonic() < deadline, "the delivery does not end"
        time.sleep(0.005)
    return delivery


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- copying ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_links", [True, False])
def test_files_come_whole_and_only_where_they_changed(
    addon: Import, tmp_path: Path, knows_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another drive")

    if not knows_links:
        monkeypatch.setattr(os, "link", refuse)
    copying = addon("transfer.delivery").Copying
    source, target = tmp_path / "from", tmp_path / "to" / "deep"
    source.mkdir()
    for name in ("a.png", "b.png"):
        (source / name).write_bytes(name.encode() * 1000)
    files = [(source / name, target / name) for name in ("a.png", "b.png")]

    def copy() -> Any:
        delivery = copying(files)
        delivery.start()
        return _drive(delivery)

    assert (copy().state, copy().done) == ("done", 2)
    assert (target / "a.png").samefile(source / "a.png") == knows_links, "a drive keeps it once"
    kept = (target / "a.png").stat().st_ino
    (source / "new").write_bytes(b"new")
    (source / "new").replace(source / "b.png")  # as the engine writes
    assert (target / "b.png").read_bytes() == b"b.png" * 1000
    assert copy().state == "done"
    assert (target / "b.png").read_bytes() == b"new"
    assert (target / "a.png").stat().st_ino == kept
    (source / "a.png").unlink()
    failed = copy()
    assert failed.state == "failed" and "a.png" in failed.error
    assert _names(target) == ["a.png", "b.png"]


# --- fetching, by pieces as the link brings them ----------------------------------------------------------------------


class _Wire:
    """Answers requests for pieces of ``files`` (path to content), when told to."""

    def __init__(self, addon: Import, files: dict[str, bytes], folder: Path) -> None:
        self.files = files
        self.modified = dict.fromkeys(files, 1_700_000_000_123_456_789)
        self.asked: list[tuple[str, int]] = []
        targets = [(path, folder / path.rpartition("/")[2]) for path in files]
        self.fetching = addon("transfer.fetching").Fetching(targets, lambda *piece: self.asked.append(piece))
        self.fetching.start()

    def answer(self, most: int = 1_000_000) -> int:
        from engine.link.messages import MAX_CHUNK_BYTES, FileChunk

        pieces, self.asked[:most] = self.asked[:most], []
        for path, offset in pieces:
            data = self.files[path][offset : offset + MAX_CHUNK_BYTES]
            chunk = FileChunk(
                path=path,
                offset=offset,
                total=len(self.files[path]),
                modified=self.modified[path],
                data=np.frombuffer(data, np.uint8) if data else None,
            )
            self.fetching.take(chunk)
        return len(pieces)

    def finish(self) -> Any:
        deadline = time.monotonic() + 30.0
        while self.fetching.poll():
            assert time.monotonic() < deadline
            self.answer()
            time.sleep(0.002)
        return self.fetching


def _content(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def test_files_of_any_size_arrive_with_their_time(addon: Import, tmp_path: Path) -> None:
    files = {
        "run/empty.json": b"",
        "run/small.png": b"abc",
        "run/exact.exr": _content(2 << 20),
        "a.mp4": _content(5_000_001),
    }
    wire = _Wire(addon, files, tmp_path)
    assert wire.finish().state == "done"
    for path, content in files.items():
        target = tmp_path / path.rpartition("/")[2]
        assert target.read_bytes() == content
        assert abs(target.stat().st_mtime_ns - wire.modified[path]) < 1_000_000
    assert _names(tmp_path) == ["a.mp4", "empty.json", "exact.exr", "small.png"]


def test_no_more_is_asked_for_than_the_window_holds(addon: Import, tmp_path: Path) -> None:
    wire = _Wire(addon, {"a.mp4": _content(30 << 20)}, tmp_path)
    window = addon("transfer.fetching").WINDOW
    for _ in range(10):
        wire.fetching.poll()
        assert len(wire.asked) <= window
        wire.answer(1)
    assert wire.finish().state == "done"


def test_what_is_there_already_is_not_sent_again(addon: Import, tmp_path: Path) -> None:
    files = {"a.png": _content(3 << 20), "b.png": _content(100)}
    assert _Wire(addon, files, tmp_path).finish().state == "done"
    again = _Wire(addon, files, tmp_path)
    again.fetching.poll()
    assert sorted(again.asked) == [("a.png", 0), ("b.png", 0)]
    again.answer()
    assert again.finish().state == "done" and not again.asked


def test_a_cancelled_fetch_leaves_whole_files_alone(addon: Import, tmp_path: Path) -> None:
    files = {"a.png": _content(100), "b.mp4": _content(40 << 20)}
    wire = _Wire(addon, files, tmp_path)
    wire.fetching.poll()
    wire.answer(2)
    deadline = time.monotonic() + 10.0
    while wire.fetching.done < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    wire.fetching.cancel()
    assert _drive(wire.fetching).state == "cancelled"
    assert _names(tmp_path) == ["a.png"]


def test_a_file_that_is_written_anew_meanwhile_is_not_mixed(addon: Import, tmp_path: Path) -> None:
    wire = _Wire(addon, {"a.mp4": _content(4 << 20)}, tmp_path)
    wire.fetching.poll()
    wire.answer(1)
    wire.modified["a.mp4"] += 1_000_000_000
    ended = wire.finish()
    assert ended.state == "failed" and "a.mp4 was written again" in ended.error
    assert not _names(tmp_path)


def test_a_size_beyond_reason_is_refused(addon: Import, tmp_path: Path) -> None:
    from engine.link.messages import FileChunk

    wire = _Wire(addon, {"a.mp4": b"x"}, tmp_path)
    wire.fetching.poll()
    wire.fetching.take(FileChunk(path="a.mp4", offset=0, total=1 << 60, modified=0, data=np.zeros(1, np.uint8)))
    assert _drive(wire.fetching).error.startswith("a.mp4: ")


def test_only_what_a_bake_writes_is_taken_from_elsewhere(addon: Import) -> None:
    from engine.link.messages import BakeResult, JobUpdate

    for video, names in {
        "C:\\runs\\turn.mp4": ["frame_0001.png", "depth_0001.exr", "turn.mp4"],
        "/x/../..": ["frame_0001.png", "depth_0001.exr"],
        "/x/.bashrc": ["frame_0001.png", "depth_0001.exr"],
        "/x/other.mp4": ["frame_0001.png", "depth_0001.exr"],
    }.items():
        where = {"folder": "C:\\far\\away", "image_formats": ("png",), "depth": True, "video": video}
        update = JobUpdate(job="turn", state="done", done=1, total=1, result=BakeResult(**where))
        assert addon("bake.jobs")._names_of(update) == names


def test_a_refusal_and_a_full_disk_are_told(addon: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.link.messages import Problem

    wire = _Wire(addon, {"a.mp4": b"x"}, tmp_path)
    wire.fetching.poll()
    wire.fetching.refuse(Problem(code="file", message="something else", regarding="other.png"))
    wire.fetching.refuse(Problem(code="file", message="a.mp4: No such file", regarding="a.mp4"))
    assert _drive(wire.fetching).error == "a.mp4: No such file"
    fetching = addon("transfer.fetching")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: fetching.shutil._ntuple_diskusage(1, 1, 0))
    full = _Wire(addon, {"a.mp4": b"x"}, tmp_path).finish()
    assert full.state == "failed" and "No space left" in full.error and "a.mp4" in full.error


# --- an engine elsewhere ----------------------------------------------------------------------------------------------


@pytest.fixture
def far_scene(addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path) -> Iterator[bpy.types.Scene]:
    """A scene that uses a real engine as if it were on another computer: reached by an address that is not known to be
    this one, so that nothing but the link leads to its files."""
    from engine.link.launcher import EngineProcess

    process = EngineProcess(os.environ["HASHLIGHT_ENGINE_PYTHON"], tmp_path / "elsewhere")
    process.start()
    preferences = addon("preferences").get_preferences()
    client = addon("session.connecting").EngineClient
    try:
        address = process.wait_ready(PATIENCE)
        preferences.use_running_engine, preferences.host, preferences.port = True, address.host, address.port
        preferences.token = address.token
        original = client.__init__

        def reach_from_afar(self: Any, *arguments: Any, **options: Any) -> None:
            original(self, *arguments, **options | {"same_host": False})

        client.__init__ = reach_from_afar
        yield engine_scene
    finally:
        client.__init__ = original
        addon("session.registry").close()
        for name in ("use_running_engine", "host", "port", "token"):
            preferences.property_unset(name)
        process.stop(10.0)


@pytest.mark.slow
def test_frames_and_snapshots_of_an_engine_elsewhere_are_fetched(
    addon: Import, far_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    scene = far_scene
    bpy.ops.hashlight.capture_and_train()
    session, jobs = addon("session.registry").current(), addon("bake.jobs")
    wait_for(addon, lambda: session.views.count("held") == 6 and session.status.step > 3, "training")
    assert addon("transfer.deliveries").is_remote(session)

    settings = scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y = 5, 40, 24
    settings.use_depth, settings.samples, settings.video = True, 2, "webp"
    bpy.ops.hashlight.bake()
    with pytest.raises(RuntimeError, match="Frames are being rendered"):
        bpy.ops.hashlight.bake()
    wait_for(addon, lambda: not jobs.is_busy(), "the frames")
    here, there = (
        tmp_path / "session" / "bakes" / "turntable",
        tmp_path / "elsewhere" / "session" / "bakes" / "turntable",
    )
    wanted = sorted(
        [
            f"{kind}_000{n}.{suffix}"
            for n in range(1, 6)
            for kind, suffix in (("frame", "png"), ("frame", "exr"), ("depth", "exr"))
        ]
    )
    assert _names(here) == [*wanted, "turntable.webp"]
    for name in _names(here):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    plane = addon("preview.plane").find_plane(scene, "bake")
    image = addon("preview.material").picture_node(plane.active_material).image
    assert Path(bpy.path.abspath(image.filepath)).parent == here

    settings.output = str(tmp_path / "mine")
    settings.result = "STRIP"
    bpy.ops.hashlight.bake(resume=True)
    wait_for(
        addon,
        lambda: not jobs.is_busy() and (tmp_path / "mine" / "turntable" / "turntable.webp").is_file(),
        "the files",
    )
    assert _names(tmp_path / "mine" / "turntable") == _names(here)
    assert [len(strip.elements) for strip in scene.sequence_editor.strips] == [5]

    bpy.ops.hashlight.save_snapshot()
    run_files = addon("transfer.run_files")
    wait_for(addon, lambda: not run_files.is_fetching() and session.snapshot is not None, "the run")
    assert session.failure is None
    folder = tmp_path / "session" / "run"
    info = json.loads((folder / "run.json").read_text())
    assert _names(folder) == ["run.json", info["snapshot"]["file"]]
    assert (folder / info["snapshot"]["file"]).stat().st_size == info["snapshot"]["bytes"]


@pytest.mark.slow
def test_losing_the_engine_in_the_middle_of_a_fetch_is_told(
    addon: Import, far_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait_for(addon, lambda: session.phase == "ready", "the engine")
    (tmp_path / "elsewhere" / "big.mp4").write_bytes(_content(64 << 20))
    ended: list[Any] = []
    delivery = addon("transfer.deliveries").deliver(session, [("big.mp4", tmp_path / "here.mp4")], ended.append)
    for _ in range(3):
        addon("session.registry").pump()
    bpy.ops.hashlight.stop_engine()
    wait_for(addon, lambda: ended, "the end")
    assert delivery.state == "failed" and "connection" in delivery.error
    assert not (tmp_path / "here.mp4").exists()


@pytest.mark.slow
def test_a_bake_here_is_also_where_the_user_said(addon: Import, engine_scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.hashlight.capture_and_train()
    session, jobs = addon("session.registry").current(), addon("bake.jobs")
    wait_for(addon, lambda: session.views.count("held") == 6 and session.status.step > 3, "training")
    settings = engine_scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 3, 32, 24, "none"
    settings.output, settings.result, settings.image_format = str(tmp_path / "mine"), "COMPOSITE", "exr"
    engine_scene.render.resolution_x, engine_scene.render.resolution_y = 40, 20
    bpy.ops.hashlight.bake()
    wait_for(addon, lambda: not jobs.is_busy(), "the frames")
    assert session.failure is None
    wanted = [f"depth_000{n}.exr" for n in (1, 2, 3)] + [f"frame_000{n}.exr" for n in (1, 2, 3)]
    assert _names(tmp_path / "mine" / "turntable") == wanted
    kept = tmp_path / "session" / "bakes" / "turntable"
    assert all((tmp_path / "mine" / "turntable" / name).samefile(kept / name) for name in wanted)
    assert addon("capture.passes").read_exr(tmp_path / "mine" / "turntable" / "frame_0002.exr").shape == (20, 40, 4)
    assert engine_scene.camera.name == "Hashlight Turntable"
