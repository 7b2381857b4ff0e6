"""One Blender at a time works in a session folder: two would overwrite each other's captures and runs. No ``bpy``."""

from __future__ import annotations

from pathlib import Path

from engine.link import file_lock
from engine.link.file_lock import IN_USE, FileLock, FileTaken

_ANOTHER = "choose another folder in Capture > Output > Folder"


class FolderError(ValueError):
    """The session folder can't be used; the message is for the user and names it."""


class FolderLock:
    """Holds ``folder``, which is made if need be, until ``release``.

    Several parts of this Blender may hold it at the same time. The system lets go of it when Blender dies.
    """

    def __init__(self, folder: Path) -> None:
        """Raises FolderError when the folder can't be written, or another Blender works in it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / IN_USE, "Blender", keep=True)
        except FileTaken:
            words = f"another Blender works there: close the file there, or {_ANOTHER}"
            raise FolderError(f"{folder}: {words}") from None
        except OSError as error:
            raise FolderError(
                f"{folder}: can't be written ({error.strerror or error}): choose another in Capture > Output > Folder"
            ) from None

    def release(self) -> None:
        """Let go of the folder; once is enough."""
        self._lock.release()


def is_held(folder: Path) -> bool:
    """Whether anything in this Blender works in ``folder`` now, or in a folder below."""
    return file_lock.is_any_held(folder)
