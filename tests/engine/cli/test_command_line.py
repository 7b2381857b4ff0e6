"""How the command line answers: help, exit codes, and one line for every error."""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import COMMANDS, main
from engine.cli.arguments import add_primitive
from engine.cli.doctor import check_port
from engine.cli.output import to_plain_json
from engine.primitives import registry
from tests.device import TEST_DEVICE


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed to stderr, which must be one line."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_help_answers_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from engine.cli import main, COMMANDS\n"
        "assert main(['--help']) == 0\n"
        "assert all(main([command, '--help']) == 0 for command in COMMANDS)\n"
        "assert not {'torch', 'taichi', 'skimage', 'imageio', 'PIL', 'bpy'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert f"usage: hashlight {command}" in done.stdout


def test_options_are_read_without_looking_through_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many packages that takes longer than reading the options."""
    monkeypatch.setattr(registry, "entry_points", lambda **_: pytest.fail("packages were looked through"))
    parser = argparse.ArgumentParser()
    add_primitive(parser)
    assert parser.parse_args(["--primitive", "signal"]).primitive == "signal"
    assert parser.parse_args([]).primitive is None


def test_without_a_command_it_shows_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["train"],
        ["train", "data", "--out", "run", "--seconds", "0"],
        ["train", "data", "--out", "run", "--steps", "-5"],
        ["train", "data", "--out", "run", "--seconds", "5", "--steps", "5"],
        ["train", "data", "--out", "run", "--holdout", "1"],
        ["eval", "run", "--background", "green"],
        ["render", "run", "--turntable", "--out", "x.mp4", "--size", "0x100"],
        ["render", "run", "--turntable", "--out", "x.mp4", "--size", "2000000x2000000"],
        ["render", "run", "--turntable", "--out", "x.mp4", "--frames", "0"],
        ["bench", "data", "--budgets", "1,,5"],
        ["prior"],
        ["prior", "train", "--minutes", "1"],
        ["prior", "scenes", "--out", "x.png", "--count", "0"],
        ["train", "data", "--out", "run", "--prior", "a", "--encoder-weights", "b"],
        ["serve", "--port", "99999"],
    ],
)
def test_bad_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: hashlight" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nowhere", "--out", "run"], "nowhere: no such folder"),
        (["train", "nowhere", "--out", "run", "--resume"], "no run to resume"),
        (["eval", "nowhere"], "no run here"),
        (["render", "nowhere", "--turntable", "--out", "x.mp4"], "no run here"),
        (["render", "nowhere", "--turntable", "--out", "x.mp4", "--size", "100000x100000"], "--size: pictures of cam"),
        (["bench", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_errors_are_one_line_and_exit_with_1(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--device", TEST_DEVICE]) == 1
    line = error_line(capsys)
    assert line.startswith(f"hashlight {arguments[0]}: ") and words in line
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["eval", str(tmp_path / "file"), "--device", TEST_DEVICE]) == 1
    assert "file: there is no run here (it is a file" in error_line(capsys)


def test_a_run_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert main(["train", "data", "--out", str(tmp_path)]) == 1
    assert "already holds a run" in error_line(capsys)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"format": 2}, "run.json: kind: missing"),
        ({"format": 2, "kind": "octree"}, "run.json: kind: 'octree' is not one of radiance-field"),
    ],
)
def test_a_run_of_no_known_kind_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], info: dict[str, object], words: str
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(info))
    assert main(["train", "data", "--out", str(tmp_path), "--resume"]) == 1
    assert words in error_line(capsys)


def test_a_missing_package_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "engine.cli.eval", None)  # makes its import fail as an absent module does

    class Commands:
        @staticmethod
        def run(options: argparse.Namespace) -> int:
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

        @staticmethod
        def add_arguments(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("run")

    monkeypatch.setitem(sys.modules, "engine.cli.eval", Commands)  # type: ignore[arg-type]
    assert main(["eval", "run"]) == 1
    assert "torch is missing" in (line := error_line(capsys)) and "pip install" in line


def test_json_output_has_no_nan() -> None:
    values = {"a": [float("inf"), 1.0], "b": ({"c": float("nan")},)}
    assert json.dumps(to_plain_json(values), allow_nan=False) == '{"a": [null, 1.0], "b": [{"c": null}]}'


class TestDoctor:
    def test_json_is_nothing_but_json(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "engine", "doctor", "--json"], capture_output=True, text=True, timeout=120
        )
        findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
        assert done.returncode == 0
        assert {"python", "torch", "taichi", "device", "kernels", "ffmpeg", "blender", "disk", "port"} <= set(findings)
        assert findings["kernels"]["grade"] == "ok"

    def test_a_port_in_use_is_a_warning_with_advice(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            finding = check_port(taken.getsockname()[1])
        assert finding.grade == "warn" and "--port 0" in finding.advice

    def test_an_impossible_port_is_no_crash(self) -> None:
        assert check_port(99_999).grade == "warn"
