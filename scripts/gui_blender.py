"""A Blender whose window can be opened here: one that is installed, or one put into a folder of its own.

On a Debian-like Linux, as root, ``debootstrap`` makes ``build/gui-blender``: a small system with Debian's own Blender,
Xvfb, software OpenGL and ImageMagick. Commands run in it under ``chroot``, in mount and process namespaces of their
own, so that nothing they mount or start outlives them.

    python3 scripts/gui_blender.py      finds or makes it now, for a later run of the window tests
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "HASHLIGHT_BLENDER"
SUITE = "trixie"
PACKAGES = ("blender", "imagemagick", "libgl1-mesa-dri", "python3-numpy", "xvfb")
NEEDED_COMMANDS = ("Xvfb", "import")
SETUP_SECONDS = 300.0  # for each of two commands


class NoBlenderError(RuntimeError):
    """No Blender's window can be opened on this machine; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class WindowBlender:
    """A Blender with what its window needs. ``executable`` as seen from inside ``system``, the root folder of a system
    of its own, or None when it is this one's."""

    executable: str
    system: Path | None = None

    def command(self, program: Sequence[str]) -> list[str]:
        """What to start so that ``program`` runs beside this Blender. Ending it ends all that it started."""
        if self.system is None:
            return list(program)
        shared = [ROOT, Path(sys.base_prefix), Path(tempfile.gettempdir()), Path("/dev")]
        mounts = [f'mkdir -p "$0{folder}" && mount --bind "{folder}" "$0{folder}"' for folder in shared]
        mounts += ['mount -t proc proc "$0/proc"', 'ln -sf /proc/self/mounts "$0/etc/mtab"']  # Blender reads the latter
        script = " && ".join([*mounts, 'exec chroot "$0" "$@"'])
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*namespaces, "sh", "-c", script, str(self.system), *program]


def find_blender() -> WindowBlender:
    """The Blender named in the environment, on the path, or in a folder made for it. Raises NoBlenderError."""
    if named := os.environ.get(VARIABLE, "").strip():
        return _named(Path(named).absolute())
    if (executable := shutil.which("blender")) and all(map(shutil.which, NEEDED_COMMANDS)):
        return WindowBlender(executable)
    return WindowBlender("/usr/bin/blender", _make_system(ROOT / "build" / "gui-blender"))


def _named(path: Path) -> WindowBlender:
    if (path / "usr/bin/blender").is_file():
        _check_namespaces()
        return WindowBlender("/usr/bin/blender", path)
    if not path.is_file():
        raise NoBlenderError(f"{VARIABLE} names {path}, which is no Blender and no system's folder with one in it")
    if missing := [name for name in NEEDED_COMMANDS if shutil.which(name) is None]:
        raise NoBlenderError(f"Install {' and '.join(missing)} (of Xvfb and ImageMagick): the window needs them")
    return WindowBlender(str(path))


def _check_namespaces() -> None:
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise NoBlenderError(f"Only root on Linux can use a system in a folder: set {VARIABLE} to a Blender instead")
    if shutil.which("unshare") is None:
        raise NoBlenderError("There is no unshare command (of util-linux)")


def _make_system(folder: Path) -> Path:
    ready = folder / "hashlight-ready"
    if ready.is_file():
        _check_namespaces()
        return folder
    why = f"There is no blender on the path with Xvfb and ImageMagick; set {VARIABLE} to one"
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise NoBlenderError(f"{why}, or run this as root on a Debian-like Linux")
    if shutil.which("debootstrap") is None:
        raise NoBlenderError(f"{why}, or install debootstrap")
    _check_namespaces()
    if folder.exists():
        shutil.rmtree(folder)  # a half-made one
    folder.mkdir(parents=True)
    print(f"Making a small Debian with Blender in {folder}: some minutes, once", flush=True)
    log = folder.with_name("gui-blender.log")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    with log.open("wb") as output:
        for command in (
            ["debootstrap", "--variant=minbase", SUITE, str(folder)],
            ["chroot", str(folder), "env", "DEBIAN_FRONTEND=noninteractive", *install],
        ):
            try:
                done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=SETUP_SECONDS)
            except subprocess.TimeoutExpired:
                raise NoBlenderError(f"{command[0]} took longer than {SETUP_SECONDS:.0f} s: see {log}") from None
            if done.returncode != 0:
                raise NoBlenderError(f"{command[0]} failed: see {log}")
    ready.touch()
    return folder


def main() -> int:
    """The command line: have a Blender ready; without one, say why."""
    try:
        print(f"Blender for the window tests: {find_blender()}")
    except NoBlenderError as reason:
        print(f"No Blender for the window tests: {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
