"""Tiny models that really run, one for each family, laid out as the repositories of others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.engine.tiny import TINY
from tests.hub.content import Disk, Source
from tests.hub.layouts import card
from tests.hub.repos import Repo

TASKS = {
    "text.chat": "text-generation",
    "text.causal": "text-generation",
    "text.fill": "fill-mask",
    "text.rewrite": "summarization",
    "image.diffusion": "text-to-image",
    "image.upscale": "image-to-image",
    "image.background": "background-removal",
    "image.map": "depth-estimation",
    "audio.tune": "text-generation",
    "audio.speech": "text-to-speech",
    "audio.music": "text-to-audio",
    "audio.diffusion": "text-to-audio",
}
"""What the card of a family's model says that it does."""
DEEP = {"text.chat": "cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4"}
"""Families whose models lie in a folder of their repository."""


def repository(family: str, folder: Path) -> Repo:
    """`tiny/FAMILY`, of the model in `folder`; it is made there if it is not there yet."""
    if not folder.exists():
        making = folder.with_name(f"{folder.name}-unfinished")
        if making.exists():  # it was interrupted
            shutil.rmtree(making)
        making.mkdir(parents=True)
        TINY[family].make(making / "made").rename(folder)
        shutil.rmtree(making)  # with what it was made of
    name = family.replace(".", "-")
    inside = DEEP.get(family, "")
    files: dict[str, Source] = {
        "README.md": card(
            f"Tiny {name}",
            "Random weights, for tests.",
            license="apache-2.0",
            pipeline_tag=TASKS[family],
            tags=["abc-notation"] if family == "audio.tune" else ["tiny"],
        )
    }
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        place = path.relative_to(folder).as_posix()
        if place != "README.md":
            files[f"{inside}/{place}" if inside else place] = Disk(path)
    return Repo(f"tiny/{name}", files, downloads=1000)


def repositories(folder: Path) -> Iterator[Repo]:
    """One for every family; making all of them takes some minutes, the first time."""
    for family in TINY:
        yield repository(family, folder / family)
