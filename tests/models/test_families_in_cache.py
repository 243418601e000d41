"""Every family runs its model as it lies in a cache of the hub, and makes the same bytes there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from studio.core.controls import complete
from studio.core.family import Unavailable
from studio.core.messages import Output
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.engine.registry import FAMILIES, Entry, Family, load
from studio.engine.workbench import Workbench
from studio.models import Store
from tests.engine.tiny import TINY
from tests.models.caches import files_of, put


def run(family: Family, job: Job) -> list[str]:
    job.folder.mkdir(parents=True)
    made = [n for n in family.run(job, Workbench()) if isinstance(n, Output)]
    return [hashlib.sha256(f.read_bytes()).hexdigest() for o in made for f in o.files]


def job_of(entry: Entry, family: Family, model: Path, folder: Path) -> Job:
    inputs = TINY[entry.id].inputs(folder.parent / "inputs")
    refs = {
        name: InputRef(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in inputs.items()
    }
    values = complete(family.SPEC.controls, TINY[entry.id].values)
    recipe = Recipe(entry.kind, entry.id, "acme/tiny", 3, values, refs)
    return Job("job", recipe, folder, model, inputs, device=DeviceChoice("cpu", 1))


# The others lie as these do.
LAYOUTS = [e for e in FAMILIES if e.id not in ("audio.tune", "image.map", "image.background")]


@pytest.mark.parametrize("entry", LAYOUTS, ids=lambda e: e.id)
def test_a_model_in_a_cache_makes_what_it_makes_in_a_folder(entry: Entry, tmp_path: Path) -> None:
    family = load(entry)
    assert not isinstance(family, Unavailable), family
    plain = TINY[entry.id].make(tmp_path / "plain")
    cache = tmp_path / "hub"
    # ONNX Runtime does not read from a store that repositories share; a job has to all the same.
    shared = entry.id == "text.chat"
    snapshot = put(cache, "acme/tiny", files_of(plain), shared=shared)
    store = Store([tmp_path / "none"], [cache])
    model = store.find("acme/tiny")
    assert model is not None
    assert not model.problem
    assert Store.fits(family.SPEC, model)
    expected = run(family, job_of(entry, family, plain, tmp_path / "one"))
    assert expected
    view = store.opened(model)
    assert view.name.startswith("tiny")
    folders = [view, snapshot] if entry.id in ("text.causal", "image.diffusion") else [view]
    for number, folder in enumerate(folders):
        job = job_of(entry, family, folder, tmp_path / f"in{number}")
        assert run(family, job) == expected
    assert all(p.is_symlink() or p.is_dir() for p in snapshot.rglob("*")), "something was written"
