"""How pictures of the path tracer are compared."""

from __future__ import annotations

import ast

import numpy as np
import pytest
import torch

from benchmarks.path_tracing_against_cycles import SCENES, relative_difference
from benchmarks.radiance_cache import relative_error
from benchmarks.results import RESULTS


def test_all_scenes_that_blender_builds_are_compared() -> None:
    tree = ast.parse((RESULTS.parent / "path_tracing" / "scenes.py").read_text("utf-8"))
    table = next(node for node in tree.body if isinstance(node, ast.AnnAssign))
    assert isinstance(table.value, ast.Dict)
    assert tuple(key.value for key in table.value.keys if isinstance(key, ast.Constant)) == SCENES


def test_noise_within_squares_is_averaged_and_brightness_is_not() -> None:
    flat = np.full((16, 24, 3), 0.5, np.float32)
    checks = np.indices((16, 24)).sum(axis=0)[..., None] % 2
    assert relative_difference(flat + 0.1 * (checks - 0.5), flat) == pytest.approx(0.0, abs=1e-6)
    assert relative_difference(flat * 1.1, flat) == pytest.approx(0.1)
    half = flat.copy()
    half[:8] = 0.6
    assert relative_difference(half, flat) == pytest.approx(0.1)


def test_errors_are_relative_to_the_light_that_is_wanted() -> None:
    wanted = torch.full((4, 4, 3), 2.0)
    assert relative_error(wanted, wanted) == 0.0
    assert relative_error(wanted * 1.1, wanted) == pytest.approx(0.01 / 1.01, rel=1e-4)
    assert relative_error(wanted * 11.0, wanted * 10.0) == pytest.approx(0.01 / 1.01, rel=1e-4)
