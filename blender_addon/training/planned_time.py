"""Which part of a run's training uses up the planned time, while a capture goes on. No ``bpy``."""

from __future__ import annotations

# Until a capture has ended, so much of the planned time is used at most: the last views are to be learnt, too.
_MOST_USED = 0.5


class PlannedTime:
    """What was trained before ``since``, in seconds of training, has used up none of the time that is planned.

    While a capture goes on, that is all until half of its training views are there; after that, the planned time is
    used up to its half at most.
    """

    def __init__(self) -> None:
        self.since = 0.0
        self._is_capturing = False
        self._views = self._first_counted = 0

    def begin_run(self, since: float, is_capturing: bool) -> None:
        """Another run is open, or the same one again; what was trained of it before ``since`` doesn't count. Where no
        capture goes on, none is waited for."""
        self.since = since
        self._is_capturing &= is_capturing

    def end_without_run(self) -> None:
        """No view comes any more, and there is no run that they came for."""
        self._is_capturing = False

    def begin_capture(self, training_views: int) -> None:
        """A capture of so many training views begins."""
        self._is_capturing, self._views, self._first_counted = True, 0, (training_views + 1) // 2

    def note_view(self, planned: float, spent: float) -> None:
        """A training view is there; ``planned`` and ``spent`` as for ``budget``."""
        self._set_back(planned, spent)
        self._views += 1

    def end_capture(self, planned: float, spent: float) -> None:
        """No view comes any more; ``planned`` and ``spent`` as for ``budget``."""
        self._set_back(planned, spent)
        self._is_capturing = False

    @property
    def awaited_views(self) -> int:
        """How many training views the planned time begins with; 0 when it is not waiting for any."""
        return self._first_counted if self._is_capturing and self._views < self._first_counted else 0

    def budget(self, planned: float, spent: float, is_finished: bool) -> float | None:
        """Up to how many seconds of training in all to go on, from ``since`` on; None for no end as yet.

        ``planned``: seconds to plan for, 0 for no end. ``spent``: seconds trained so far. Whoever ``is_finished``, or
        has used up the planned time in another way, goes on for as long once more."""
        self._set_back(planned, spent)
        if not planned or self.awaited_views:
            return None
        used = spent - self.since
        is_more_wanted = used >= planned or (is_finished and not self._is_capturing)
        return self.since + planned + (used if is_more_wanted else 0.0)

    def _set_back(self, planned: float, spent: float) -> None:
        if self._is_capturing:
            most = 0.0 if self.awaited_views else _MOST_USED * planned
            self.since = max(self.since, spent - most)
