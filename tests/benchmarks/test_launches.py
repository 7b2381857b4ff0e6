"""What the ways to launch a kernel are compared by: each does the same work."""

from __future__ import annotations

import pytest

from benchmarks import launches


def test_every_way_is_timed_and_adds_up(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launches, "LAUNCHES", 3)
    monkeypatch.setattr(launches, "ROUNDS", 2)
    monkeypatch.setattr("sys.argv", ["launches", "--device", device, "--no-result"])
    launches.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and all(line.endswith(" us") for line in lines)
