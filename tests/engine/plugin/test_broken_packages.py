"""Packages whose kinds can't be used: all other kinds work, and who asks for one of them is told why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.primitives import registry
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.kind import RADIANCE_FIELD
from engine.primitives.registry import kind_named
from tests.engine.plugin.packages import install
from tests.engine.plugin.signal import SIGNAL


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages that the engine finds."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._all_kinds.cache_clear()
    yield tmp_path
    registry._all_kinds.cache_clear()


def test_they_are_named_and_stop_no_other(site: Path) -> None:
    (site / "hashlight_octree.py").write_text("import a_library_that_is_missing\n")
    install(site, "hashlight-octree", "octree = hashlight_octree:OCTREE")
    install(site, "hashlight-number", "number = math:pi")
    install(site, "hashlight-signal", "signal = tests.engine.plugin.signal:SIGNAL")
    assert kind_named("radiance-field") is RADIANCE_FIELD and kind_named("signal") is SIGNAL
    with pytest.raises(ConfigError) as refused:
        kind_named("octree")
    words = str(refused.value)
    assert words.startswith("'octree' is not one of radiance-field, signal; ")
    assert (
        "'octree' of the package hashlight-octree can't be used: No module named 'a_library_that_is_missing'" in words
    )
    assert "'number' of the package hashlight-number can't be used: math:pi is not a Kind" in words


def test_a_name_is_taken_once_and_never_from_our_own(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    (site / "hashlight_again.py").write_text(
        "from engine.primitives.radiance_field.kind import RadianceFieldKind\nAGAIN = RadianceFieldKind()\n"
    )
    install(site, "hashlight-again", "again = hashlight_again:AGAIN")
    with pytest.raises(ConfigError, match="package hashlight-again can't be used: there is another radiance-field"):
        kind_named("octree")
    assert kind_named("radiance-field") is RADIANCE_FIELD
    assert "hashlight-again" in caplog.text
