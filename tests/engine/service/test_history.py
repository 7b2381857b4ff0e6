"""A run that is opened tells of the scores it had before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.link.client import EngineClient
from engine.link.messages import AddView, Evaluation, OpenRun, RunOpened, Train
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow

PATIENCE = 120.0


def open_run(client: EngineClient, name: str, resume: bool) -> None:
    client.send(OpenRun(run=name, primitive=sphere_field(), overrides=TINY, resume=resume))
    client.wait_for(RunOpened, PATIENCE)


def test_earlier_scores_come_with_the_run(connect: Callable[..., EngineClient]) -> None:
    client = connect()
    open_run(client, "scored", resume=False)
    for index, view in enumerate(sphere_views(4, 16)):
        split = "test" if index == 3 else "train"
        client.send(AddView(name=view.name, split=split, camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True, steps=5, evaluate_every=1e-3))
    first = client.wait_for(Evaluation, PATIENCE, lambda scores: scores.step == 5)
    client.send(Train(running=True, steps=10, evaluate_every=1e-3))
    client.wait_for(Evaluation, PATIENCE, lambda scores: scores.step == 10)

    for way in ("still open", "read from disk"):
        if way == "read from disk":
            open_run(client, "another", resume=False)
        client.poll()
        open_run(client, "scored", resume=True)
        told = client.wait_for(Evaluation, PATIENCE, lambda scores: scores.step == 5)
        assert told.items == first.items and told.scores == first.scores, way
        client.wait_for(Evaluation, PATIENCE, lambda scores: scores.step == 10)
