"""What all tests share. Nothing heavy is imported here: the tests inside Blender must never load torch."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from tests.faults.tally import Tally

# As the command line does: read when torch is imported. Beside other tests, threads that spin while they wait make a
# training step take several times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# Tests' pictures and networks are so small that sharing an operation out among torch's threads takes longer than to do
# it, and other parts of the suite use the cores meanwhile. Engines that tests start inherit it; Taichi's threads stay.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `nohup`, and shells that start something in the background, have these ignored, which children inherit: engines would
# then rightly pass over what tests send them.
for _signal in ("SIGHUP", "SIGINT"):
    if (_number := getattr(signal, _signal, None)) is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _signal == "SIGINT" else signal.SIG_DFL)

_TALLY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tally", type=Path, metavar="FILE", help="keep the counts of attacks in FILE, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``faults`` take minutes: they run when ``-m`` asks for them, whatever else it says."""
    if "faults" in config.option.markexpr:
        return
    is_long = [item.get_closest_marker("faults") is not None for item in items]
    config.hook.pytest_deselected(items=list(itertools.compress(items, is_long)))
    items[:] = [item for item, long in zip(items, is_long, strict=True) if not long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how often the engine was attacked, and what was lost."""
    if (path := config.getoption("--tally")) is not None:
        config.stash[_TALLY].write(path)
    if lines := config.stash[_TALLY].lines():
        terminalreporter.section("attacks")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """Counts attacks; see ``Tally.add``."""
    return pytestconfig.stash[_TALLY]


@pytest.fixture(scope="session")
def device() -> str:
    """The device that kernels, training and rendering are tested on ("cpu" or "cuda"), Taichi running on it."""
    from taichi_kernels import runtime
    from tests.device import TEST_DEVICE

    runtime.start(TEST_DEVICE)
    return TEST_DEVICE
