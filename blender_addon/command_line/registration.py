"""The command as Blender knows it."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import bpy

from ..session import registry
from . import arguments
from .commands import COMMANDS, CommandError
from .console import Console
from .takes import choose_take

CLASSES = ()
NAME = "hashlight"

_handle: Any = None


def execute(argv: list[str]) -> int:
    """Carry out the words behind ``--command hashlight``. Returns the exit code; the engine has ended by then."""
    try:
        options = arguments.parse(argv)
    except SystemExit as end:  # argparse has printed the help, or what is wrong
        return int(end.code or 0)
    console = Console(options.quiet)
    try:
        if options.command == "setup":
            COMMANDS[options.command](options, console)
            return 0
        if (missing := _find_unopened_file()) is not None:
            raise CommandError(f"{missing} can't be opened: Blender says above why")
        if options.folder is not None:
            bpy.context.scene.hashlight.folder = str(options.folder.absolute())
        if options.save and not bpy.data.filepath:
            raise CommandError("--save: the scene is in no file")
        choose_take(options)
        COMMANDS[options.command](options, console)
        if options.save:
            bpy.ops.wm.save_mainfile()
    except KeyboardInterrupt:
        console.fail("stopped")
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        console.fail(str(error).removeprefix("Error: ").strip())
        return 1
    except Exception:  # a fault of ours: what helps is where it is
        traceback.print_exc()
        return 1
    finally:
        registry.close()
    return 0


def _find_unopened_file() -> str | None:
    """The file that Blender was to open and did not: it goes on with the startup scene, which is never meant."""
    words = sys.argv[1:]
    end = min((words.index(word) for word in ("-c", "--command") if word in words), default=0)
    named = [word for word in words[:end] if word.lower().endswith(".blend")]
    return named[-1] if named and not bpy.data.filepath else None


def register() -> None:
    """Make the command known."""
    global _handle
    _handle = bpy.utils.register_cli_command(NAME, execute)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_cli_command(_handle)
