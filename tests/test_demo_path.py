"""The demo's path in small: what `hashlight demo` leaves, and how it ends when it is stopped or can't begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine import cli
from engine.cli import demo

ROOT = Path(__file__).resolve().parents[1]
DEMO = [sys.executable, "-m", "engine", "demo", "--seconds", "6", "--views", "8", "--size", "48x48"]
HELD_OUT = 8

# Run by a Python of its own, for bpy and torch don't share a process: opens the .blend and tells what is in it.
LOOK_INTO_BLEND = """
import json, sys
import bpy

bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
objects = bpy.context.scene.objects
images = {image.name: image for image in bpy.data.images}
sequence = images["Hashlight Frames"]
print("FOUND", json.dumps({
    "cameras": sum(thing.type == "CAMERA" for thing in objects),
    "names": [thing.name for thing in objects],
    "preview_size": list(images["Hashlight Preview"].size),
    "preview_is_packed": images["Hashlight Preview"].packed_file is not None,
    "sequence_path": sequence.filepath,
    "sequence_file": bpy.path.abspath(sequence.filepath),
    "sequence_source": sequence.source,
}))
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A finished demo: its folder and its process."""
    out = tmp_path_factory.mktemp("demo") / "with spaces"
    done = subprocess.run([*DEMO, "--out", str(out)], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=280)
    return out, done


@pytest.mark.slow
def test_demo_does_the_whole_job(result: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = result
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("hashlight-demo.blend", "turntable.mp4", "report.html", "summary.json"):
        assert (out / name).stat().st_size > 1000, name
        assert str(out / name) in done.stdout or name == "summary.json"
    assert "ETA" in done.stdout
    assert 1 <= done.stdout.count("Capturing: ") <= 15, "a pipe gets a line now and then, not a bar a view"
    report = (out / "report.html").read_text("utf-8")
    assert report.count("<figure>") == 3 * HELD_OUT


@pytest.mark.slow
def test_summary_holds_the_figures(result: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = result
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["psnr"] > 14.0
    assert 0.0 < summary["ssim"] <= 1.0
    assert 8.0 < summary["subject_psnr"] < summary["psnr"], "the subject's score is not flattered by empty pixels"
    assert all(point["subject_psnr"] < point["psnr"] for point in summary["history"])
    assert len(summary["views"]) == HELD_OUT
    assert summary["enlargement"] <= 1.2, "the film is not sharper than what was captured"
    assert summary["training_seconds"] == pytest.approx(6.0, abs=2.0)
    seconds = [point["seconds"] for point in summary["history"]]
    assert seconds == sorted(seconds)
    assert all(point["wall_seconds"] >= point["seconds"] * 0.5 for point in summary["history"])
    assert summary["preview_frames"] >= 2  # live while training, and the last one
    assert {"capture", "training", "rendering"} <= set(summary["stages"])
    assert (out / summary["run"] / "run.json").is_file()


@pytest.mark.slow
def test_blend_opens_as_it_is(result: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = result
    found = _look_into(out / "hashlight-demo.blend")
    assert found["cameras"] == 1 + 8 + HELD_OUT
    assert {"Hashlight Bounds", "Hashlight Preview", "Hashlight Frames", "Suzanne"} <= set(found["names"])
    assert found["preview_is_packed"]
    assert found["preview_size"] == [60, 60]
    assert found["sequence_source"] == "SEQUENCE"
    assert found["sequence_path"].startswith("//")
    frames = sorted(Path(found["sequence_file"]).parent.glob("frame_*.exr"))
    assert len(frames) == 48
    assert str(frames[0]) == found["sequence_file"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*DEMO, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # A test run started in a shell's background has Ctrl-C ignored, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        _wait_for(lambda: len(_images(tmp_path)) >= 2, 120.0, process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60.0)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert b"Traceback" not in output
    _wait_for(lambda: not _processes_of(tmp_path), 10.0)
    assert len(_images(tmp_path)) >= 2  # what was captured stays


def test_needs_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "DRIVER", tmp_path / "nowhere.py")
    assert cli.main(["demo", "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "checkout" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_leaves_what_is_not_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "report.html"
    kept.write_text("mine", "utf-8")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert kept.read_text("utf-8") == "mine"


def test_names_a_folder_that_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["demo", "--out", str(tmp_path / "file" / "out")]) == 1
    assert str(tmp_path / "file" / "out") in capsys.readouterr().err


@pytest.mark.parametrize("score", [None, "high", float("nan")])
def test_no_score_is_a_failure(score: object, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"psnr": score}), "utf-8")
    with pytest.raises(demo.DemoError, match="PSNR"):
        demo._read_summary(tmp_path)


def _look_into(blend: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK_INTO_BLEND, str(blend)], capture_output=True, encoding="utf-8", timeout=60
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND ")), None)
    assert line is not None, done.stdout + done.stderr
    return dict(json.loads(line.removeprefix("FOUND ")))


def _images(folder: Path) -> list[Path]:
    return list(folder.glob("out/hashlight-demo.hashlight/capture/images/*.exr"))


def _processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that mention ``folder``; none where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if os.fsencode(folder) in command:
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def _wait_for(condition: Any, timeout: float, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
