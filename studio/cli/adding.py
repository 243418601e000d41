"""`add PATH`: a file or folder becomes a model, with the engine's help where it needs any."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

from studio.cli.commands import House, model_words, pairs
from studio.cli.errand import Lane
from studio.cli.progress import Bar
from studio.core.controls import Value, parse
from studio.core.errors import StudioError
from studio.core.messages import Convert, Progress
from studio.models import InstalledModel, families
from studio.models.add import Staged, already, check_name, install
from studio.models.plan import Plan
from studio.models.recognise import recognise

FILES_PART = 0.1
"""Of the progress, where the engine has something to do as well."""


def add(args: argparse.Namespace) -> dict[str, Any]:
    """Recognise, bring in, convert: gives the model, and whether it was here already."""
    given = pairs(args.settings, "--set", "NAME=VALUE")
    return add_path(House(), Path(args.path), args.name or "", given)


def add_path(house: House, path: Path, name: str, given: dict[str, str]) -> dict[str, Any]:
    """What `add` does, for a path; an empty name is chosen, `given` are options by name."""
    started = time.monotonic()
    check_name(name)
    plan = recognise(path)
    values = _chosen(plan, given)
    model = already(plan, house.store, values)
    was_here = model is not None
    with Lane(plan.kind) as lane, Bar(plan.title) as bar:
        specs = lane.hello.families
        if model is None:
            model = _install(house, plan, values, name, lane, bar)
    return {
        "model": model_words(model, specs),
        "already": was_here,
        "what": plan.what,
        "seconds": round(time.monotonic() - started, 3),
    }


def _install(
    house: House, plan: Plan, values: dict[str, Value], name: str, lane: Lane, bar: Bar
) -> InstalledModel:
    part = FILES_PART if plan.converter else 1.0
    bar.hear(Progress("saving", 0, 1, 0.0))

    def convert(staged: Staged) -> None:
        order = Convert(
            id=staged.job,
            converter=plan.converter,
            folder=staged.folder,
            source=plan.source,
            options=values,
            device=house.device,
            cache=house.paths.cache,
        )
        lane.convert(
            order,
            lambda news: bar.hear(
                Progress(news.phase, news.step, news.total, part + (1 - part) * news.fraction)
                if isinstance(news, Progress)
                else news
            ),
        )

    models = house.store.folders[-1]  # the person's own; the first is the program's
    with contextlib.suppress(FileExistsError):
        models.mkdir(parents=True)
    return install(
        plan,
        models,
        lambda fraction: bar.hear(Progress("saving", 0, 1, part * fraction)),
        values=values,
        name=name,
        convert=convert,
        usable=lambda model: bool(families(model, lane.hello.families)),
    )


def _chosen(plan: Plan, given: dict[str, str]) -> dict[str, Value]:
    """Every option's value. Raises StudioError for one that there is not."""
    by_name = {option.name: option for option in plan.options}
    for name in given:
        if name not in by_name:
            known = ", ".join(by_name)
            raise StudioError(
                f"There is nothing called “{name}” to choose for this ({plan.what}).",
                f"There is: {known}." if known else "It is taken as it is.",
            )
    return plan.values({name: parse(by_name[name], text) for name, text in given.items()})
