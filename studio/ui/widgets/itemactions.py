"""What can be done with items, as actions: one set for menus, bars, pages and keys."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QPushButton, QToolButton, QWidget

from studio.ui.icons import icon
from studio.ui.widgets.buttons import ICON


class ItemActions(QObject):
    """The actions of a page of items; `wanted` names the one that was chosen.

    Keys with Ctrl work anywhere inside the host; plain ones only where `bind` said, as elsewhere
    a letter may be meant for a field or a list.
    """

    wanted = Signal(str)

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.all: dict[str, QAction] = {}
        self._add("open", self.tr("Open"), "eye", "")
        self._add("use", self.tr("Use this recipe"), "corner-down-right", "R")
        self._add("again", self.tr("Make again"), "rotate-ccw", "Ctrl+R")
        self._add("star", self.tr("Star"), "star", "S")
        self._add("compare", self.tr("Compare"), "columns-2", "C")
        self._add("copy", self.tr("Copy"), "copy", "Ctrl+C")
        self._add("copy-recipe", self.tr("Copy recipe"), "file-text", "Ctrl+Shift+C")
        self._add("export", self.tr("Export …"), "download", "Ctrl+E")
        self._add("folder", self.tr("Show in folder"), "folder-open", "")
        self._add("trash", self.tr("Move to trash"), "trash-2", "Del")
        self._add("restore", self.tr("Restore"), "archive-restore", "Ctrl+Shift+Z")
        self._add("undo", self.tr("Undo"), "undo-2", "Ctrl+Z")
        self.all["undo"].setEnabled(False)
        self.update(0, trashed=False)

    def bind(self, widget: QWidget) -> None:
        """Have the plain keys work inside this widget."""
        for action in self.all.values():
            if _plain(action.shortcut()):
                widget.addAction(action)

    def __getitem__(self, name: str) -> QAction:
        return self.all[name]

    def update(self, count: int, *, trashed: bool, starred: bool = False) -> None:
        """Allow what makes sense for `count` items, in or out of the trash."""
        some, one = count > 0, count == 1
        for name, possible in (
            ("open", one),
            ("use", one),
            ("again", one and not trashed),
            ("star", some and not trashed),
            ("compare", count == 2),
            ("copy", one),
            ("copy-recipe", one),
            ("export", some and not trashed),
            ("folder", one),
            ("trash", some and not trashed),
            ("restore", some and trashed),
        ):
            self.all[name].setEnabled(possible)
        for name in ("trash", "star", "export", "again"):
            self.all[name].setVisible(not trashed)
        self.all["restore"].setVisible(trashed)
        self.all["star"].setText(self.tr("Take star away") if starred else self.tr("Star"))
        self.all["star"].setIcon(icon("star", "gold", filled=True) if starred else icon("star"))

    def menu(self, parent: QWidget) -> QMenu:
        """A context menu of what is possible now; it deletes itself when it closes."""
        menu = QMenu(parent)
        menu.setObjectName("item-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in (
            ("open", "compare"),
            ("use", "again"),
            ("star",),
            ("copy", "copy-recipe", "export", "folder"),
            ("restore", "trash"),
        ):
            for name in group:
                menu.addAction(self.all[name])
            menu.addSeparator()
        return menu

    def _add(self, name: str, text: str, picture: str, keys: str) -> None:
        action = QAction(icon(picture), text, self)
        action.setObjectName(f"action-{name}")
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            native = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{text}  ({native})")
        action.triggered.connect(lambda _checked=False: self.wanted.emit(name))
        if not _plain(action.shortcut()):
            self._host.addAction(action)
        self.all[name] = action


def _plain(keys: QKeySequence) -> bool:
    """Whether these keys are pressed without Ctrl or Alt."""
    held = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return not keys.isEmpty() and not keys[0].keyboardModifiers() & held


class ActionButton(QPushButton):
    """A button with words that does one of the actions and follows its state.

    It is left out where the action is; `only_possible` leaves it out where it is not allowed too.
    """

    def __init__(self, action: QAction, kind: str, *, only_possible: bool = False) -> None:
        super().__init__()
        self._action = action
        self._only_possible = only_possible
        self._primary = kind == "primary"
        self._terse = False
        self.setObjectName(action.objectName().replace("action-", "button-"))
        if kind:
            self.setProperty("kind", kind)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def set_terse(self, on: bool) -> None:
        """The icon alone, for narrow windows."""
        if on != self._terse:
            self._terse = on
            self._follow()

    def _follow(self) -> None:
        action = self._action
        self.setEnabled(action.isEnabled())
        self.setText("" if self._terse else action.text())
        self.setAccessibleName(action.text())
        self.setToolTip(action.toolTip())
        if not self._primary:  # words are enough on the accent
            self.setIcon(action.icon())
        _show(self, action.isVisible() and (action.isEnabled() or not self._only_possible))


def action_tool(actions: ItemActions, name: str) -> QToolButton:
    """A small button for one of the actions, an icon alone; it is left out where the action is."""
    action = actions[name]
    button = QToolButton()
    button.setDefaultAction(action)
    button.setObjectName(f"tool-{name}")
    button.setProperty("kind", "icon")
    button.setIconSize(ICON)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def follow() -> None:
        _show(button, action.isVisible())
        button.setAccessibleName(action.text())

    action.changed.connect(follow)
    follow()
    return button


def _show(button: QWidget, yes: bool) -> None:
    # Without a parent as yet it would become a window of its own.
    if not yes or button.parentWidget() is not None:
        button.setVisible(yes)
