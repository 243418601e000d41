"""The page of one model of the hub: what it makes, what one may do with it, and how to have it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.licences import Sell, licence
from studio.models.remote import Found, ModelPage
from studio.ui import icons, theme
from studio.ui.icons import Role
from studio.ui.studio import Studio
from studio.ui.widgets.buttons import quiet
from studio.ui.widgets.chips import Chip, ChipRow
from studio.ui.widgets.foundlist import ICONS
from studio.ui.widgets.getcard import GetCard, MarkedWords
from studio.ui.widgets.hubwords import (
    count_words,
    date_words,
    fit_icon,
    fit_role,
    fit_words,
    task_words,
)
from studio.ui.widgets.keys import claims_escape
from studio.ui.widgets.licences import licence_name, licence_words, sell_words
from studio.ui.widgets.markdownview import MarkdownView
from studio.ui.widgets.recipeview import RecipeView, Row, WrapLabel
from studio.ui.widgets.signin import SignIn

SIDE = 380
NARROW = 860
"""Below this width, what is to be had stands within the page instead of beside it."""
CARD = 12_000
"""Characters of a maker's words that are shown."""
AFTER_LICENCE = 3
"""Its place there: below the head, the words and the licence."""
EXAMPLES = 4


class ModelPageView(QWidget):
    """One model. The page is asked for by whoever shows it; until it comes, what is known stands.

    `left` comes when a person goes back, `again` when they try once more after a failure, and
    `opened` with the name of another repository that this one was made from.
    """

    left = Signal()
    again = Signal()
    opened = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-page")
        self._studio = studio
        self._found: Found | None = None
        self._page: ModelPage | None = None
        self._narrow = False
        self.get = GetCard()
        self._build()

    @property
    def found(self) -> Found | None:
        """Which model is shown."""
        return self._found

    @property
    def page(self) -> ModelPage | None:
        """All of it, once it has come."""
        return self._page

    def show_found(self, found: Found) -> None:
        """Show what a list tells of a model, while its page is asked for."""
        self._found, self._page = found, None
        self._trouble.hide()
        self.get.show()
        self._gate.hide()
        self._tell(found)
        self._about.show_rows([])
        self.card.hide()
        self._card_head.hide()
        self._examples_of(())
        self.get.show_asking(
            self.tr("Asking {host} for sizes and files…").format(host=self._studio.hub.host)
        )
        self._area.verticalScrollBar().setValue(0)
        self._side_area.verticalScrollBar().setValue(0)

    def show_page(self, page: ModelPage) -> None:
        """Show all of it."""
        self._found, self._page = page.found, page
        self._trouble.hide()
        self.get.show()
        self._tell(page.found)
        self._examples_of(page.examples)
        self._about.show_rows(self._rows(page))
        # What the makers write may be long: it comes when the rest stands.
        QTimer.singleShot(40, self, self._show_card)
        engine = self._studio.engine
        named = {f for v in page.variants for f in v.families}
        titles = {i: spec.title for i in named if (spec := engine.family(i)) is not None}
        self.get.show_page(page, titles)
        self._gate.setVisible(page.found.gated)

    def show_trouble(self, error: StudioError) -> None:
        """Its page could not be had."""
        self.get.hide()
        self._trouble.show()
        self._trouble_words.say("triangle-alert", "warning", error.message)
        self._trouble_hint.set_raw(error.hint)
        gated = self._found is not None and (self._found.gated or self._found.private)
        self._gate.setVisible(gated)
        self.retry.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_first(self) -> None:
        """Take the focus: the page can be left with Escape from here."""
        self.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape or event.matches(QKeySequence.StandardKey.Back):
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self._place_side()

    # Building

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.GAP)
        top = QHBoxLayout()
        self.back = quiet("back", "arrow-left", self.tr("Back"), self.left.emit)
        self.web = quiet("web-page", "external-link", self.tr("Its web page"), self._open_web)
        top.addWidget(self.back)
        top.addStretch(1)
        top.addWidget(self.web)
        outer.addLayout(top)
        self._body = QHBoxLayout()
        self._body.setSpacing(theme.PAD)
        self._area, self._column = _area("model-scroll", self.tr("About this model"))
        self._side_area, self._side_column = _area("get-scroll", self.tr("Get this model"))
        self._side_area.setFixedWidth(SIDE)
        self._body.addWidget(self._area, 1)
        self._body.addWidget(self._side_area)
        outer.addLayout(self._body, 1)
        self._side = QWidget()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(theme.INSET)
        self._trouble = self._trouble_card()
        self._gate = self._gate_card()
        side.addWidget(self._trouble)
        side.addWidget(self._gate)
        side.addWidget(self.get)
        column = self._column
        column.addWidget(self._head())
        self._words = WrapLabel()
        self._words.setObjectName("model-words")
        column.addWidget(self._words)
        column.addWidget(self._selling())
        self._examples = QFrame()
        self._examples.setProperty("card", True)
        self._examples_column = QVBoxLayout(self._examples)
        self._examples_column.setContentsMargins(theme.PAD, theme.INSET, theme.PAD, theme.INSET)
        column.addWidget(self._examples)
        self._about = RecipeView()
        column.addWidget(self._about)
        self._card_head = QLabel(self.tr("In its makers’ words"))
        self._card_head.setProperty("role", "heading")
        self._card_head.setContentsMargins(10, theme.GAP, 0, 0)
        self.card = MarkdownView()
        self.card.setObjectName("hub-card")
        self.card.setAccessibleName(self.tr("Model card"))
        column.addWidget(self._card_head)
        column.addWidget(self.card)
        column.addStretch(1)
        self._side_column.addWidget(self._side)
        self._side_column.addStretch(1)

    def _head(self) -> QWidget:
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.INSET)
        self._tile = _Tile()
        words = QVBoxLayout()
        words.setSpacing(theme.HAIR)
        self.title = WrapLabel()
        self.title.setObjectName("page-title")
        self.title.setProperty("role", "title")
        self._by = WrapLabel()
        self._by.setObjectName("page-author")
        self._by.setProperty("role", "muted")
        self.chips = ChipRow()
        self.chips.setObjectName("page-chips")
        words.addWidget(self.title)
        words.addWidget(self._by)
        words.addSpacing(theme.HAIR)
        words.addWidget(self.chips)
        row.addWidget(self._tile, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        return head

    def _selling(self) -> QWidget:
        card = QFrame()
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.PAD, theme.INSET, theme.PAD, theme.INSET)
        column.setSpacing(theme.HAIR)
        question = QLabel(self.tr("May I sell what I make with it?"))
        question.setProperty("role", "small")
        self._answer = MarkedWords("may-sell")
        self._answer.words.setProperty("role", "lead")
        self._licence = WrapLabel()
        self._licence.setObjectName("page-licence")
        column.addWidget(question)
        column.addWidget(self._answer)
        column.addWidget(self._licence)
        return card

    def _trouble_card(self) -> QWidget:
        card = QFrame()
        card.setObjectName("page-trouble")
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.PAD)
        column.setSpacing(theme.GAP)
        self._trouble_words = MarkedWords("trouble-words")
        self._trouble_hint = WrapLabel()
        self._trouble_hint.setProperty("role", "muted")
        self.retry = QPushButton(self.tr("Try again"))
        self.retry.setObjectName("page-retry")
        self.retry.clicked.connect(lambda: self.again.emit())
        column.addWidget(self._trouble_words)
        column.addWidget(self._trouble_hint)
        column.addWidget(self.retry, 0, Qt.AlignmentFlag.AlignLeft)
        card.hide()
        return card

    def _gate_card(self) -> QWidget:
        card = QFrame()
        card.setObjectName("gate")
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.PAD)
        column.setSpacing(theme.GAP)
        self._gate_words = MarkedWords("gate-words")
        self._gate_words.words.setProperty("role", "heading")
        first = WrapLabel(self.tr("1. Read their terms on the model’s page and agree to them."))
        self.agree = QPushButton(self.tr("Open its page"))
        self.agree.setObjectName("agree")
        self.agree.clicked.connect(self._open_web)
        second = WrapLabel(self.tr("2. Sign in here with a token of the same account."))
        self.sign_in = SignIn(self._studio)
        self.sign_in.changed.connect(lambda: self.again.emit())
        third = WrapLabel(self.tr("3. Then download. Some makers answer by hand, days later."))
        column.addWidget(self._gate_words)
        for widget in (first, self.agree, second, self.sign_in, third):
            left = Qt.AlignmentFlag.AlignLeft if widget is self.agree else Qt.AlignmentFlag(0)
            column.addWidget(widget, 0, left)
        self._gate_words.say("lock", "warning", self.tr("Its makers want to be asked first"))
        card.hide()
        return card

    def _place_side(self) -> None:
        """Beside the page, or within it below its head; the keys stay where they are."""
        focused = self.window().focusWidget()
        within = focused is not None and self._side.isAncestorOf(focused)
        self._side_area.setVisible(not self._narrow)
        if self._narrow:
            self._column.insertWidget(AFTER_LICENCE, self._side)
        else:
            self._side_column.insertWidget(0, self._side)
        self._side.show()
        if within and focused is not None:
            focused.setFocus(Qt.FocusReason.OtherFocusReason)

    # What is shown

    def _tell(self, found: Found) -> None:
        self.title.set_raw(found.title)
        self._tile.show_kind(found.kind)
        by = self.tr("by {author} · {repo}").format(author=found.author, repo=found.repo)
        self._by.set_raw(by if found.author else found.repo)
        chips = [Chip(task_words(found), "text", "")]
        if found.fit is not None:
            chips.append(Chip(fit_words(found.fit), fit_role(found.fit), fit_icon(found.fit)))
        if found.gated:
            chips.append(Chip(self.tr("Ask first"), "warning", "lock"))
        if found.private:
            chips.append(Chip(self.tr("Private"), "muted", "lock"))
        if found.downloads is not None:
            words = self.tr("{n} downloads").format(n=count_words(found.downloads))
            chips.append(Chip(words, "muted", "download"))
        if found.likes:
            words = self.tr("{n} likes").format(n=count_words(found.likes))
            chips.append(Chip(words, "muted", "heart"))
        if day := date_words(found.updated):
            chips.append(Chip(self.tr("Updated {day}").format(day=day), "muted", "clock"))
        self.chips.show_chips([chip for chip in chips if chip.words])
        self._words.set_raw(found.words)
        self._words.setVisible(bool(found.words))
        self._tell_licence(found.licence)

    def _tell_licence(self, said: str) -> None:
        sell = licence(said).sell
        looks: dict[Sell, tuple[str, Role]] = {
            "yes": ("circle-check", "good"),
            "conditions": ("circle-check", "good"),
            "no": ("circle-x", "warning"),
            "ask": ("circle-help", "warning"),
        }
        self._answer.say(*looks[sell], sell_words(sell))
        words = self.tr("{words} Licence: {name}.")
        self._licence.set_raw(words.format(words=licence_words(said), name=licence_name(said)))

    def _examples_of(self, examples: tuple[str, ...]) -> None:
        while (taken := self._examples_column.takeAt(0)) is not None:
            if (old := taken.widget()) is not None:
                old.hide()
                old.deleteLater()
        self._examples.setVisible(bool(examples))
        if not examples:
            return
        head = QLabel(self.tr("What it makes, for example"))
        head.setProperty("role", "small")
        self._examples_column.addWidget(head)
        for example in examples[:EXAMPLES]:
            self._examples_column.addWidget(WrapLabel(f"“{example}”"))

    def _show_card(self) -> None:
        page = self._page
        if page is None:
            return
        words, title = page.card.strip(), page.found.title
        if len(words) > CARD:
            words = words[:CARD].rpartition("\n")[0]
            words += "\n\n" + self.tr("*The rest stands on its web page.*")
        self.card.show_markdown(words, skip_title=title)
        self.card.setVisible(bool(words))
        self._card_head.setVisible(bool(words))

    def _rows(self, page: ModelPage) -> list[Row]:
        rows = [
            Row("author", self.tr("Made by"), page.found.author),
            Row("base", self.tr("Made from"), ", ".join(page.base_models)),
            Row("revision", self.tr("Revision"), page.revision[:12]),
        ]
        return [row for row in rows if row.text]

    def _open_web(self) -> None:
        if self._found is not None:
            QDesktopServices.openUrl(QUrl(f"{self._studio.hub.endpoint}/{self._found.repo}"))


class _Tile(QWidget):
    """The icon of the kind on a ground of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._name = "boxes"
        self.setFixedSize(52, 52)

    def show_kind(self, kind: str | None) -> None:
        self._name = ICONS.get(kind or "", "boxes")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("selected"))
        painter.drawRoundedRect(self.rect(), 12, 12)
        icons.draw(painter, self.rect().adjusted(13, 13, -13, -13), self._name, "accent_text")
        painter.end()


def _area(name: str, words: str) -> tuple[QScrollArea, QVBoxLayout]:
    """A scroll area and the column within it."""
    area = QScrollArea()
    area.setObjectName(name)
    area.setAccessibleName(words)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, theme.INSET, theme.INSET)
    column.setSpacing(theme.INSET)
    area.setWidget(holder)
    return area, column
