"""Scenes drawn ahead, in processes of their own: a GPU learns from a scene faster than one core draws it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor

import torch

from engine.parent import watch_parent
from engine.priors.scenes.scene import Scene, draw_scene

# How many scenes are drawn ahead for each process.
_AHEAD = 2


class SceneMakers:
    """The scenes of a seed, by so many ``processes``; with none they are drawn when they are asked for."""

    def __init__(self, seed: int, processes: int) -> None:
        self._seed = seed
        self._ahead = _AHEAD * processes
        self._drawn: dict[int, Future[Scene]] = {}
        self._pool: ProcessPoolExecutor | None = None
        if processes:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(os.getpid(),))

    def draw(self, number: int) -> Scene:
        """The scene of this ``number``, and soon those after it."""
        if self._pool is None:
            return draw_scene(self._seed, number)
        wanted = range(number, number + 1 + self._ahead)
        self._drawn = {
            each: self._drawn.get(each) or self._pool.submit(draw_scene, self._seed, each) for each in wanted
        }
        return self._drawn.pop(number).result()


def _begin(parent: int) -> None:
    """A process that draws: it leaves Ctrl-C to its parent, and goes with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent(parent, lambda: os._exit(1))
    torch.set_num_threads(1)
