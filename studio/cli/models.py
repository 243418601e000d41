"""`models …`: search the hub, get models, keep them, from the command line."""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.adding import add_path
from studio.cli.commands import House, model_words
from studio.cli.errand import PausedError, lanes
from studio.cli.progress import Bytes
from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.licences import licence
from studio.core.settings import SettingsFile
from studio.core.sizes import size_words
from studio.models.cache import repository_folder
from studio.models.remote import Download, Found, ModelPage, Variant

if TYPE_CHECKING:  # other commands do not wait for what this one needs
    from studio.models.keep import Report
    from studio.models.manager import Manager

SORTS = ("downloads", "likes", "updated", "new", "trending")
LOOK = 0.2
"""Seconds between looks at the keyboard: on Windows an endless wait cannot be interrupted."""
ENDED = ("done", "failed", "cancelled", "paused")


def add_commands(models: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Put the commands below `models`; gives their parsers."""
    sub = models.add_subparsers(dest="deed", metavar="COMMAND")

    find = sub.add_parser("search", help="find models on the hub that Triptych can run")
    find.add_argument("words", nargs="*", metavar="WORDS")
    find.add_argument("--kind", choices=KINDS, help="what it is to make")
    find.add_argument("--task", default="", metavar="T", help="as the hub calls it: text-to-speech")
    find.add_argument("--sort", choices=SORTS, default="downloads")
    find.add_argument("--sell", action="store_true", help="only where what is made may be sold")
    find.add_argument("--limit", default="20", metavar="N", help="how many at most")
    find.set_defaults(call=search)

    info = sub.add_parser("info", help="what there is to know about a model of the hub")
    info.add_argument("repo", metavar="REPO", help="owner/name")
    info.add_argument("--revision", default="", metavar="R", help="a branch, a tag or a commit")
    info.set_defaults(call=about)

    fetch = sub.add_parser("get", help="download a model; stopped, the same command goes on")
    fetch.add_argument("repo", metavar="REPO", help="owner/name, or owner/name:variant")
    fetch.add_argument("--variant", default="", metavar="V", help="which one (see: info)")
    fetch.add_argument("--revision", default="", metavar="R", help="a branch, a tag or a commit")
    fetch.add_argument("--to", default="", metavar="FOLDER", help="where it is to lie")
    fetch.set_defaults(call=get)

    held = sub.add_parser("list", help="the models that are installed")
    held.add_argument("--kind", choices=KINDS, help="only those that make this")
    held.set_defaults(call=listed)

    check = sub.add_parser("verify", help="compare all bytes of a model with what they should be")
    check.add_argument("model", nargs="?", default="", metavar="MODEL", help="else all of the hub")
    check.add_argument("--repair", action="store_true", help="download anew what is broken")
    check.set_defaults(call=verify)

    drop = sub.add_parser("remove", help="take a model away; it can be had back")
    drop.add_argument("model", metavar="MODEL")
    drop.add_argument("--yes", action="store_true", help="do not ask")
    drop.set_defaults(call=remove)

    back = sub.add_parser("undo", help="have back what was removed")
    back.add_argument("token", nargs="?", default="", metavar="ID", help="else the last one")
    back.set_defaults(call=undo)

    away = sub.add_parser("move", help="put a model into another folder or onto another disk")
    away.add_argument("model", metavar="MODEL")
    away.add_argument("folder", metavar="FOLDER")
    away.set_defaults(call=move)
    name = sub.add_parser("sign-in", help="keep a token of the hub, typed or on standard input")
    name.set_defaults(call=sign_in)
    sub.add_parser("sign-out", help="forget the token").set_defaults(call=sign_out)
    return list(sub.choices.values())


def search(args: argparse.Namespace) -> dict[str, Any]:
    """`models search WORDS`: what the hub has that a family can run."""
    from studio.models.hub.client import MAX_LIMIT
    from studio.models.hub.query import Query

    limit = args.limit
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_LIMIT):
        raise StudioError(
            f"“{limit[:40]}” is no number of models.", f"Give a whole number from 1 to {MAX_LIMIT}."
        )
    query = Query(
        words=" ".join(args.words),
        kind=args.kind,
        task=args.task,
        sort=args.sort,
        sell=args.sell,
        limit=int(limit),
    )
    with _manager(equipped=True) as manager:
        return {"found": [_found_words(f) for f in manager.search(query)]}


def about(args: argparse.Namespace) -> dict[str, Any]:
    """`models info REPO`: a model of the hub with its variants, before it is downloaded."""
    with _manager(equipped=True, repo=args.repo) as manager:
        return {"page": _page_words(manager.page(args.repo, args.revision))}


def get(args: argparse.Namespace) -> dict[str, Any]:
    """`models get REPO`: download a model and make it ready to be used."""
    started = time.monotonic()
    repo, _, variant = args.repo.partition(":")
    if variant and args.variant and variant != args.variant:
        raise StudioError(
            f"Two variants are named, “{variant[:60]}” and “{args.variant[:60]}”.",
            "Name one of them.",
        )
    news: queue.SimpleQueue[Download] = queue.SimpleQueue()
    house = House()
    place = _folder(args.to) if args.to else None
    with _manager(equipped=True, repo=repo, house=house, told=news) as manager:
        page = manager.page(repo, args.revision)
        download = manager.get(repo, variant or args.variant, place, args.revision)
        chosen = next(v for v in page.variants if v.id == download.variant)
        download = _waited(manager, download, news)
    if place is not None:
        _look_into(house, place)
    installed = house.store.find(download.model)
    if installed is None:
        raise StudioError(
            f"“{download.model}” was downloaded, but is not there any more.",
            "Somebody else may have moved it. Try: triptych models list",
        )
    model, path = installed.id, installed.path
    if chosen.add:
        # What is not run as it lies is added as a file of one's own would be.
        assert installed.place is not None
        snapshots = repository_folder(installed.place, repo) / "snapshots"
        added = add_path(house, snapshots / download.revision / chosen.add, "", {})
        model, path = added["model"]["id"], Path(added["model"]["path"])
    return {
        "model": model,
        "repo": repo,
        "revision": download.revision,
        "variant": download.variant,
        "bytes": download.total,
        "path": str(path),
        "seconds": round(time.monotonic() - started, 3),
    }


def listed(args: argparse.Namespace) -> dict[str, Any]:
    """`models` and `models list`: what is installed, and what runs it."""
    house = House()
    kind = getattr(args, "kind", None)
    with lanes(KINDS) as all_lanes:
        specs = [s for lane in all_lanes for s in lane.hello.families]
    found = [model_words(m, specs) for m in house.store.installed()]
    return {"models": [m for m in found if kind in (None, m["kind"])]}


def verify(args: argparse.Namespace) -> dict[str, Any]:
    """`models verify [MODEL]`: read every byte again. Without a name, all that is from the hub."""
    started = time.monotonic()
    house = House()
    if args.model:
        names = [args.model]
    else:
        names = [m.id for m in house.store.installed() if m.repo and not m.away]
    reports = []
    with _manager(house=house) as manager:
        for name in names:
            with Bytes(name) as bar:
                reports.append(manager.verify(name, told=bar.at))
    wrong = [r for r in reports if not r.good]
    repaired = [_repaired(r.model.id) for r in wrong] if args.repair else []
    return {
        "verified": [_report_words(r) for r in reports],
        "whole": not wrong,
        "repaired": repaired,
        "seconds": round(time.monotonic() - started, 3),
    }


def remove(args: argparse.Namespace) -> dict[str, Any]:
    """`models remove MODEL`: away, until it is undone or the trash is emptied."""
    with _manager() as manager:
        model = manager.installed(args.model)
        if not args.yes and not _agreed(f"Remove “{model.id}” ({size_words(model.size)})?"):
            return {"removed": None, "undo": None, "bytes": 0}
        done = manager.remove(model.id)
    return {"removed": done.model, "undo": done.token, "bytes": done.size}


def undo(args: argparse.Namespace) -> dict[str, Any]:
    """`models undo [ID]`: have back what was removed, the last one where none is named."""
    with _manager() as manager:
        token = args.token
        if not token:
            latest = manager.removed()[:1]
            if not latest:
                raise StudioError(
                    "There is nothing to have back.",
                    "What was removed stays for thirty days, unless its trash is emptied.",
                )
            token = latest[0].token
        return {"restored": manager.undo(token)}


def move(args: argparse.Namespace) -> dict[str, Any]:
    """`models move MODEL FOLDER`: to another folder or disk; here until it is there."""
    house = House()
    with _manager(house=house) as manager:
        model = manager.installed(args.model)
        place = _folder(args.folder)
        with Bytes(model.title) as bar:
            manager.move(model.id, place, told=bar.at)
        _look_into(house, place)
    found = house.store.find(model.id)
    return {"moved": model.id, "path": str(found.path if found else place)}


def sign_in(args: argparse.Namespace) -> dict[str, Any]:
    """`models sign-in`: the token is asked for, never taken from the command line."""
    with _manager() as manager:
        manager.net.check()
        if sys.stdin.isatty():
            from getpass import getpass

            token = getpass("Token: ", sys.stderr)
        else:
            token = sys.stdin.readline()
        account = manager.sign_in(token)
    if account.source == "run":
        raise StudioError(
            f"The token is good, but cannot be kept. {account.note}".split(" You stay")[0],
            "Give it with HF_TOKEN in the environment.",
        )
    return {"signed_in": account.name}


def sign_out(args: argparse.Namespace) -> dict[str, Any]:
    """`models sign-out`: the token is forgotten, in the keyring as well."""
    with _manager() as manager:
        manager.sign_out()
    return {"signed_in": None}


def _repaired(model: str) -> str:
    """Download anew what of a model is broken; gives its name."""
    news: queue.SimpleQueue[Download] = queue.SimpleQueue()
    with _manager(equipped=True, told=news) as manager:
        download = manager.repair(model)
        if download is not None:
            _waited(manager, download, news)
    return model


def _report_words(report: Report) -> dict[str, Any]:
    wrong = [f for f in report.files if f.state in ("broken", "missing")]
    return {
        "model": report.model.id,
        "whole": report.good,
        "words": report.message,
        "hint": report.hint,
        "files": len(report.files),
        "wrong": {f.name: f.message for f in wrong},
    }


def _agreed(question: str) -> bool:
    """What the person at the terminal says. Raises StudioError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise StudioError(
            "Whether to remove this has to be asked, and there is nobody to ask.",
            "Add --yes; `triptych models undo` has it back.",
        )
    print(f"{question} It can be had back with `models undo`. [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextlib.contextmanager
def _manager(
    *,
    equipped: bool = False,
    repo: str = "",
    house: House | None = None,
    told: queue.SimpleQueue[Download] | None = None,
) -> Iterator[Manager]:
    """A manager for one command. What can be refused at once is, before engines are started."""
    from studio.models.machine import machine_of
    from studio.models.manager import Manager

    house = house or House()
    heard = told or queue.SimpleQueue()
    manager = Manager(house.paths, lambda: house.settings, house.store, heard.put)
    try:
        if equipped:
            manager.net.check()
            if repo:
                manager.net.url(repo, "main", "")  # raises where it is no name of a repository
            with lanes(KINDS) as all_lanes:
                specs = [s for lane in all_lanes for s in lane.hello.families]
                manager.equip(machine_of(all_lanes[0].hello.device), specs)
        yield manager
    finally:
        manager.close()


def _waited(manager: Manager, download: Download, news: queue.SimpleQueue[Download]) -> Download:
    """Show a download until it is done. Raises StudioError where it does not go well, and
    PausedError on Ctrl+C."""
    with Bytes(download.title) as bar:
        bar.hear(download)
        try:
            while download.state not in ENDED:
                try:
                    heard = news.get(timeout=LOOK)
                except queue.Empty:
                    heard = next((d for d in manager.downloads() if d.id == download.id), download)
                if heard.id == download.id:
                    download = heard
                    bar.hear(download)
        except KeyboardInterrupt:
            manager.pause(download.id)
            raise PausedError("Paused. The same command goes on with it.") from None
    if download.state == "done":
        manager.forget(download.id)
        return download
    if download.state == "failed":
        raise StudioError(download.message, download.hint)
    raise StudioError(
        "The download was stopped by another window of Triptych.", "Look at it there."
    )


def _folder(text: str) -> Path:
    """The folder that is meant. Raises StudioError where it is something else."""
    folder = Path(text).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise StudioError(f"“{folder}” is no folder.", "Name a folder; it need not be there yet.")
    return folder


def _look_into(house: House, folder: Path) -> None:
    """Look for models in a folder as well, from now on."""
    if folder in house.store.places:
        return
    file = SettingsFile(house.paths.settings_file)
    settings = file.load().settings
    house.use(replace(settings, model_folders=(*settings.model_folders, str(folder))))
    file.save(house.settings)
    print(f"Triptych looks for models in {folder} from now on.", file=sys.stderr)


def _found_words(found: Found) -> dict[str, Any]:
    return {
        "repo": found.repo,
        "title": found.title,
        "kind": found.kind,
        "task": found.task,
        "author": found.author,
        "licence": found.licence,
        "sell": licence(found.licence).sell,
        "downloads": found.downloads,
        "likes": found.likes,
        "updated": found.updated,
        "gated": found.gated,
        "private": found.private,
        "families": list(found.families),
    }


def _page_words(page: ModelPage) -> dict[str, Any]:
    known = licence(page.found.licence)
    return {
        **_found_words(page.found),
        "licence_name": known.name,
        "licence_words": known.words,
        "revision": page.revision,
        "best": page.best,
        "variants": [_variant_words(v) for v in page.variants],
        "examples": list(page.examples),
        "base_models": list(page.base_models),
        "refused": dict(page.refused),
        "card": page.card,
    }


def _variant_words(variant: Variant) -> dict[str, Any]:
    return {
        "id": variant.id,
        "title": variant.title,
        "precision": variant.precision,
        "layout": variant.layout,
        "bytes": variant.size,
        "files": len(variant.files),
        "families": list(variant.families),
        "providers": list(variant.providers),
        "fit": variant.fit.level if variant.fit else "",
        "fit_words": variant.fit.sentence if variant.fit else "",
        "problem": variant.problem,
    }
