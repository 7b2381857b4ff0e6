"""Making the engine's environment: find a Python, make a virtual environment, install the bundled wheel. No ``bpy``.

Whoever shows it reads ``state`` and ``progress`` now and then.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from ..background import describe_failure
from ..child_job import ChildJob
from .environment import EngineHome, Environment, hash_file, python_in

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)  # Taichi's wheels end there
_QUOTED_LINES = 10
_QUOTED_LENGTH = 300
# What pip's lines begin with that are worth showing; the rest is for the log.
_TELLING = ("Collecting ", "Processing ", "Downloading ", "Using cached ", "Installing ", "Building ", "Preparing ")
_HINTS = (
    ("No space left", "Free some space on that disk: the engine's packages need a few gigabytes."),
    ("Temporary failure in name resolution", "Check the network connection, then set up again."),
    ("NewConnectionError", "Check the network connection, then set up again."),
    ("ConnectTimeoutError", "Check the network connection and the proxy, then set up again."),
    ("CERTIFICATE_VERIFY_FAILED", "A proxy may replace certificates here: tell pip about it in pip's own settings."),
    ("DO NOT MATCH THE HASHES", "What was downloaded isn't what was tested. A proxy or mirror may have changed it."),
    ("ResolutionImpossible", "There may be no such package for this system: name another Python or torch index."),
    ("No matching distribution", "There may be no such package for this system: name another Python or torch index."),
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What an environment is made from.

    ``pythons``: interpreters to make it with, the best first. ``wheel``: this project's own, of ``version``. ``lock``
    and ``torch_lock``: versions and hashes of all it needs, and of torch with what that needs for a graphics card.
    ``torch_index``: where pip gets torch from instead, in the version of ``constraints``; "" for by the lock.
    """

    pythons: tuple[str, ...]
    wheel: Path
    version: str
    lock: Path
    torch_lock: Path
    constraints: Path
    torch_index: str = ""


class InstallationError(Exception):
    """A step failed; the message has what its command printed last."""

    def __init__(self, words: str, hint: str = "", lines: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.hint, self.lines = hint, lines


class Installation(ChildJob):
    """A running set-up; cancelled, it leaves an engine that was there before as it was. ``environment`` is what it
    has made."""

    def __init__(self, home: EngineHome, recipe: Recipe) -> None:
        self.progress = "Beginning"
        self.environment: Environment | None = None
        self._home, self._recipe = home, recipe
        self._last_lines: deque[str] = deque(maxlen=_QUOTED_LINES)
        self._log: Callable[[str], object] = lambda text: None
        self._began = time.monotonic()
        self._ended: float | None = None
        super().__init__("hashlight-set-up")

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or took."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def error(self) -> InstallationError | None:
        """Why it failed; None unless it has."""
        if self.failure is None or isinstance(self.failure, InstallationError):
            return self.failure
        return InstallationError(describe_failure(self.failure))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._home.folder.mkdir(parents=True, exist_ok=True)
            with self._home.log.open("w", encoding="utf-8") as log:
                self._log = log.write
                self.environment = self._install()
        finally:
            self._ended = time.monotonic()

    def _install(self) -> Environment:
        recipe = self._recipe
        folder = self._home.new_folder()
        try:
            base = self._find_python(folder)
            self._step("Making the environment", [base, "-I", "-m", "venv", folder], folder)
            for command in self._pip_commands(folder):
                self._step("Installing packages", command, folder)
            self._step("Starting it", [python_in(folder), "-I", "-m", "engine", "--version"], folder)
            environment = Environment(folder, recipe.version, hash_file(recipe.wheel))
            shutil.rmtree(folder / "tmp", ignore_errors=True)
            self._home.activate(environment)
        except BaseException:
            self.progress = "Clearing away"
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return environment

    def _find_python(self, folder: Path) -> str:
        """The first interpreter of the recipe that has the right version and can make environments."""
        self.progress = "Looking for a Python"
        probe = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
        reasons = []
        for python in self._recipe.pythons:
            self._last_lines.clear()
            try:
                code = self._runner.run([python, "-I", "-c", probe], self._note_line, folder)
            except OSError as error:
                reasons.append(f"{python}: {error.strerror or error}")
                continue
            said = self._last_lines[-1] if self._last_lines else f"exit code {code}"
            major, _, minor = said.partition(".")
            if code != 0 or not (major.isdigit() and minor.isdigit()):
                reasons.append(f"{python}: {said}")
            elif OLDEST_PYTHON <= (int(major), int(minor)) <= NEWEST_PYTHON:
                return python
            else:
                reasons.append(f"{python}: it is Python {said}")
        span = f"{'.'.join(map(str, OLDEST_PYTHON))} to {'.'.join(map(str, NEWEST_PYTHON))}"
        raise InstallationError(
            f"No Python {span} that can make an environment",
            "Install one (on some systems its venv module is a package of its own), and set up again.",
            tuple(reasons),
        )

    def _pip_commands(self, folder: Path) -> Iterator[list[str | Path]]:
        recipe = self._recipe
        pip: list[str | Path] = [python_in(folder), "-I", "-m", "pip", "install", "--no-input"]
        pip += ["--disable-pip-version-check", "--progress-bar", "off"]
        locked = [*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"]
        yield [*locked, recipe.lock]
        if recipe.torch_index:
            # From there alone: pip takes a package of two indexes from whichever has the higher version. Each index has
            # builds of its own, so there is no lock of them.
            yield [*pip, "--index-url", recipe.torch_index, "--constraint", recipe.constraints, "torch"]
        else:
            yield [*locked, recipe.torch_lock]
        yield [*pip, "--no-deps", recipe.wheel]

    def _step(self, what: str, command: list[str | Path], folder: Path) -> None:
        self.progress = what
        self._last_lines.clear()
        self._log(f"$ {' '.join(map(str, command))}\n")
        scratch = folder / "tmp"  # goes with the folder, whatever is left in it
        scratch.mkdir(parents=True, exist_ok=True)
        variables = {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
        code = self._runner.run(command, self._note_line, folder, variables)
        if code != 0:
            text = "\n".join(self._last_lines)
            hint = next((hint for sign, hint in _HINTS if sign in text), "")
            raise InstallationError(f"{what} failed with exit code {code}", hint, tuple(self._last_lines))

    def _note_line(self, line: str) -> None:
        self._log(f"{line}\n")
        words = line.strip()
        if words:
            self._last_lines.append(words[:_QUOTED_LENGTH])
        if words.startswith(_TELLING):
            self.progress = _shorten(words)


def _shorten(line: str) -> str:
    """One of pip's lines without what only pip cares for: ``Downloading torch-2.1-...whl (7 MB)`` names torch-2.1."""
    words = line.split(" (from ")[0]
    if words.startswith("Installing collected packages:"):
        return f"Installing {words.count(',') + 1} packages"
    verb, _, rest = words.partition(" ")
    name, _, size = rest.partition(" ")
    stem = "-".join(Path(name).name.split("-")[:2]) if name.endswith(".whl") else name
    return f"{verb} {stem} {size}".strip()
