"""Watches the device process from the server: what is told of a device that does not answer, and of how it ended."""

from __future__ import annotations

import dataclasses
import logging
import time

from engine.link.messages import Status
from engine.service.device_process import DeviceProcess

log = logging.getLogger("hashlight.watchdog")

PATIENCE_SECONDS = 4.0  # a device that has not answered for so long is told of
# A device process that is to end, but says nothing, can't save the run: a kernel holds the GIL.
_SILENT_END_SECONDS = 5.0
# One that says that it is at work may be saving the run on a slow disk.
_BUSY_END_SECONDS = 60.0
_FIRST_LOG_SECONDS = 5.0


class Watchdog:
    """``look`` is called several times a second."""

    def __init__(self, device: DeviceProcess) -> None:
        self._device = device
        self._ends_since: float | None = None
        self._has_killed = False
        self._log_after = _FIRST_LOG_SECONDS

    def expect_end(self) -> None:
        """The device was told to save the run and end."""
        if self._ends_since is None:
            self._ends_since = time.monotonic()

    @property
    def is_ending(self) -> bool:
        """Whether the device was told to end."""
        return self._ends_since is not None

    def look(self) -> Status:
        """How training stands, with how long the device has not answered. Ends a device that is to end and can't."""
        busy = self._device.busy_seconds
        self._log(busy)
        if self._ends_since is not None and not self._has_killed:
            waited = time.monotonic() - self._ends_since
            is_silent = min(waited, self._device.silent_seconds) > _SILENT_END_SECONDS
            if is_silent or min(waited, busy) > _BUSY_END_SECONDS:
                log.error("the device has not answered for %.0f s and can't save the run: ending it", busy)
                self._has_killed = True
                self._device.kill()
        status = self._device.status
        if busy < PATIENCE_SECONDS:
            return status
        words = f"the device has not answered for {busy:.0f} s"
        message = f"{status.message}; {words}" if status.message else words
        return dataclasses.replace(status, message=message, busy_seconds=busy)

    def describe_end(self) -> str:
        """What went wrong with the end of the device process, "" when nothing did."""
        code = self._device.exit_code
        if code == 0 and self.is_ending:
            return ""
        if self._has_killed:
            return "the device did not answer when it was to end: what was learnt since the last save is lost"
        if code == 1 and self.is_ending:
            return "the run could not be saved at the end; the log has the details"
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return f"the device process {how}; what was learnt since the last save is lost"

    def _log(self, busy: float) -> None:
        """After 5 s, 10 s, 20 s and so on."""
        if busy < _FIRST_LOG_SECONDS:
            if self._log_after > _FIRST_LOG_SECONDS:
                log.warning("the device answers again")
            self._log_after = _FIRST_LOG_SECONDS
        elif busy >= self._log_after:
            log.warning("the device has not answered for %.0f s", busy)
            self._log_after = 2 * busy
