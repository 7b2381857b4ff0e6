"""Work of the engine's programs that Blender doesn't wait for: child processes, and a thread that follows them.

No ``bpy``: whoever shows a job looks at it now and then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.link.messages import JobState

from .background import Task
from .child_process import Cancelled, ChildRunner


class ChildJob(ABC):
    """A running job. It is over when ``state`` is no longer "running"."""

    def __init__(self, thread_name: str) -> None:
        """Begin: whatever ``_work`` needs must be there before."""
        self._runner = ChildRunner()
        self._task = Task(self._work, thread_name)

    @abstractmethod
    def _work(self) -> None:
        """Do all of it, in the thread, with commands that ``_runner`` runs. What it raises is ``failure``."""

    @property
    def state(self) -> JobState:
        """How it stands."""
        if self._task.is_running:
            return "running"
        if self._task.error is None:
            return "done"
        return "cancelled" if isinstance(self._task.error, Cancelled) else "failed"

    @property
    def is_running(self) -> bool:
        """Whether it is running."""
        return self.state == "running"

    @property
    def failure(self) -> BaseException | None:
        """Why it failed; None unless it has."""
        return self._task.error if self.state == "failed" else None

    def cancel(self) -> None:
        """Give up. What was made so far is removed in the background."""
        self._runner.cancel()

    def join(self, timeout: float) -> bool:
        """Wait for the end, ``timeout`` seconds at most; returns whether it came."""
        self._task.wait(timeout)
        return not self._task.is_running
