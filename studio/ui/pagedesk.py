"""The page of a model at work: asked for, shown, downloaded from, followed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from studio.core.errors import StudioError
from studio.models.remote import Download, Found, ModelPage, Variant
from studio.models.shelves import downloads_folder
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background
from studio.ui.widgets.modelpage import ModelPageView

Installed = dict[str, dict[str, set[str]]]
"""By repository and variant, the revisions that are here."""
TOLD = "models.told"
"""Under this name the settings remember what was said once."""


class PageDesk(QObject):
    """Joins the page of one model to the hub. `came` comes with what is shown and what is begun,
    `used` with what is installed and to be made something with."""

    came = Signal()
    used = Signal(Download)
    downloads_wanted = Signal()

    def __init__(self, studio: Studio, view: ModelPageView) -> None:
        super().__init__(view)
        self._studio, self._view = studio, view
        self._hub = studio.hub
        self._work = Background(self)
        self._asked = 0
        """The number of the question for the page; 0 for none."""
        self._revision = ""
        self._installed: Installed = {}
        view.again.connect(self._again)
        view.get.wanted.connect(self._get)
        view.get.deed.connect(self._deed)
        view.get.used.connect(self._use)
        view.get.chosen.connect(lambda: self.follow(self._installed))

    def open(self, found: Found, revision: str = "") -> None:
        """Show what is known of a model, and ask the hub for the rest."""
        self._revision = revision
        self._view.show_found(found)
        self._view.focus_first()
        self._ask(found.repo)

    def leave(self) -> None:
        """Nobody waits for a page any more."""
        self._hub.forget(self._asked)
        self._asked = 0

    def ask_if_unable(self) -> None:
        """Ask again for a page of which nothing could be run when it came."""
        page = self._view.page
        if page is not None and not any(variant.families for variant in page.variants):
            self._ask(page.found.repo)

    def follow(self, installed: Installed) -> None:
        """Show what of the model is here and what is on its way."""
        self._installed = installed
        page = self._view.page
        if page is not None:
            here = installed.get(page.found.repo, {})
            same = frozenset(v for v, revisions in here.items() if page.revision in revisions)
            self._view.get.show_installed(same, frozenset(here) - same)
            self._view.get.show_download(self._shown_download())

    def _ask(self, repo: str) -> None:
        self.leave()
        self._asked = self._hub.ask(
            "page", repo, self._revision, then=self._came, failed=self._view.show_trouble
        )

    def _came(self, page: ModelPage) -> None:
        self._asked = 0
        had_focus = self._view.back.hasFocus()
        before = self._view.found
        if before is not None and not page.found.words:
            page = replace(page, found=replace(page.found, words=before.words))
        self._view.show_page(page)
        self.came.emit()
        self._measure()
        if had_focus:
            self._view.get.first_stop().setFocus(Qt.FocusReason.OtherFocusReason)

    def _again(self) -> None:
        if self._view.found is not None:
            self.open(self._view.found, self._revision)

    def _measure(self) -> None:
        folder = downloads_folder(self._studio.paths, self._studio.settings)
        self._work.run(partial(read_free, folder), lambda free: self._measured(folder, free))

    def _measured(self, folder: Path, free: int) -> None:
        if free >= 0:
            self._view.get.show_room(folder, free)

    def _get(self, variant: Variant) -> None:
        page = self._view.page
        if page is None:
            return
        self._view.get.button.setEnabled(False)
        self._hub.get(page, variant, self._begun, self._not_begun)

    def _begun(self, download: Download) -> None:
        self._view.get.button.setEnabled(True)
        self.came.emit()
        if self._view.isVisible():
            self._view.get.pause.setFocus(Qt.FocusReason.OtherFocusReason)
        told = self._studio.settings.last_values.get(TOLD, {})
        if not told.get("closing"):
            settings = self._studio.settings.with_last(TOLD, {**told, "closing": True})
            self._studio.remember(last_values=settings.last_values)
            self._studio.notices.show(
                self.tr("“{title}” is on its way. You can go on working.").format(
                    title=download.title
                ),
                self.tr("Closing Triptych pauses downloads; they go on at the next start."),
                kind="info",
            )

    def _not_begun(self, error: StudioError) -> None:
        self._view.get.button.setEnabled(True)
        self._refused(error)

    def _deed(self, deed: str) -> None:
        download = self._shown_download()
        if deed == "show":
            self.downloads_wanted.emit()
        elif download is not None:
            self._hub.ask(deed, download.id, failed=self._refused)

    def _use(self) -> None:
        page, variant = self._view.page, self._view.get.variant()
        if page is not None and variant is not None:
            self.used.emit(
                Download(
                    id="",
                    repo=page.found.repo,
                    revision=page.revision,
                    variant=variant.id,
                    title=page.found.title,
                    kind=page.found.kind,
                    state="done",
                )
            )

    def _shown_download(self) -> Download | None:
        found, variant = self._view.found, self._view.get.variant()
        if found is None or variant is None:
            return None
        return self._hub.of(found.repo, variant.id)

    def _refused(self, error: StudioError) -> None:
        self._studio.notices.error(error)


def read_free(folder: Path) -> int:
    """Bytes that are free where a folder is or will be; -1 where nobody knows."""
    for place in (folder, *folder.parents):
        if place.exists():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return -1
    return -1
