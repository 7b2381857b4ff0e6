"""The views of a capture that can't be rendered: left out, told of at the end, and a reason to give up when many."""

from __future__ import annotations

from .errors import CaptureError, ViewError

# So many views in a row that can't be rendered are no accident: the others couldn't be either.
MAX_IN_A_ROW = 3


class Failures:
    """The failures of one capture; ``len`` tells how many views it lacks for them."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}  # not the errors: they keep pictures in memory
        self._in_a_row = 0

    def note_failure(self, name: str, error: ViewError) -> None:
        """View ``name`` could not be rendered."""
        self._words[name] = str(error)
        self._in_a_row += 1

    def note_success(self) -> None:
        """A view was rendered."""
        self._in_a_row = 0

    @property
    def are_no_accident(self) -> bool:
        """Whether the next view would fail, too, as far as one can tell."""
        return self._in_a_row >= MAX_IN_A_ROW

    def raise_any(self, kept: int, total: int) -> None:
        """Raise a CaptureError that tells of the failures, if there are any; ``kept`` of ``total`` views are there."""
        if self._words:
            name, words = next(iter(self._words.items()))
            raise CaptureError(
                f"{len(self)} of {total} views could not be rendered, {kept} are kept. View {name}: {words}. "
                "Capture again to try once more"
            )

    def __len__(self) -> int:
        return len(self._words)
