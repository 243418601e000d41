"""Finds, gets and keeps models: one function for each thing that a person can ask for.

The window asks it through the courier, the command line in its own process. What needs the network
is refused at once when the studio is to stay off it; everything else works without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.paths import Paths, resources
from studio.core.settings import Settings
from studio.models import catalogue, keep
from studio.models.catalogue import PINS, Entry
from studio.models.headers import parse_json
from studio.models.keep import Report, Undo
from studio.models.machine import machine_of, timed
from studio.models.net import Net, checked_endpoint
from studio.models.pages import Pages
from studio.models.remote import Account, Download, Found, Machine, ModelPage, Update, Variant
from studio.models.shelves import downloads_folder, open_store
from studio.models.store import InstalledModel, Store
from studio.models.token import MARKS, Tokens
from studio.models.trouble import OFFLINE
from studio.models.variants import model_name
from studio.models.verify import Told, go_on, nothing

if TYPE_CHECKING:
    from studio.models.hub.query import Query
    from studio.models.transfer import Transfers

MAX_WHO = 1 << 20
"""Bytes of what the hub says of a person."""
OPEN = ("waiting", "starting", "running", "verifying")
"""States of a download that goes on by itself."""


class Manager:
    """All that can be done with models of a hub and with those on the disk.

    Every function blocks until it is done, may be called from any thread, and raises StudioError;
    those that take long take `told` and `cancelled`. Downloads alone go on by themselves: `told`
    of the constructor hears each whenever it changed, at most ten times a second, on any thread.
    """

    def __init__(
        self,
        paths: Paths,
        settings: Callable[[], Settings],
        store: Store,
        told: Callable[[Download], None],
        *,
        machine: Machine | None = None,
        specs: Sequence[FamilySpec] = (),
    ) -> None:
        """`machine` and `specs` may come later, by `equip`: nothing fits before.

        Raises StudioError where the settings name an endpoint that is none.
        """
        self.paths = paths
        self.store = store
        self._settings = settings
        self._told = told
        self._machine = machine
        self._specs = tuple(specs)
        self._lock = threading.RLock()
        self._name = ""
        self._transfers: Transfers | None = None
        self.net = Net(
            settings().endpoint,
            lambda: self.tokens.get(),
            lambda: self._settings().stay_offline,
        )
        self.tokens = Tokens(self.net.server, paths.data / MARKS)
        self._pages = Pages(self.net, self._equipped, paths.data / PINS)

    def equip(self, machine: Machine, specs: Sequence[FamilySpec]) -> None:
        """What models have to fit into, and the families that run them."""
        with self._lock:
            self._machine, self._specs = machine, tuple(specs)
        self._pages.clear()

    # Finding

    def search(self, query: Query) -> tuple[Found, ...]:
        """What the hub has for a query, of what some family can run."""
        self.net.check()
        from studio.models.hub import client

        with self.net.worded():
            return client.search(self.net, query, self._specs)

    def page(self, repo: str, revision: str = "") -> ModelPage:
        """All about one repository, at a branch, a tag or a commit.

        Without one it is what the hub told of it first, for a model of the catalogue, and the
        newest for any other.
        """
        return self._pages.ask(repo, revision)

    def catalogue(self) -> tuple[Entry, ...]:
        """The models that the studio knows of its own; the hub is not asked."""
        return catalogue.entries(resources())

    def recommended(self) -> tuple[Found, ...]:
        """The catalogue as lines of a search, what suits this machine best first; the hub is not
        asked."""
        return self._pages.recommended()

    # Getting

    def get(
        self, repo: str, variant: str = "", place: Path | None = None, revision: str = ""
    ) -> Download:
        """Begin to download a model; what was begun already goes on.

        Without a variant it is the one for this machine; without a place, the folder for downloads
        of the settings; with the revision of a page that was shown, exactly what that showed.
        """
        self.net.check()
        from studio.models.transfer import TransferPlan

        page, ref = self._pages.shown(repo, revision)
        chosen = _variant(page, variant)
        self._pages.choose(page)
        plan = TransferPlan(
            id=model_name(repo, chosen.id),
            repo=repo,
            revision=page.revision,
            files=chosen.files,
            cache=place or self.downloads_folder,
            variant=chosen.id,
            title=page.found.title,
            kind=page.found.kind,
            ref=ref,
        )
        return self._named(self.transfers.add(plan))

    def pause(self, id: str) -> None:
        """Have a download wait until it is resumed, in this run of the program or a later one."""
        self.transfers.pause(id)

    def resume(self, id: str) -> None:
        """Go on with a download that is paused or has failed."""
        self.net.check()
        self.transfers.resume(id)

    def put_first(self, id: str) -> None:
        """Have a download go before all others."""
        self.transfers.put_first(id)

    def cancel(self, id: str) -> None:
        """Give a download up; its bytes are removed."""
        self.transfers.cancel(id)

    def forget(self, id: str) -> None:
        """Take a download that is over out of the list."""
        self.transfers.forget(id)

    def downloads(self) -> tuple[Download, ...]:
        """All downloads as they are, in the order in which they go."""
        return tuple(self._named(d) for d in self.transfers.all())

    def resume_all(self) -> None:
        """Go on with what was going on when the program ended; nothing while it stays offline."""
        self.net.check()
        self.transfers.resume_all()

    @property
    def transfers(self) -> Transfers:
        """The downloads; opened when they are first needed."""
        from studio.models.transfer import Transfers

        with self._lock:
            if self._transfers is None:
                self._transfers = Transfers(
                    self.paths.data / "downloads",
                    self.net,
                    lambda download: self._told(self._named(download)),
                    connections=lambda: self._settings().download_connections,
                    bandwidth=lambda: self._settings().download_kb * 1000,
                )
            return self._transfers

    @property
    def downloads_folder(self) -> Path:
        """The cache that downloads go to."""
        return downloads_folder(self.paths, self._settings())

    # Keeping

    def verify(
        self, model: str, *, told: Told = nothing, cancelled: Callable[[], bool] = go_on
    ) -> Report:
        """Read all files of a model again and compare them with what they should be."""
        return keep.verify(self.installed(model), told, cancelled)

    def repair(
        self, model: str, *, told: Told = nothing, cancelled: Callable[[], bool] = go_on
    ) -> Download | None:
        """Look what of a model is broken or missing, and begin to download that alone.

        None where nothing is wrong. What is broken lies aside until the trash is emptied.
        """
        report = self.verify(model, told=told, cancelled=cancelled)
        if report.good:
            return None
        found = report.model
        if not found.repo:
            raise StudioError(report.message, report.hint)
        self.net.check()
        # What the hub says of it is asked for first: without it nothing may be put aside.
        self.page(found.repo, found.revision)
        if any(f.state == "broken" and f.blob for f in report.files):
            keep.set_aside(report)
        return self.get(found.repo, found.variant, found.place, found.revision)

    def remove(self, model: str, busy: Collection[str] = (), revision: str = "") -> Undo:
        """Take a model away so that it can be had back, or one of its revisions alone.

        `busy` are the models that jobs use now; they stay. So does what is being downloaded.
        """
        found = self.installed(model)
        self._check_idle(found, "removed")
        return keep.remove(found, busy=lambda id: id in busy, revision=revision)

    def removed(self) -> tuple[Undo, ...]:
        """What can be had back, the latest first."""
        return tuple(keep.removed(self.store.places))

    def undo(self, token: str) -> str:
        """Have back what `remove` took away; gives the model's name."""
        return keep.undo(token)

    def empty_trash(self) -> int:
        """Delete for good what was removed; gives the bytes that were freed."""
        return keep.empty_trash(self.store.places)

    def move(
        self,
        model: str,
        place: Path,
        busy: Collection[str] = (),
        *,
        told: Told = nothing,
        cancelled: Callable[[], bool] = go_on,
    ) -> None:
        """Put a model into another folder or onto another disk."""
        found = self.installed(model)
        self._check_idle(found, "moved")
        keep.move(found, place, told, cancelled, busy=lambda id: id in busy)

    def keep_revision(self, model: str, revision: str) -> None:
        """Keep to a revision that is here, or to the newest again (empty)."""
        keep.keep_revision(self.store.notes.keep, self.installed(model), revision)

    def tidy(self) -> None:
        """Put right what a program that died has left, and empty the trash of what is old."""
        places = self.store.places
        keep.recover(places)
        keep.empty_trash(places, days=keep.DAYS)

    def updates(
        self, *, told: Told = nothing, cancelled: Callable[[], bool] = go_on
    ) -> tuple[Update, ...]:
        """The installed models that the hub has a newer revision of. Asks the hub for each."""
        self.net.check()
        found = []
        models = [m for m in self.store.installed() if m.repo]
        newest: dict[str, str] = {}
        for number, model in enumerate(models):
            if cancelled():
                raise StudioError("Looking for updates was cancelled.", "Look again any time.")
            if model.repo not in newest:
                with self.net.worded():
                    newest[model.repo] = str(self.net.api().model_info(model.repo).sha or "")
            if newest[model.repo] not in ("", model.revision):
                update = Update(
                    model=model.id,
                    repo=model.repo,
                    variant=model.variant,
                    installed=model.revision,
                    newest=newest[model.repo],
                )
                found.append(update)
            told(number + 1, len(models))
        return tuple(found)

    def installed(self, model: str) -> InstalledModel:
        """The installed model of that name. Raises StudioError where there is none."""
        found = self.store.find(model)
        if found is None:
            raise StudioError(
                f"There is no model called “{model[:200]}” on this computer.",
                "Look at the list of models again.",
            )
        return found

    # Who asks

    def sign_in(self, token: str) -> Account:
        """Use this token from now on, if the hub knows it; kept in the keyring of the system."""
        self.net.check()
        if not self.net.protected:
            raise StudioError(
                "A token cannot be sent to this server: others could read it on the way.",
                "Choose an address of it that begins with https, in Settings.",
            )
        with self.tokens.trying(token):
            name = self._whose()
        self.tokens.keep()
        return self._account(name)

    def sign_out(self) -> Account:
        """Forget the token, in the keyring as well."""
        self.tokens.drop()
        self._name = ""
        return self._account("")

    def signed_in(self) -> Account:
        """Whether somebody is signed in, without asking the hub: it may not know the name."""
        return self._account(self._name if self.tokens.get() else "")

    def who(self) -> Account:
        """Who is signed in, as the hub says; it is not asked where there is no token."""
        return self._account(self._whose() if self.tokens.get() else "")

    # The whole

    def apply(self) -> None:
        """The settings have changed: come back to the network or rest, look elsewhere.

        Raises StudioError where another endpoint was chosen: a manager is for one.
        """
        settings = self._settings()
        if settings.endpoint and checked_endpoint(settings.endpoint) != self.net.endpoint:
            raise StudioError(
                "Another model server was chosen while this one was in use.",
                "Start Triptych again.",
            )
        shelves = open_store(self.paths, settings)
        if shelves.places != self.store.places:
            self.store = shelves
        if settings.stay_offline:
            self.rest()
        else:
            self.resume_all()

    def rest(self) -> None:
        """Stop all downloads; what ran goes on with `resume_all`, in this run or a later one."""
        with self._lock:
            transfers, self._transfers = self._transfers, None
        if transfers is not None:
            transfers.close()

    def close(self) -> None:
        """Write down how far downloads are, and let go of everything."""
        self.rest()
        self.net.close()

    def _whose(self) -> str:
        """The name that goes with the token, as the hub says."""
        # Not by huggingface_hub, which looks into its own file of tokens when this is refused.
        with self.net.worded(), self.net.get(f"{self.net.endpoint}/api/whoami-v2") as answer:
            said = parse_json(answer.read(MAX_WHO)) or {}
        name = said.get("name")
        self._name = "".join(c for c in str(name or "")[:100] if c.isprintable())
        return self._name

    def _account(self, name: str) -> Account:
        source = self.tokens.source
        note = self.tokens.trouble
        if source == "run":
            note += " You stay signed in until Triptych ends."
        elif source == "environment":
            note = "The token is given by the environment (HF_TOKEN)."
        return Account(name, source, note if source else "")

    def _equipped(self) -> tuple[Machine, tuple[FamilySpec, ...]]:
        with self._lock:
            machine, specs = self._machine or machine_of(None), self._specs
        # It may have been measured since: that is looked at whenever something is judged.
        return timed(machine, self.paths.cache), specs

    def _named(self, download: Download) -> Download:
        if download.state == "done" and not download.model:
            return replace(download, model=model_name(download.repo, download.variant))
        if download.state in OPEN and self._settings().stay_offline:
            return replace(download, state="waiting", message=OFFLINE[0], hint=OFFLINE[1])
        return download

    def _check_idle(self, model: InstalledModel, what: str) -> None:
        """Raises StudioError where files of a model are just coming in."""
        for download in self.downloads():
            if download.repo == model.repo and download.state in OPEN:
                raise StudioError(
                    f"“{model.title}” cannot be {what} while it is being downloaded.",
                    "Wait for the download, or pause it.",
                )


def _variant(page: ModelPage, wanted: str) -> Variant:
    """The variant that is meant. Raises StudioError where it cannot be had."""
    if not page.variants:
        raise StudioError(
            f"Triptych cannot run anything that is in “{page.found.repo}”.",
            "Choose another model: a search shows only those that run.",
        )
    name = wanted or page.best
    for variant in page.variants:
        if variant.id == name:
            if variant.problem:
                raise StudioError(variant.problem, variant.hint)
            return variant
    known = ", ".join(v.id for v in page.variants if v.id)
    raise StudioError(
        f"“{page.found.repo}” has no variant “{name[:100]}”.",
        f"It has: {known[:300]}." if known else "It has one only: leave the variant out.",
    )
