"""The pages of models: asked of the hub, given the catalogue's words, remembered while shown.

What is downloaded is what was shown: a page is kept by its commit, and a model of the catalogue by
the commit that the hub told of first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.paths import resources
from studio.models import catalogue
from studio.models.catalogue import Entry, Pins
from studio.models.net import Net, is_repo
from studio.models.remote import Found, Machine, ModelPage

MEMORY = 40
"""So many names of pages are remembered."""

Equipped = Callable[[], tuple[Machine, tuple[FamilySpec, ...]]]
"""The machine that models have to fit into, and the families that run them."""


class Pages:
    """Safe from any thread; `pins` is the file in which first revisions are kept."""

    def __init__(self, net: Net, equipped: Equipped, pins: Path) -> None:
        self._net = net
        self._equipped = equipped
        self._pins = Pins(pins)
        self._lock = threading.Lock()
        self._shown: OrderedDict[tuple[str, str], tuple[ModelPage, str]] = OrderedDict()

    def ask(self, repo: str, revision: str = "") -> ModelPage:
        """All about one repository, at a branch, a tag or a commit. Raises StudioError.

        Without one it is what the hub told of it first, for a model of the catalogue, and the
        newest for any other.
        """
        self._net.check()
        if not is_repo(repo):
            raise StudioError(
                f"“{repo[:200]}” is no name of a model on the hub.",
                "It is written as owner/name, as in HuggingFaceTB/SmolLM2-135M-Instruct.",
            )
        entry = _entry(repo)
        pinned = self._pins.revision(repo) if entry is not None and not revision else ""
        try:
            page = self._asked(repo, revision or pinned)
        except StudioError as error:
            if not pinned or not _is_gone(error):
                raise
            # The maker has taken that commit away: what is there now is shown for what it is.
            self._pins.forget(repo)
            page = self._asked(repo, "")
        if entry is not None:
            page = _introduced(page, entry)
            self._pins.pin(page, entry)
        ref = "" if revision == page.revision else revision or "main"
        with self._lock:
            for name in (revision, page.revision):
                self._shown[repo, name] = page, ref
                self._shown.move_to_end((repo, name))
            while len(self._shown) > MEMORY:
                self._shown.popitem(last=False)
        return page

    def shown(self, repo: str, revision: str) -> tuple[ModelPage, str]:
        """The page that was shown at this commit, and the branch or tag that it was asked for by;
        empty where it was by the commit. It is asked for where it was not shown, or none is named.
        """
        with self._lock:
            known = self._shown.get((repo, revision)) if revision else None
        if known is not None:
            return known
        page = self.ask(repo, revision)
        with self._lock:
            return self._shown[repo, page.revision]

    def choose(self, page: ModelPage) -> None:
        """A person gets this revision: for a model of the catalogue it is the one from now on."""
        repo = page.found.repo
        entry = _entry(repo)
        if entry is not None and self._pins.revision(repo) != page.revision:
            self._pins.forget(repo)
            self._pins.pin(page, entry)

    def recommended(self) -> tuple[Found, ...]:
        """The catalogue as lines of a search, what suits this machine best first; the hub is not
        asked."""
        machine, specs = self._equipped()
        return catalogue.recommended(machine, specs, self._pins)

    def clear(self) -> None:
        """Forget what was shown: it was judged for another machine or other families."""
        with self._lock:
            self._shown.clear()

    def _asked(self, repo: str, revision: str) -> ModelPage:
        from studio.models.hub import client

        machine, specs = self._equipped()
        with self._net.worded():
            return client.page(self._net, repo, machine, specs, revision or None)


def _entry(repo: str) -> Entry | None:
    return next((e for e in catalogue.entries(resources()) if e.repo == repo), None)


def _introduced(page: ModelPage, entry: Entry) -> ModelPage:
    """A page with the catalogue's own words on it."""
    found = replace(
        page.found,
        title=entry.title,
        words=entry.words,
        licence=page.found.licence or entry.licence,
    )
    return replace(page, found=found, examples=entry.examples or page.examples)


def _is_gone(error: StudioError) -> bool:
    """Whether a page could not be had because its revision is no longer there."""
    from huggingface_hub.errors import RevisionNotFoundError

    return any(isinstance(e, RevisionNotFoundError) for e in (error.__cause__, error.__context__))
