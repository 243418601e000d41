"""Several programs remove, have back and move the same models at once: none of them is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from studio.models import keep
from tests.models.caches import everything, put
from tests.models.keepers import MODELS, open_store
from tests.models.test_cache import graph_set
from tests.models.test_store import CARD, language_model

ROOT = Path(__file__).resolve().parents[2]


def test_programs_that_keep_the_same_models_lose_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    put(home / "hub", "acme/go", graph_set(tmp_path, "", "q4"))
    language_model(home / "own" / "stories", CARD)
    command = [sys.executable, "-m", "tests.models.keepers", str(home)]
    programs = [
        subprocess.Popen([*command, seed, "2"], cwd=ROOT, stdout=subprocess.PIPE) for seed in "123"
    ]
    done = [int(p.communicate(timeout=100)[0]) for p in programs]
    assert [p.returncode for p in programs] == [0, 0, 0]
    assert all(count > 0 for count in done)
    store = open_store(home)
    keep.recover(store.places)
    for one in keep.removed(store.places):
        keep.undo(one.token)
    for name in MODELS:
        model = store.find(name)
        assert model is not None, name
        assert not model.problem
        assert keep.verify(model).good
    assert not [name for name in everything(home) if ".triptych" in name]
