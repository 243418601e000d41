"""The one place where the objects of the window are made and joined."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, QLoggingCategory, QTimer, QTranslator, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from studio import __version__
from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.messages import Done, Failed
from studio.core.paths import APP, Paths, resources
from studio.core.settings import Settings, SettingsFile
from studio.engine.supervisor import Supervisor
from studio.library import Library
from studio.models.shelves import open_store
from studio.ui import icons, theme
from studio.ui.desktop import DesktopNotices
from studio.ui.engine import Engine, Resumed
from studio.ui.lane import Begin
from studio.ui.notices import Notices
from studio.ui.single import Single
from studio.ui.studio import Studio
from studio.ui.trouble import Trouble
from studio.ui.widgets.queue import recipe_words
from studio.ui.window import Window

if TYPE_CHECKING:  # the window does not wait for what is needed when somebody wants a model
    from studio.ui.hub import Begin as BeginCourier

log = logging.getLogger(__name__)

LOG_SIZE = 1_000_000


def run(argv: Sequence[str]) -> int:
    """Open the window and stay until it is closed. `argv`: files whose recipes to open."""
    app = QApplication([APP, *argv])
    app.setApplicationName(APP)
    app.setApplicationDisplayName(APP)
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("triptych")
    app.setWindowIcon(icons.program())
    paths = Paths.default()
    QLoggingCategory.setFilterRules("qt.multimedia*=false")  # it tells of every codec it misses
    files = [Path(a) for a in argv if not a.startswith("-")]
    try:
        single = Single(paths)
        if not single.take():
            if single.call(files):
                return 0
            raise StudioError(
                "Triptych is running already, but it does not answer.",
                "Look for its window, or end it and start again.",
            )
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _trouble(
            app,
            StudioError(
                f"The folder {paths.data} cannot be used ({why}).",
                "Check that you may write there, or set TRIPTYCH_HOME to another folder.",
            ),
        )
    except StudioError as error:
        return _trouble(app, error)
    try:
        window = build(paths, at_once=False)
    except StudioError as error:
        return _trouble(app, error)
    _mind_faults(window.studio)
    _mind_signals(window)
    single.called.connect(partial(_called, window))
    window.completed.connect(partial(_after_show, window, single, files))
    window.show()
    code = app.exec()
    window.studio.close()
    single.release()
    return code


def build(
    paths: Paths,
    *,
    begin: Begin = Supervisor,
    courier: BeginCourier | None = None,
    at_once: bool = True,
) -> Window:
    """The window with everything behind it, not shown yet. A QApplication has to be there.

    Without `at_once` its panes are built when it has been painted. `courier` makes another one
    than the usual. Raises StudioError where the library cannot be opened.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    file = SettingsFile(paths.settings_file)
    settings, complaints = file.load()
    translate(app, settings.language)
    theme.apply(app, settings.theme)
    library = Library.open(Path(settings.library_folder or paths.library))
    store = open_store(paths, settings)
    notices = Notices()
    studio: Studio

    def now() -> Settings:
        return studio.settings

    engine = Engine(
        library,
        store,
        cache=paths.cache,
        device=lambda: now().device,
        mark_ai=lambda: now().mark_ai,
        begin=begin,
    )
    studio = Studio(
        engine=engine,
        library=library,
        store=store,
        notices=notices,
        paths=paths,
        settings=settings,
        settings_file=file,
        courier=courier,
    )
    for owned in (engine, notices):
        owned.setParent(studio)
    window = Window(studio, at_once=at_once)
    studio.setParent(window)
    for notice in (*complaints, *library.notices):
        notices.show(notice.message, notice.hint, kind="info")
    _join(studio, window, app)
    return window


def translate(app: QApplication, language: str) -> None:
    """Have texts in a language ("system" for the desktop's), as far as there are any."""
    locale = QLocale.system() if language == "system" else QLocale(language)
    ours, qt = QTranslator(app), QTranslator(app)
    if ours.load(locale, "triptych", "_", str(resources() / "translations")):
        app.installTranslator(ours)
        where = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if qt.load(locale, "qtbase", "_", where):
            app.installTranslator(qt)


def keep_log(folder: Path) -> bool:
    """Write what goes wrong to files that the person can find, where that can be written.

    Gives whether the program crashed the last time.
    """
    from logging.handlers import RotatingFileHandler

    crash = folder / "crash.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        crashed = crash.is_file() and crash.stat().st_size > 0
        if crashed:
            crash.replace(folder / "crash-before.log")
        handler = RotatingFileHandler(
            folder / "triptych.log", maxBytes=LOG_SIZE, backupCount=2, encoding="utf-8"
        )
        # A file of its own, empty until the interpreter itself goes down.
        faulthandler.enable(crash.open("w", encoding="utf-8"))
    except OSError:
        return False
    # A log on a full disk is not written; its own complaints on the terminal would help nobody.
    logging.raiseExceptions = False
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    return crashed


def _join(studio: Studio, window: Window, app: QApplication) -> None:
    engine = studio.engine

    def dress() -> None:
        theme.apply(app, studio.settings.theme)

    studio.settings_changed.connect(dress)
    app.styleHints().colorSchemeChanged.connect(lambda _scheme: dress())
    engine.gave_up.connect(partial(_gave_up, studio))
    engine.unkept.connect(partial(_unkept, studio))
    engine.ended.connect(partial(_noted, studio))
    engine.resumed.connect(partial(_resumed, studio))
    studio.hub_begun.connect(partial(_mind_downloads, studio, window))
    desktop = DesktopNotices(studio, window)
    desktop.answered.connect(window.to_front)
    # A lane that stands lets the next one warm up: three at once are in each other's way.
    for kind, following in pairwise(KINDS):
        engine.hello.connect(
            lambda lane, kind=kind, following=following: (
                engine.warm(following) if lane == kind else None
            )
        )


def _after_show(window: Window, single: Single, files: Sequence[Path]) -> None:
    """What can wait until the window stands."""
    gc.freeze()  # what was made so far stays: it need not be searched for rubbish again
    gc.enable()
    studio = window.studio
    if keep_log(studio.paths.logs):
        _crashed(studio)
    single.listen()
    studio.engine.resume()
    studio.adder.tidy()
    _go_on_downloading(studio)
    for file in files:
        studio.open_file(file)
    QTimer.singleShot(150, studio, lambda: studio.engine.warm(KINDS[0]))


def _mind_downloads(studio: Studio, window: Window) -> None:
    from studio.ui.arrivals import Arrivals

    Arrivals(studio, window.status)


def left_downloading(paths: Paths) -> bool:
    """Whether the last run ended with downloads that are to go on. Reads the disk."""
    for file in (paths.data / "downloads").glob("*.json"):
        with suppress(OSError), file.open("rb") as opened:
            if b'"state": "waiting"' in opened.read():
                return True
    return False


def _go_on_downloading(studio: Studio) -> None:
    if not studio.settings.stay_offline:
        studio.go_on(partial(left_downloading, studio.paths))


def _crashed(studio: Studio) -> None:

    def show() -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(studio.paths.logs)))

    studio.notices.show(
        studio.tr("Triptych ended unexpectedly the last time."),
        studio.tr("What it was doing then is in “crash-before.log”, for whoever mends it."),
        kind="info",
        actions=[(studio.tr("Open the folder"), show)],
    )


def _unkept(studio: Studio, failed: Failed) -> None:
    studio.notices.show(
        failed.message,
        failed.hint,
        actions=[(studio.tr("Keep what was made"), studio.engine.keep_again)],
    )


def _noted(studio: Studio, _job: str, ending: object) -> None:
    """What the engine has to say of a job that went well, as that it ran somewhere else."""
    if isinstance(ending, Done) and ending.note:
        studio.notices.show(ending.note, studio.tr("See Settings, Computing."), kind="info")


def _called(window: Window, files: Sequence[Path]) -> None:
    window.to_front()
    for file in files:
        window.studio.open_file(file)


def _gave_up(studio: Studio, lane: str) -> None:
    kind = next(k for k in KINDS if k == lane)
    names = {
        "text": studio.tr("The engine for text has stopped three times."),
        "image": studio.tr("The engine for pictures has stopped three times."),
        "audio": studio.tr("The engine for sound has stopped three times."),
    }
    shown = studio.notices.show(
        names[kind],
        studio.tr("What waits is kept. Close other programs or choose another model first."),
        actions=[(studio.tr("Try again"), lambda: studio.engine.restart(kind))],
    )

    def stands(stood: str) -> None:
        if stood == lane:
            studio.engine.hello.disconnect(stands)
            studio.notices.dismiss(shown)

    studio.engine.hello.connect(stands)


def _resumed(studio: Studio, resumed: Resumed) -> None:
    jobs = resumed.interrupted
    if jobs:

        def again() -> None:
            for job in reversed(jobs):
                studio.engine.make_interrupted(job.id)

        def forget() -> None:
            for job in jobs:
                studio.engine.forget_interrupted(job.id)

        if len(jobs) == 1:
            message = studio.tr("“{what}” was interrupted.").format(
                what=recipe_words(jobs[0].recipe, 60)
            )
            title = studio.tr("Make it again")
        else:
            message = studio.tr("{n} jobs were interrupted.").format(n=len(jobs))
            title = studio.tr("Make them again")
        studio.notices.show(
            message,
            studio.tr("Triptych was ended while this was being made. Nothing else is lost."),
            kind="info",
            actions=[(title, again)],
            dismissed=forget,
        )
    if resumed.recovered.taken_in:
        studio.library_changed.emit()


def _mind_faults(studio: Studio) -> None:
    """A fault of ours is logged and told, and the window goes on."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        if isinstance(error, StudioError):
            studio.notices.error(error)
            return
        log.critical("a fault in the window", exc_info=(kind, error, trace))
        studio.notices.show(
            studio.tr("Something went wrong in the window."),
            studio.tr("Go on if you can. The details are in the log (Settings, Folders)."),
        )

    sys.excepthook = hook


def _mind_signals(window: Window) -> None:
    """Ctrl+C in the terminal and a polite kill close the window as the button does."""
    if os.name != "posix":
        return  # there Ctrl+C reaches the next Python code, and the hook above
    from PySide6.QtCore import QSocketNotifier

    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    notifier = QSocketNotifier(ear, QSocketNotifier.Type.Read, window)

    def heard() -> None:
        os.read(ear, 64)
        window.close()

    notifier.activated.connect(heard)


def _trouble(app: QApplication, error: StudioError) -> int:
    """Say why there is no window, in a small one."""
    print(f"{error.message}\n{error.hint}", file=sys.stderr)  # noqa: T201
    theme.apply(app, "system")
    trouble = Trouble(error)
    trouble.show()
    app.exec()
    return 1
