"""How long the end of a device process is waited for, and what is told of it: with a clock that the test moves on."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.link.messages import Status
from engine.service import watchdog
from engine.service.cpu_time import cpu_seconds_of
from engine.service.watchdog import LONGEST_END_SECONDS, STILL_SECONDS, Watchdog


class Device:
    """One that is at one piece of work from the beginning on: silent if ``is_silent``, and it uses CPU time if
    ``works``; None: the system doesn't tell."""

    exit_code: int | None = None
    status = Status(state="training")

    def __init__(self, is_silent: bool = True, works: bool | None = True) -> None:
        self.seconds = 0.0
        self.is_killed = False
        self._is_silent, self._works = is_silent, works

    @property
    def busy_seconds(self) -> float:
        return self.seconds

    @property
    def silent_seconds(self) -> float:
        return self.seconds if self._is_silent else 0.0

    @property
    def cpu_seconds(self) -> float | None:
        return None if self._works is None else 0.3 * self.seconds * self._works

    def kill(self) -> None:
        self.is_killed, self.exit_code = True, -9


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Looks at a device twice a second from when it was told to end until it is killed; for how long that was."""

    def look(device: Device, seconds: float, is_ending: bool = True) -> tuple[Watchdog, float]:
        monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: device.seconds))
        watching: Watchdog = Watchdog(device)  # type: ignore[arg-type]
        if is_ending:
            watching.expect_end()
        while not device.is_killed and device.seconds < seconds:
            device.seconds += 0.5
            watching.look()
        return watching, device.seconds

    return look


@pytest.mark.parametrize("is_silent", [True, False])
@pytest.mark.parametrize("works", [True, None])
def test_a_device_that_works_is_waited_for_but_not_for_ever(watch: Any, is_silent: bool, works: bool | None) -> None:
    device = Device(is_silent, works)
    watching, seconds = watch(device, 10 * LONGEST_END_SECONDS)
    assert device.is_killed and LONGEST_END_SECONDS < seconds < LONGEST_END_SECONDS + 2.0
    problem = watching.describe_end()
    assert problem.message == (
        "the run was not saved at the end: the device was busy with one piece of work for 180 s; what was learnt since "
        "the last save is lost"
    )
    assert problem.hint == "Start the engine again: training goes on from the last save." and problem.fatal


def test_a_device_that_does_nothing_is_not_waited_for_long(watch: Any) -> None:
    device = Device(works=False)
    watching, seconds = watch(device, LONGEST_END_SECONDS)
    assert device.is_killed and STILL_SECONDS < seconds < STILL_SECONDS + 2.0
    assert "the device has done nothing for 10 s; what was learnt" in watching.describe_end().message


def test_a_device_that_only_says_that_it_is_there_is_waited_for(watch: Any) -> None:
    device = Device(is_silent=False, works=False)  # a slow disk, say
    watch(device, LONGEST_END_SECONDS - 1.0)
    assert not device.is_killed


def test_a_device_that_is_not_to_end_is_never_killed(watch: Any) -> None:
    device = Device(works=False)
    watch(device, 3 * LONGEST_END_SECONDS, is_ending=False)
    assert not device.is_killed


def test_it_is_told_what_is_waited_for(watch: Any) -> None:
    watching, _ = watch(Device(), 30.0)
    assert watching.look().message == (
        "the device has not answered for 30 s, and is waited for, for 180 s at most, so that it can save the run and "
        "end"
    )
    watching, _ = watch(Device(), 30.0, is_ending=False)
    assert watching.look().message == "the device has not answered for 30 s"


def test_whoever_will_not_wait_is_told_what_that_costs(watch: Any) -> None:
    device = Device()
    watching, _ = watch(device, 1.0)
    watching.end_at_once()
    assert device.is_killed
    assert "that was not to be waited for; what was learnt since the last save is lost" in (
        watching.describe_end().message
    )


@pytest.mark.parametrize(
    ("code", "is_ending", "words"),
    [
        (1, True, "the run could not be saved at the end; the log has the details"),
        (0, False, "the device process ended with exit code 0; what was learnt since the last save is lost"),
        (-11, True, "the device process was killed by signal 11; what was learnt since the last save is lost"),
    ],
)
def test_every_end_but_a_good_one_is_told(watch: Any, code: int, is_ending: bool, words: str) -> None:
    device = Device()
    watching, _ = watch(device, 1.0, is_ending)
    device.exit_code = code
    problem = watching.describe_end()
    assert problem.message == words and problem.hint.endswith("training goes on from the last save.")


def test_a_good_end_needs_no_words(watch: Any) -> None:
    device = Device()
    watching, _ = watch(device, 1.0)
    device.exit_code = 0
    assert watching.describe_end() is None


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="only Linux tells CPU time")
def test_cpu_time_of_a_process_grows_while_it_works() -> None:
    before = cpu_seconds_of(os.getpid())
    assert before is not None
    while cpu_seconds_of(os.getpid()) == before:
        pass
    assert cpu_seconds_of(1 << 30) is None
