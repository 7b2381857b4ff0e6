"""What a client can do with a field of any kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.link.client import EngineClient
from engine.link.messages import (
    AddView,
    BakeSpec,
    Evaluation,
    EvaluationSpec,
    Frame,
    ItemAdded,
    JobUpdate,
    OpenRun,
    Problem,
    RequestFrame,
    RunOpened,
    SaveSnapshot,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from engine.link.presets import FIELDS
from tests.engine.tiny_fields import TINY
from tests.scenes import picture_of_sphere, sphere_field, sphere_views

VIEWS = sphere_views(8, 32)
PATIENCE = 120.0  # the first run compiles every kernel


@pytest.mark.slow
@pytest.mark.parametrize("kind", FIELDS)
def test_a_client_trains_it_looks_at_it_scores_it_and_renders_it(
    kind: str, connect: Callable[..., EngineClient]
) -> None:
    client, name = connect(), f"any-{kind}"
    opening = {"run": name, "primitive": sphere_field(kind), "overrides": TINY[kind]}
    client.send(OpenRun(**opening))
    assert client.wait_for(RunOpened, PATIENCE).primitive.field == kind
    client.poll()  # away with what was said of the run that was open before: it is finished, too
    for index, view in enumerate(VIEWS):
        split = "train" if index < 7 else "test"
        client.send(AddView(name=view.name, split=split, camera=view.camera, color=view.color, depth=view.depth))
    client.wait_for(ItemAdded, PATIENCE, lambda added: (added.train_items, added.test_items) == (7, 1))
    client.send(Train(running=True, steps=150))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "finished")
    camera = VIEWS[3].camera
    for number, quality in enumerate(("moving", "final")):
        client.send(RequestFrame(request=number, camera=camera, quality=quality))
        frame = client.wait_for(Frame, PATIENCE, lambda frame, number=number: frame.request == number)
        truth, _ = picture_of_sphere(frame.camera)
        assert np.abs(frame.color[..., :3].astype(float) - truth[..., :3]).mean() < 0.2
    client.send(StartJob(job="scores", specification=EvaluationSpec()))
    assert client.wait_for(Evaluation, PATIENCE).step == 150
    client.send(StartJob(job="bake", specification=BakeSpec(cameras=(camera,), output=f"{name}-frames")))
    client.wait_for(JobUpdate, PATIENCE, lambda update: (update.job, update.state) == ("bake", "done"))
    client.send(SaveSnapshot())
    client.wait_for(SnapshotSaved, PATIENCE)
    client.close()

    again = connect()
    again.send(OpenRun(run="another", primitive=sphere_field(), overrides=TINY["hash-grid"]))
    again.wait_for(RunOpened, PATIENCE, lambda opened: opened.run == "another")
    # What is asked for now doesn't change what is there.
    again.send(OpenRun(run=name, primitive=sphere_field(), resume=True))
    opened = again.wait_for(RunOpened, PATIENCE, lambda opened: opened.run == name)
    assert (opened.step, opened.primitive.field) == (150, kind)
    again.send(OpenRun(run="x", primitive=sphere_field("octree")))
    problem = again.wait_for(Problem, PATIENCE)
    assert problem.code == "config" and "field: 'octree' is not one of" in problem.message


@pytest.mark.slow
def test_a_field_that_reads_scenes_shows_one_by_a_single_view_before_it_has_learnt_from_it(
    connect: Callable[..., EngineClient],
) -> None:
    """It begins with the prior that is brought along."""
    client, view = connect(), VIEWS[0]
    client.send(OpenRun(run="one-view", primitive=sphere_field("pixelnerf")))
    client.wait_for(RunOpened, PATIENCE)
    client.poll()
    client.send(AddView(name=view.name, split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.wait_for(ItemAdded, PATIENCE)
    from_aside = VIEWS[3].camera
    client.send(RequestFrame(request=1, camera=from_aside, quality="final"))
    frame = client.wait_for(Frame, PATIENCE, lambda frame: frame.request == 1)
    truth, _ = picture_of_sphere(frame.camera)
    covered, is_sphere = frame.color[..., 3].astype(float), truth[..., 3] > 0.5
    # Seen from aside, half of it is what the view shows.
    assert covered[is_sphere].mean() > 0.3 > 3.0 * covered[~is_sphere].mean()
