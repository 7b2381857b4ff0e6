"""Exceptions told in words."""

from __future__ import annotations

import pytest
import torch

from engine.data.dataset import DatasetError
from engine.data.views import ViewError
from engine.primitives.base import DataError
from engine.runs import RunError, RunWriteError
from engine.service.problems import describe
from engine.service.session import SessionError


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[host_memory_pool.cpp] Virtual memory allocation (1073741824 B) failed."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_comes_with_a_hint(error: Exception) -> None:
    problem = describe(error, "frame")
    assert problem.code == "out of memory" and problem.hint and not problem.fatal and problem.regarding == "frame"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ViewError("view a: bad"), "view"),
        (DataError("a.npy: not numbers"), "data"),
        (DatasetError("a.png: the image can't be read"), "data"),
        (RunError("run: cut off"), "run"),
        (OSError(28, "No space left on device"), "file"),
        (ZeroDivisionError("division by zero"), "internal"),
    ],
)
def test_every_kind_has_its_code_and_keeps_its_words(error: Exception, code: str) -> None:
    problem = describe(error, "a")
    assert problem.code == code and str(error) in problem.message and problem.regarding == "a"


def test_only_a_run_that_cannot_be_read_makes_one_think_of_another() -> None:
    assert "another run" in describe(RunError("run: cut off"), "a").hint
    assert not describe(RunWriteError("run: no room: make room"), "a").hint


def test_an_error_may_name_what_it_regards() -> None:
    assert describe(SessionError("no", "job"), "StartJob").regarding == "job"
