"""One contract for every family in the registry, kept with a tiny real model each."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.core import media
from studio.core.controls import Choice, Number, Text, Value, complete
from studio.core.errors import StudioError
from studio.core.family import Unavailable
from studio.core.messages import (
    Done,
    Failed,
    Hello,
    News,
    Output,
    Progress,
    Report,
    Run,
    TextPreview,
)
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.engine.registry import FAMILIES, Entry, Family, load
from studio.engine.supervisor import Died, Heard, Supervisor
from studio.engine.workbench import Workbench
from tests.engine.tiny import TINY

STARTERS = ("text.chat", "image.diffusion", "audio.tune")
"""Families that a model shipped with the studio runs: somebody can click an example at once."""

EACH = pytest.mark.parametrize("entry", FAMILIES, ids=lambda e: e.id)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny.make(folder / name) for name, tiny in TINY.items()}


def family_of(entry: Entry) -> Family:
    loaded = load(entry)
    assert not isinstance(loaded, Unavailable), loaded
    return loaded


def job_of(entry: Entry, models: dict[str, Path], folder: Path, seed: int = 7) -> Job:
    values = complete(family_of(entry).SPEC.controls, TINY[entry.id].values)
    files = TINY[entry.id].inputs(models[entry.id].parent / "inputs")
    refs = {
        name: InputRef(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in files.items()
    }
    recipe = Recipe(entry.kind, entry.id, "tiny", seed, values, refs)
    folder.mkdir(parents=True, exist_ok=True)
    return Job("job", recipe, folder, models[entry.id], files, device=DeviceChoice("cpu", 1))


def in_a_fresh_process(job: Job) -> Iterator[News]:
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    supervisor = Supervisor(job.recipe.kind, heard.put)
    supervisor.start()
    try:
        while True:
            answer = heard.get(timeout=60)
            assert not isinstance(answer, Died)
            if isinstance(answer, Hello):
                supervisor.send(Run(job))
            elif isinstance(answer, Report):
                yield answer.news
                if isinstance(answer.news, Done | Failed):
                    return
    finally:
        supervisor.stop()


@EACH
def test_the_spec_is_sound(entry: Entry) -> None:
    family = family_of(entry)
    spec = family.SPEC
    assert (spec.id, spec.kind) == (entry.id, entry.kind)
    names = [c.name for c in spec.controls]
    assert len(set(names)) == len(names)
    assert "prompt" in names
    assert spec.needs or spec.where
    assert spec.outputs
    for control in spec.controls:
        assert control.label
        if isinstance(control, Choice):
            assert control.default in [o.value for o in control.options]
        if isinstance(control, Number):
            assert control.minimum <= control.default <= control.maximum
    assert len(spec.examples) >= 3 or entry.id not in STARTERS
    for example in spec.examples:
        complete(spec.controls, example.values)


@EACH
def test_same_recipe_same_bytes_in_fresh_processes(
    entry: Entry, models: dict[str, Path], tmp_path: Path
) -> None:
    runs = []
    for name in ("one", "two"):
        news = list(in_a_fresh_process(job_of(entry, models, tmp_path / name)))
        assert isinstance(news[-1], Done), news[-1]
        assert news[-1].provider == "CPUExecutionProvider"
        runs.append(
            [
                (f.suffix, hashlib.sha256(f.read_bytes()).hexdigest())
                for n in news
                if isinstance(n, Output)
                for f in n.files
            ]
        )
    assert runs[0]
    assert runs[0] == runs[1]


@EACH
def test_progress_and_outputs(entry: Entry, models: dict[str, Path], tmp_path: Path) -> None:
    family = family_of(entry)
    job = job_of(entry, models, tmp_path / "job")
    steps = list(family.run(job, Workbench()))
    fractions = [s.fraction for s in steps if isinstance(s, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] <= 1
    outputs = [s for s in steps if isinstance(s, Output)]
    assert len(outputs) == job.recipe.values.get("count", 1)
    for output in outputs:
        assert [f.suffix for f in output.files] == list(family.SPEC.outputs)
        for file in output.files:
            assert file.parent == job.folder
            record = media.extract(file)
            assert record.recipe == output.recipe
            # Taking the recipe out leaves a file that still opens, putting it in changes nothing.
            data = file.read_bytes()
            assert media.embed(media.strip(data, file.suffix), file.suffix, record) == data
    streamed = "".join(s.text for s in steps if isinstance(s, TextPreview))
    if streamed:
        assert streamed.strip() in outputs[0].files[0].read_text("utf-8")


@EACH
def test_each_item_can_be_made_again_alone(
    entry: Entry, models: dict[str, Path], tmp_path: Path
) -> None:
    family = family_of(entry)
    bench = Workbench()
    job = job_of(entry, models, tmp_path / "job")
    last = [s for s in family.run(job, bench) if isinstance(s, Output)][-1]
    (tmp_path / "alone").mkdir()
    alone = replace(job, id="alone", recipe=last.recipe, folder=tmp_path / "alone")
    (made,) = [s for s in family.run(alone, bench) if isinstance(s, Output)]
    assert [f.read_bytes() for f in made.files] == [f.read_bytes() for f in last.files]


@EACH
def test_closing_at_every_yield_leaves_nothing_behind(
    entry: Entry, models: dict[str, Path], tmp_path: Path
) -> None:
    family = family_of(entry)
    bench = Workbench()
    total = sum(1 for _ in family.run(job_of(entry, models, tmp_path / "whole"), bench))
    threads = set(threading.enumerate())
    # Every yield of a short job, and a spread of a long one.
    for stop in sorted({*range(1, min(total, 12)), *range(1, total, max(1, total // 12))}):
        folder = tmp_path / f"stop{stop}"
        steps = family.run(job_of(entry, models, folder), bench)
        outputs: list[Path] = []
        for _ in range(stop):
            step = next(steps, None)
            if isinstance(step, Output):
                outputs += step.files
        steps.close()  # type: ignore[attr-defined]  # a family's run is a generator
        left = {p for p in folder.rglob("*") if p.is_file()}
        assert left <= set(outputs), f"after {stop} of {total} yields"
        assert set(threading.enumerate()) <= threads


@EACH
@pytest.mark.parametrize("how", ["type", "range", "unknown", "long"])
def test_bad_values_are_told(
    entry: Entry, how: str, models: dict[str, Path], tmp_path: Path
) -> None:
    family = family_of(entry)
    controls = family.SPEC.controls
    number = next((c for c in controls if isinstance(c, Number)), None)
    if how in ("type", "range") and number is None:
        return  # a family without numbers has none that could be bad
    text = next(c for c in controls if isinstance(c, Text) and c.name == "prompt")
    bad: dict[str, Value]
    if how == "unknown":
        bad = {"no_such_setting": 1}
    elif how == "long":
        bad = {text.name: "x" * (text.max_length + 1)}
    else:
        assert number is not None
        bad = {number.name: "many" if how == "type" else number.maximum * 2 + 1}
    job = job_of(entry, models, tmp_path / "job")
    values = {**job.recipe.values, **bad}
    bad_job = replace(job, id="bad", recipe=replace(job.recipe, values=values))
    with pytest.raises(StudioError) as caught:
        list(family.run(bad_job, Workbench()))
    assert caught.value.message
    assert caught.value.hint
    assert not list(job.folder.iterdir())


@EACH
@pytest.mark.parametrize("prompt", ["🦊🚀", "שלום עולם", "a\0fox", "x" * 5000, "'\"\\{}%s<|>"])
def test_odd_words_do_no_harm(
    entry: Entry, prompt: str, models: dict[str, Path], tmp_path: Path
) -> None:
    family = family_of(entry)
    job = job_of(entry, models, tmp_path / "job")
    odd = replace(job, id="odd", recipe=job.recipe.with_values(prompt=prompt))
    outputs: list[Output] = []
    with contextlib.suppress(StudioError):  # no words a model knows is a fair thing to say
        outputs = [s for s in family.run(odd, Workbench()) if isinstance(s, Output)]
    if not outputs:
        assert not list(job.folder.iterdir())
        return
    assert media.extract(outputs[0].files[0]).recipe == outputs[0].recipe


@EACH
def test_a_damaged_model_is_told(entry: Entry, models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    family = family_of(entry)
    for number, graph in enumerate(sorted(models[entry.id].rglob("*.onnx"))):
        copy = tmp_path / f"model{number}"
        shutil.copytree(models[entry.id], copy)
        broken = copy / graph.relative_to(models[entry.id])
        broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
        job = job_of(entry, models, tmp_path / f"job{number}")
        damaged = replace(job, id="damaged", model=copy)
        if "encoder" in graph.parent.name and graph.parent.name.startswith("vae"):
            continue  # read only when a picture goes in
        with pytest.raises(StudioError) as caught:
            list(family.run(damaged, Workbench()))
        assert caught.value.hint
        assert not list(job.folder.iterdir())


def test_every_family_has_a_tiny_model() -> None:
    assert set(TINY) == {e.id for e in FAMILIES}
