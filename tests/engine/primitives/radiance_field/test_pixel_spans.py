"""Spans of pixels: never two owners, and what is given back is used again."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.primitives.radiance_field.pixel_spans import PixelSpans


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=80))
def test_spans_never_overlap_and_all_that_is_free_is_found(steps: list[tuple[bool, int]]) -> None:
    spans, taken = PixelSpans(), {}
    for is_taken, number in steps:
        if is_taken or not taken:
            taken[spans.take(number)] = number
        else:
            first = sorted(taken)[number % len(taken)]
            spans.give_back(first, taken.pop(first))
        used = sorted(taken.items())
        assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(used))
        assert spans.end == max((first + n for first, n in used), default=0)


def test_a_copy_may_be_thrown_away() -> None:
    spans = PixelSpans()
    first = spans.take(10)
    spans.take(5)
    tried = spans.copy()
    tried.give_back(first, 10)
    assert tried.take(8) == 0 and spans.take(8) == 15
