"""A Blender whose window can be opened here: one that is installed, or one put into a folder of its own.

On a Debian-like Linux, as root, ``debootstrap`` makes ``build/gui-blender``: a small system with the Blender LTS of
Debian's development suite, Xvfb, software OpenGL and ImageMagick. Commands run in it under ``chroot``, in mount and
process namespaces of their own, so that nothing they mount or start outlives them.

    python3 scripts/gui_blender.py      finds or makes it now, for a later run of the window tests
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "HASHLIGHT_BLENDER"
SUITE = "sid"  # the stable suite's Blender is older than the extension wants
PACKAGES = ("blender", "imagemagick", "libgl1-mesa-dri", "xvfb")
# Modules that Blender's own builds bring with them; Debian's Blender depends on none of these.
PACKAGES += ("python3-cattr", "python3-numpy", "python3-requests", "python3-zstandard")
PACKAGES += ("python3-openimageio", "python3-openvdb", "python3-pyopencolorio")
NEEDED_COMMANDS = ("Xvfb", "import")
SETUP_SECONDS = 600.0  # for each of two commands, beside other tests
ANSWER_SECONDS = 60.0  # until a Blender has said its version


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
    """The Blender named in the environment, on the path, or in a folder made for it. Raises NoBlenderError, also when
    it is older than the extension wants."""
    if named := os.environ.get(VARIABLE, "").strip():
        blender = _named(Path(named).absolute())
    elif (executable := shutil.which("blender")) and all(map(shutil.which, NEEDED_COMMANDS)):
        blender = WindowBlender(executable)
    else:
        blender = WindowBlender("/usr/bin/blender", _make_system(ROOT / "build" / "gui-blender"))
    check_version(blender)
    return blender


def oldest_version() -> tuple[int, int]:
    """The Blender that the extension's manifest asks for, such as (4, 5)."""
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
    major, minor = manifest["blender_version_min"].split(".")[:2]
    return int(major), int(minor)


def check_version(blender: WindowBlender) -> None:
    """Raise NoBlenderError when ``blender`` doesn't say its version, or is older than the extension's manifest asks
    for: it would refuse the extension."""
    command = blender.command([blender.executable, "--version"])
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoBlenderError(f"{blender.executable} does not start ({error})") from None
    found = re.search(r"^Blender (\d+)\.(\d+)", answer.stdout, re.MULTILINE)
    if found is None:
        said = (answer.stderr.strip() or answer.stdout.strip() or "nothing").splitlines()[-1]
        raise NoBlenderError(f"{blender.executable} does not say its version, but: {said}")
    oldest = oldest_version()
    if (int(found[1]), int(found[2])) < oldest:
        raise NoBlenderError(
            f"{blender.executable} is {found[0]}, and the extension needs {oldest[0]}.{oldest[1]} or newer: "
            f"set {VARIABLE} to one"
        )


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
    ready, recipe = folder / "hashlight-ready", " ".join((SUITE, *PACKAGES))
    if ready.is_file() and ready.read_text("utf-8") == recipe:
        _check_namespaces()
        return folder
    why = f"There is no blender on the path with Xvfb and ImageMagick; set {VARIABLE} to one"
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise NoBlenderError(f"{why}, or run this as root on a Debian-like Linux")
    if shutil.which("debootstrap") is None:
        raise NoBlenderError(f"{why}, or install debootstrap")
    _check_namespaces()
    if folder.exists():
        shutil.rmtree(folder)  # a half-made one, or made from something else
    folder.mkdir(parents=True)
    print(f"Making a small Debian with Blender in {folder}: some minutes, once", flush=True)
    log = folder.with_name("gui-blender.log")
    quickly = ["-o", "Dpkg::Options::=--force-unsafe-io"]  # what a power failure spoils is made anew
    install = ["apt-get", *quickly, "install", "--yes", "--no-install-recommends", *PACKAGES]
    advice = (
        f"see {log}. Debian's development suite changes daily: try again later, or set {VARIABLE} to a Blender "
        f"{'.'.join(map(str, oldest_version()))} or newer; that of Debian 13 is older"
    )
    with log.open("wb") as output:
        for command in (
            ["debootstrap", "--variant=minbase", SUITE, str(folder)],
            ["chroot", str(folder), "env", "DEBIAN_FRONTEND=noninteractive", *install],
        ):
            what = " ".join(command[:2])
            try:
                done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=SETUP_SECONDS)
            except subprocess.TimeoutExpired:
                raise NoBlenderError(f"{what} took longer than {SETUP_SECONDS:.0f} s: {advice}") from None
            if done.returncode != 0:
                raise NoBlenderError(f"{what} failed: {advice}")
    # debootstrap leaves it mounted; commands in this system mount their own.
    subprocess.run(["umount", str(folder / "proc")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ready.write_text(recipe, "utf-8")
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
