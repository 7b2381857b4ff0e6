"""The sidebar's panels."""

from __future__ import annotations

from window import Steps, Window


def test_the_tab_is_in_the_sidebar(window: Window) -> Steps:
    yield 1.0
    window.screenshot("sidebar")
