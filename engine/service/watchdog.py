"""Watches the device process from the server: what is told of a device that does not answer, how long its end is waited
for, and what is told of that.

A device that is told to end saves the run once the piece of work at hand is done. That may take a while: a kernel, or
its compilation, on a machine that has other work. So the device is waited for as long as it works: as long as it says
something, or uses CPU time, as a process does whose kernel holds the global interpreter lock. Only one that does
neither, or that takes minutes for one piece, is ended without a save.
"""

from __future__ import annotations

import dataclasses
import logging
import time

from engine.link.messages import Problem, Status
from engine.service.device_process import DeviceProcess

log = logging.getLogger("hashlight.watchdog")

PATIENCE_SECONDS = 4.0  # a device that has not answered for so long is told of
# One that is to end, and has neither said anything nor used CPU time for so long, is stopped or hangs.
STILL_SECONDS = 10.0
LONGEST_END_SECONDS = 180.0  # for the piece of work at hand, or the save
_FIRST_LOG_SECONDS = 5.0
_LOSS = "what was learnt since the last save is lost"
_CURE = "Start the engine again: training goes on from the last save."


class Watchdog:
    """``look`` is called several times a second."""

    def __init__(self, device: DeviceProcess) -> None:
        self._device = device
        self._ends_since: float | None = None
        self._cpu_seconds: float | None = None
        self._worked_at = 0.0
        self._why_killed = ""
        self._log_after = _FIRST_LOG_SECONDS

    def expect_end(self) -> None:
        """The device was told to save the run and end."""
        if self._ends_since is None:
            self._ends_since = self._worked_at = time.monotonic()

    def end_at_once(self) -> None:
        """End the device without a save: someone will not wait."""
        self.expect_end()
        self._kill("that was not to be waited for")

    @property
    def is_ending(self) -> bool:
        """Whether the device was told to end."""
        return self._ends_since is not None

    def look(self) -> Status:
        """How training stands, with how long the device has not answered. Ends a device that is to end and can't."""
        busy = self._device.busy_seconds
        self._log(busy)
        if self._ends_since is not None and not self._why_killed:
            self._watch_end(time.monotonic() - self._ends_since, busy)
        status = self._device.status
        if busy < PATIENCE_SECONDS:
            return status
        words = f"the device has not answered for {busy:.0f} s{self._patience_words}"
        message = f"{status.message}; {words}" if status.message else words
        return dataclasses.replace(status, message=message, busy_seconds=busy)

    def describe_end(self) -> Problem | None:
        """What went wrong with the end of the device process, None when nothing did."""
        code = self._device.exit_code
        if code == 0 and self.is_ending:
            return None
        if self._why_killed:
            return _problem(f"the run was not saved at the end: {self._why_killed}; {_LOSS}", _CURE)
        if code == 1 and self.is_ending:
            return _problem("the run could not be saved at the end; the log has the details", _CURE)
        if code is None or code >= 0:
            return _problem(f"the device process ended with exit code {code}; {_LOSS}", _CURE)
        return _problem(
            f"the device process was killed by signal {-code}; {_LOSS}", f"Memory may have run out. {_CURE}"
        )

    def _watch_end(self, waited: float, busy: float) -> None:
        cpu_seconds, now = self._device.cpu_seconds, time.monotonic()
        if cpu_seconds is None or cpu_seconds != self._cpu_seconds:
            self._cpu_seconds, self._worked_at = cpu_seconds, now
        still = min(waited, self._device.silent_seconds, now - self._worked_at)
        if still > STILL_SECONDS:
            self._kill(f"the device has done nothing for {still:.0f} s")
        elif min(waited, busy) > LONGEST_END_SECONDS:
            self._kill(f"the device was busy with one piece of work for {busy:.0f} s")

    def _kill(self, why: str) -> None:
        self._why_killed = why
        log.error("the run can't be saved: %s; ending the device", why)
        self._device.kill()

    @property
    def _patience_words(self) -> str:
        """What is waited for, once the device is to end."""
        if not self.is_ending or self._why_killed:
            return ""
        return f", and is waited for, for {LONGEST_END_SECONDS:.0f} s at most, so that it can save the run and end"

    def _log(self, busy: float) -> None:
        """After 5 s, 10 s, 20 s and so on."""
        if busy < _FIRST_LOG_SECONDS:
            if self._log_after > _FIRST_LOG_SECONDS:
                log.warning("the device answers again")
            self._log_after = _FIRST_LOG_SECONDS
        elif busy >= self._log_after:
            log.warning("the device has not answered for %.0f s%s", busy, self._patience_words)
            self._log_after = 2 * busy


def _problem(words: str, cure: str) -> Problem:
    return Problem(code="engine", message=words, hint=cure, fatal=True)
