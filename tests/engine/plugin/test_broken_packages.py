"""Packages whose kinds can't be used: all other kinds work, and who asks for one of them is told why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli import main
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
    assert words.startswith("'octree' is not one of radiance-field, image, signed-distance, signal; ")
    assert (
        "'octree' of the package hashlight-octree can't be used: No module named 'a_library_that_is_missing'" in words
    )
    assert "'number' of the package hashlight-number can't be used: math:pi is not a Kind" in words


def test_the_command_lines_help_names_those_of_packages_and_imports_none(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "hashlight-octree", "octree = hashlight_octree:OCTREE")  # which is not there
    assert main(["train", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "what is learnt (radiance-field). radiance-field: a scene, learnt from pictures of it; image: " in words
    assert "learnt from its file; signed-" in words and "; octree" in words


def test_the_entry_point_is_called_as_its_kind(site: Path) -> None:
    install(site, "hashlight-wave", "wave = tests.engine.plugin.signal:SIGNAL")
    with pytest.raises(ConfigError, match="'wave' of the package hashlight-wave can't be used: its kind is called sig"):
        kind_named("wave")


def test_figures_that_can_not_be_described_are_told(site: Path) -> None:
    (site / "hashlight_units.py").write_text(
        "from engine.link.metrics import Metric\nfrom tests.engine.plugin.signal import SignalKind\n"
        "class Kind(SignalKind):\n    metrics = {'error': Metric(label='Error', unit='V' * 21)}\nSIGNAL = Kind()\n"
    )
    install(site, "hashlight-units", "signal = hashlight_units:SIGNAL")
    with pytest.raises(ConfigError, match=r"can't be used: metrics\.error\.unit: 21 characters exceed 20"):
        kind_named("signal")


def test_a_name_is_taken_once_and_never_from_our_own(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    (site / "hashlight_again.py").write_text(
        "from engine.primitives.radiance_field.kind import RadianceFieldKind\nAGAIN = RadianceFieldKind()\n"
    )
    install(site, "hashlight-again", "again = hashlight_again:AGAIN")
    with pytest.raises(ConfigError, match="package hashlight-again can't be used: there is another radiance-field"):
        kind_named("octree")
    assert kind_named("radiance-field") is RADIANCE_FIELD
    assert "hashlight-again" in caplog.text
