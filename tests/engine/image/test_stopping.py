"""Stopped at any moment, nothing is left."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.core.messages import Output, Progress, Step
from studio.engine.image import diffusion, pipelines
from studio.engine.image.handover import Stopped
from studio.engine.workbench import Workbench
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import BENCH, endless, model_of, outputs, slow_to_open


def test_closing_at_every_yield_leaves_nothing(make_job: MakeJob, photo: Path) -> None:
    whole = list(diffusion.run(make_job(picture=photo, count=2), BENCH))
    before = set(threading.enumerate())
    for stop in range(len(whole)):
        job = make_job(picture=photo, count=2)
        steps = diffusion.run(job, BENCH)
        taken = [step for _, step in zip(range(stop), steps, strict=False)]
        steps.close()
        given_over = {f for s in taken if isinstance(s, Output) for f in s.files}
        assert set(job.folder.iterdir()) == given_over
        assert set(threading.enumerate()) <= before
    again = list(diffusion.run(make_job(picture=photo, count=2), BENCH))
    assert [s.recipe for s in again if isinstance(s, Output)] == [
        s.recipe for s in whole if isinstance(s, Output)
    ]


@pytest.mark.timeout(60)
def test_a_long_graph_can_be_stopped_in_the_middle(copy: Path, make_job: MakeJob) -> None:
    endless(copy / "unet" / "model.onnx", ["b"])
    job, before = make_job(model=copy), set(threading.enumerate())
    steps = diffusion.run(job, Workbench())
    taken: list[Step] = []
    for step in steps:
        taken.append(step)
        if len(taken) > 2 and taken[-1] == taken[-2] == taken[-3]:
            break  # it says where it is while the graph runs
    assert isinstance(taken[-1], Progress)
    assert taken[-1].phase == "drawing"
    steps.close()
    assert set(threading.enumerate()) <= before
    assert not list(job.folder.iterdir())


@pytest.mark.timeout(60)
def test_loading_can_be_stopped_in_the_middle(
    copy: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "TOLD_ABOVE", 0)
    slow_to_open(copy / "unet" / "model.onnx")
    job, bench, before = make_job(model=copy), Workbench(), set(threading.enumerate())
    steps = diffusion.run(job, bench)
    taken: list[Step] = []
    for step in steps:
        taken.append(step)
        if len(taken) > 3 and taken[-1] == taken[-2] == taken[-3]:
            break  # it says where it is while the graph is opened
    assert isinstance(taken[-1], Progress)
    assert taken[-1].phase == "loading"
    steps.close()
    # What opens the graph hears of it in its own time; nobody waits for it, but the next job.
    assert set(threading.enumerate()) - before <= set(bench.given_up)
    assert not list(job.folder.iterdir())
    for thread in bench.given_up:
        thread.join()
    monkeypatch.undo()
    assert [s for s in diffusion.run(make_job(), bench) if isinstance(s, Output)]


def test_a_pulled_brake_lets_nothing_start(make_job: MakeJob) -> None:
    model = model_of(make_job())
    model.brake.pull()
    pipeline = model.pipeline("words", "euler")
    with pytest.raises(Stopped):
        pipeline("a fox", num_inference_steps=1)
    model.brake.release()
    assert pipeline("a fox", num_inference_steps=1).images


def test_a_file_is_whole_or_not_there(make_job: MakeJob) -> None:
    job = make_job()
    (job.folder / "picture-01.png").mkdir()
    with pytest.raises(StudioError, match="picture-01"):
        outputs(job)
    assert [p.name for p in job.folder.iterdir()] == ["picture-01.png"]
