"""What each command does: one function a command, each gives the answer that --json prints."""

from __future__ import annotations

import argparse
import os
import platform
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio import __version__
from studio.cli.errand import Lane, Made, lanes, new_job
from studio.cli.files import check_destination, check_suffix, existing, place, readable, sha256
from studio.cli.progress import Bar
from studio.cli.words import describe
from studio.core import media, presets
from studio.core.controls import FILE_CONTROLS, MAX_SEED, Extra, Value, complete, parse
from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec
from studio.core.paths import Paths, resources
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.core.settings import Settings, SettingsFile
from studio.library import Library
from studio.models import InstalledModel, Store, as_made, moved_on, ready
from studio.models.shelves import open_store


class House:
    """The rooms a command needs, opened when they are needed."""

    def __init__(self) -> None:
        self.paths = Paths.default()
        self.settings: Settings = SettingsFile(self.paths.settings_file).load().settings
        s = self.settings
        self.library_root = Path(s.library_folder) if s.library_folder else self.paths.library
        self.store = open_store(self.paths, s)

    def use(self, settings: Settings) -> None:
        """These settings from now on."""
        self.settings = settings
        self.store = open_store(self.paths, settings)

    @property
    def device(self) -> DeviceChoice:
        return self.settings.device

    def library(self) -> Library:
        return Library.open(self.library_root)

    def job(
        self,
        spec: FamilySpec,
        recipe: Recipe,
        folder: Path,
        model: InstalledModel,
        inputs: Mapping[str, Path],
        mark_ai: bool,
    ) -> Job:
        found = ready(self.store, spec, recipe, model)
        return new_job(
            found.recipe,
            folder,
            found.model,
            inputs=inputs,
            device=self.device,
            cache=self.paths.cache,
            mark_ai=mark_ai,
            extras=found.extras,
        )


def make(args: argparse.Namespace) -> dict[str, Any]:
    """`make KIND PROMPT`: a recipe, a job, files in the library or at --out."""
    house = House()
    seed = _seed(args.seed)
    given = pairs(args.inputs, "--input", "NAME=FILE")
    inputs = {name: readable(name, Path(text)) for name, text in given.items()}
    out = Path(args.out) if args.out is not None else None
    if out is not None:
        check_destination(out)
    with Lane(args.kind) as lane:
        spec, model = _choose(house.store, lane, args.kind, args.family, args.model)
        for name in inputs:
            if not isinstance(spec.control(name), FILE_CONTROLS):
                known = [c.name for c in spec.controls if isinstance(c, FILE_CONTROLS)]
                raise StudioError(
                    f"“{name}” is not an input of {spec.title}.",
                    f"Its inputs are: {', '.join(known)}." if known else "It takes no files.",
                )
        values = _values(
            spec,
            args.prompt,
            pairs(args.settings, "--set", "NAME=VALUE"),
            laid_over=_several(args.extras),
            preset=_preset(house, args.preset, args.kind),
        )
        if out is not None:
            check_suffix(out, spec)
        refs = {n: InputRef(p.name, sha256(p)) for n, p in inputs.items()}
        recipe = Recipe(args.kind, spec.id, model.id, seed, values, refs)
        mark = house.settings.mark_ai
        files: list[Path] = []
        with tempfile.TemporaryDirectory(prefix="triptych-") as scratch, Bar(spec.title) as bar:
            job = house.job(spec, recipe, Path(scratch), model, inputs, mark)
            if out is None:
                library = house.library()
                try:
                    for path in inputs.values():
                        library.add_input(path)
                    made = lane.make(job, bar.hear)
                    for output in made.outputs:
                        files += library.take_in(output).files
                finally:
                    library.close()
            else:
                made = lane.make(job, bar.hear)
                files = place(made, spec, out)
    return _answer(files, recipe, made)


def _beside(made: Path, ref: InputRef) -> Path | None:
    """A file that went in, where it lies beside what was made of it; `--out` keeps no copy."""
    path = made.parent / Path(ref.name).name
    try:
        return path if path.is_file() and sha256(path) == ref.sha256 else None
    except OSError:
        return None


def again(args: argparse.Namespace) -> dict[str, Any]:
    """`again FILE`: make what the recipe inside says, and compare the bytes."""
    house = House()
    original = Path(args.file)
    readable("FILE", original)
    record = media.extract(original)
    recipe = record.recipe
    with Lane(recipe.kind) as lane:
        name = as_made(house.store, recipe)
        spec, model = _choose(house.store, lane, recipe.kind, recipe.family, name)
        recipe = replace(recipe, values=complete(spec.controls, recipe.values))
        inputs: dict[str, Path] = {}
        if recipe.inputs:
            library = house.library()
            try:
                for name, ref in recipe.inputs.items():
                    found = library.input_path(ref) or _beside(original, ref)
                    if found is None:
                        raise StudioError(
                            f"The file “{ref.name}” that went into this is not here.",
                            "Put it into the folder of the result, unchanged and by that name.",
                        )
                    inputs[name] = found
            finally:
                library.close()
        with tempfile.TemporaryDirectory(prefix="triptych-") as scratch, Bar(spec.title) as bar:
            job = house.job(spec, recipe, Path(scratch), model, inputs, record.mark_ai)
            others = moved_on(record.recipe, job.recipe)
            made = lane.make(job, bar.hear)
            suffix = original.suffix.lower()
            twin = next(
                (f for o in made.outputs for f in o.files if f.suffix.lower() == suffix), None
            )
            identical = twin is not None and sha256(twin) == sha256(original)
            if identical:
                files = [original.resolve()]
            else:
                # A different result is a new thing, and nothing that was made is thrown away.
                library = house.library()
                try:
                    files = [f for o in made.outputs for f in library.take_in(o).files]
                finally:
                    library.close()
    return {
        **_answer(files, recipe, made),
        "identical": identical,
        "edited": record.edited,
        "other_revisions": others,
    }


def families(args: argparse.Namespace) -> dict[str, Any]:
    """`families`: what can be run, with every setting."""
    with lanes(KINDS) as all_lanes:
        specs = [s for lane in all_lanes for s in lane.hello.families]
        missing = [u for lane in all_lanes for u in lane.hello.unavailable]
    return {
        "families": [
            {
                "id": s.id,
                "title": s.title,
                "kind": s.kind,
                "outputs": list(s.outputs),
                "settings": [describe(c) for c in s.controls],
                "examples": [{"title": e.title, "values": dict(e.values)} for e in s.examples],
            }
            for s in specs
        ],
        "unavailable": [{"id": u.id, "kind": u.kind, "reason": u.reason} for u in missing],
    }


def model_words(model: InstalledModel, specs: Sequence[FamilySpec]) -> dict[str, Any]:
    """An installed model as --json tells it."""
    runs = [s for s in specs if Store.fits(s, model)]
    return {
        "id": model.id,
        "title": model.title,
        "kind": next((s.kind for s in runs), model.kind),
        "role": model.role,
        "families": [s.id for s in runs],
        "path": str(model.path),
        "licence": model.licence,
        "source": model.source,
        "bytes": model.size,
        "facts": dict(model.facts),
        "names": {name: list(listed) for name, listed in model.names.items()},
        "problem": model.problem,
        "repo": model.repo,
        "revision": model.revision,
        "variant": model.variant,
        "last_used": model.last_used,
        "away": model.away,
    }


def doctor(args: argparse.Namespace) -> dict[str, Any]:
    """`doctor`: the truth about this machine and this installation."""
    import psutil

    house = House()
    with lanes(KINDS) as all_lanes:
        device = all_lanes[0].hello.device
        probed = all_lanes[0].probe()
        missing = [u for lane in all_lanes for u in lane.hello.unavailable]
    memory = psutil.virtual_memory()
    folders = {
        "program": Path(__file__).resolve().parents[2],
        "library": house.library_root,
        "models": house.store.folders[-1],
        "settings": house.paths.config,
        "cache": house.paths.cache,
        "logs": house.paths.logs,
    }
    return {
        "triptych": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device.name,
        "detail": device.detail,
        "providers": [name for name, fault in probed.providers.items() if not fault],
        "not_usable": {name: fault for name, fault in probed.providers.items() if fault},
        "versions": dict(probed.versions),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_total": memory.total,
        "memory_free": memory.available,
        "folders": {name: str(path) for name, path in folders.items()},
        "disk_free": {
            name: shutil.disk_usage(existing(path)).free for name, path in folders.items()
        },
        "unavailable": {u.id: u.reason for u in missing},
        "display": bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        or sys.platform in ("win32", "darwin"),
    }


def _answer(files: list[Path], recipe: Recipe, made: Made) -> dict[str, Any]:
    return {
        "files": [str(f) for f in files],
        "kind": recipe.kind,
        "family": recipe.family,
        "model": recipe.model,
        "seed": recipe.seed,
        "provider": made.provider,
        "seconds": round(made.seconds, 3),
    }


def _seed(text: str | None) -> int:
    if text is None:
        return secrets.randbelow(MAX_SEED + 1)
    if text.isascii() and text.isdigit() and int(text[:20]) <= MAX_SEED:
        return int(text)
    raise StudioError(
        f"The seed “{text[:40]}” is not usable.", f"Give a whole number from 0 to {MAX_SEED}."
    )


def pairs(given: list[str], option: str, form: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise StudioError(f"“{pair[:60]}” after {option} is not understood.", f"Write {form}.")
        result[name] = value
    return result


def _several(given: list[str]) -> dict[str, str]:
    """`--extra` by name: the same name again lays one more model over."""
    result: dict[str, str] = {}
    for pair in given:
        for name, value in pairs([pair], "--extra", "NAME=MODEL:STRENGTH").items():
            result[name] = f"{result[name]}, {value}" if name in result else value
    return result


def _preset(house: House, wanted: str | None, kind: str) -> Mapping[str, Value]:
    """The values of a preset. Raises StudioError where there is none of that name and kind."""
    if wanted is None:
        return {}
    found, _ = presets.load([resources() / "presets", house.paths.config / "presets"])
    of_kind = {p.id: p.values for p in found if p.kind == kind}
    if wanted not in of_kind:
        raise StudioError(
            f"There is no preset for {kind} called “{wanted[:60]}”.",
            f"There are: {', '.join(sorted(of_kind))}." if of_kind else "There are none of them.",
        )
    return of_kind[wanted]


def _values(
    spec: FamilySpec,
    prompt: str,
    given: Mapping[str, str],
    *,
    laid_over: Mapping[str, str],
    preset: Mapping[str, Value],
) -> dict[str, Any]:
    # A preset knows settings that not every family has.
    values: dict[str, Any] = {n: v for n, v in preset.items() if spec.control(n) is not None}
    values["prompt"] = prompt
    for name, text in {**given, **laid_over}.items():
        control = spec.control(name)
        if name in laid_over and not isinstance(control, Extra):
            known = [c.name for c in spec.controls if isinstance(c, Extra)]
            raise StudioError(
                f"{spec.title} takes no further models as “{name}”.",
                f"It takes: {', '.join(known)}." if known else "It takes none at all.",
            )
        if control is None or isinstance(control, FILE_CONTROLS):
            complete(spec.controls, {name: text})  # says what there is
        else:
            values[name] = parse(control, text)
    return complete(spec.controls, values)


def _choose(
    store: Store, lane: Lane, kind: str, family: str | None, model: str | None
) -> tuple[FamilySpec, InstalledModel]:
    """The family and model asked for, or the first that go together."""
    specs = [s for s in lane.hello.families if family in (None, s.id)]
    if not specs:
        for missing in lane.hello.unavailable:
            if family in (None, missing.id):
                raise StudioError(
                    f"“{missing.id}” cannot run here: {missing.reason}", "Set up again."
                )
        raise StudioError(
            f"There is no {kind} family called “{family}”.",
            "There are: " + ", ".join(s.id for s in lane.hello.families) + ".",
        )
    if model is None:
        for spec in specs:
            found = store.default_for(spec)
            if found is not None:
                return spec, found
        raise StudioError(f"No model for {kind} is installed.", "See: triptych models")
    installed = store.find(model)
    if installed is None:
        known = [m.id for m in store.installed() if any(store.fits(s, m) for s in specs)]
        raise StudioError(
            f"The model “{model[:60]}” is not installed.", f"Installed are: {', '.join(known)}."
        )
    for spec in specs:
        if store.fits(spec, installed):
            return spec, installed
    raise StudioError(
        f"The model “{installed.id}” cannot make {kind}"
        + (f": {installed.problem}" if installed.problem else "."),
        "See which model makes what: triptych models",
    )
