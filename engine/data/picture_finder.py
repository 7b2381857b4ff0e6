"""Where the pictures lie that a list names: as it says, or as near to that as other systems and programs would have it.

Lists come from Windows and macOS, where case and the way in which umlauts are put together don't matter, and name
folders of the computer that they were made on.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from engine.link.wording import counted

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".bmp", ".tga", ".hdr")
# Suffixes of pictures that lists name and that were turned into others, as they aren't read, or hardly.
_OTHER_SUFFIXES = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif", ".ppm", ".psd",
                   ".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".raw")  # fmt: skip
_MOST_PARTS = 64


IN_ANOTHER_FOLDER = "lie in another folder than listed"
OF_ANOTHER_FORMAT = "are of another format than listed"
_OF_SEVERAL_FORMATS = "are listed without an extension and there in several formats"
_IN_ANOTHER_CASE = "differ from their listed names in upper and lower case"
_COMPOSED_OTHERWISE = "differ from their listed names in how accented letters are put together"


@dataclasses.dataclass(frozen=True)
class Found:
    """A file, and how its path differs from what was listed, as the end of a sentence; "" where it doesn't in any way
    that matters."""

    path: Path
    difference: str = ""


class PictureFinder:
    """Finds listed files in ``folder``, in and around which each folder is only read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, listed: str, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> Found | None:
        """The file that ``listed`` means; None where there is none, or more than one that it may mean.

        Without one of ``suffixes`` it may have any of them: datasets that were re-encoded to save space keep the old
        names. A path that leads nowhere is followed from the part on that is in ``folder``.
        """
        direct = self.folder / PureWindowsPath(listed).as_posix()  # it takes both kinds of slashes on every system
        if _is_file(direct):
            return Found(direct)
        address = re.sub(r"[?#].*", "", listed) if "://" in listed else listed
        for plain in (listed.strip(), unquote(address)):  # of a web address, say
            if plain != listed and (found := self.find(plain, suffixes)) is not None:
                return found
        parts = path_parts(listed)
        if not parts:
            return None
        if not PureWindowsPath(_without_slashes(listed)).anchor and (found := self._walk(parts, suffixes)) is not None:
            return found
        ends = [parts[first:] for first in range(len(parts))]
        for end in (*ends, ("images", parts[-1])):
            if (found := self._walk(end, suffixes)) is not None:
                return Found(found.path, IN_ANOTHER_FOLDER)
        return None

    def find_below(self, listed: str, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> Path | None:
        """The file at ``listed``, a relative path, whatever its case and of whatever format."""
        found = self._walk(path_parts(listed), suffixes)
        return None if found is None else found.path

    def find_exactly(self, name: str) -> Path | None:
        """The file called ``name`` in the folder itself, whatever its case."""
        there = self._match(self.folder, name)
        return self.folder / there if there is not None and _is_file(self.folder / there) else None

    def find_scaled(self, listed: str) -> tuple[str, int]:
        """The folder beside the one that ``listed`` lies in that has its picture scaled down (images_4 for images), and
        by how much; "" where there is none."""
        parts = path_parts(listed)
        for entry in sorted(self.folder.iterdir()) if len(parts) > 1 else ():
            match = re.fullmatch(re.escape(fold(parts[-2])) + r"_(\d{1,2})", fold(entry.name))
            if match and self._walk((entry.name, parts[-1]), IMAGE_SUFFIXES) is not None:
                return entry.name, int(match[1])
        return "", 1

    def contents(self) -> str:
        """What is in the folder, in a few words, for those who look for what isn't."""
        try:
            entries = sorted(self.folder.iterdir(), key=lambda entry: (not entry.is_dir(), entry.name))
        except OSError:
            return "nothing that can be read"
        words = []
        for entry in entries[:8]:
            words.append(f"{entry.name}/ ({_count_files(entry)})" if entry.is_dir() else entry.name)
        if len(entries) > len(words):
            words.append(f"and {len(entries) - len(words)} more")
        return ", ".join(words) or "nothing"

    def _walk(self, parts: tuple[str, ...], suffixes: tuple[str, ...]) -> Found | None:
        """The file at ``parts`` below the folder, whatever its case."""
        folder, difference = self.folder, ""
        for part in parts[:-1]:
            name = ".." if part == ".." else self._match(folder, part)
            if name is None:
                return None
            difference = difference or _difference(part, name)
            folder = folder / name
        last, suffix = parts[-1], Path(parts[-1]).suffix
        is_complete = suffix.lower() in (*suffixes, *_OTHER_SUFFIXES)
        name = self._match(folder, last)
        if name is not None and _is_file(folder / name):
            return Found(folder / name, difference or _difference(last, name))
        if not is_complete:
            named = [(self._match(folder, last + added), added) for added in suffixes]
            there = [(name, added) for name, added in named if name is not None and _is_file(folder / name)]
            if not there:
                return None
            name, added = there[0]
            difference = difference or _difference(last, name[: len(name) - len(added)])
            return Found(folder / name, difference or (_OF_SEVERAL_FORMATS if len(there) > 1 else ""))
        stem = last.removesuffix(suffix)
        others = [name for other in suffixes if (name := self._match(folder, stem + other)) is not None]
        if len(others) == 1 and _is_file(folder / others[0]):
            return Found(folder / others[0], OF_ANOTHER_FORMAT)
        return None

    def _match(self, folder: Path, name: str) -> str | None:
        """What the one entry of ``folder`` is called that is ``name`` or differs in case or composition alone."""
        if folder not in self._listings:
            listing: dict[str, list[str]] = {}
            try:
                for entry in folder.iterdir():
                    listing.setdefault(fold(entry.name), []).append(entry.name)
            except OSError:
                pass
            self._listings[folder] = listing
        same = self._listings[folder].get(fold(name), [])
        return name if name in same else same[0] if len(same) == 1 else None


def path_parts(listed: str) -> tuple[str, ...]:
    """The parts of a path in a list, written on whatever system: without its drive or root, and "." and ".." resolved
    as far as they can be."""
    path = PureWindowsPath(_without_slashes(listed))
    parts: list[str] = []
    for part in path.parts[1:] if path.anchor else path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return tuple(parts[-_MOST_PARTS:])


def _without_slashes(listed: str) -> str:
    """A path without the two slashes by which Blender writes paths relative to its file; computers in a network are
    named so, too, but those aren't there any more."""
    return listed[2:] if listed[:2] in ("//", "\\\\") else listed


def fold(name: str) -> str:
    """``name`` as systems compare it that don't tell upper from lower case, nor how letters are put together."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _difference(wanted: str, name: str) -> str:
    if wanted == name:
        return ""
    same = unicodedata.normalize("NFC", wanted) == unicodedata.normalize("NFC", name)
    return _COMPOSED_OTHERWISE if same else _IN_ANOTHER_CASE


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        return False


def _count_files(folder: Path) -> str:
    try:
        return counted(sum(1 for _ in folder.iterdir()), "file")
    except OSError:
        return "unreadable"
