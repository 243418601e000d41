"""Progress on stderr: a real bar on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from studio.core.messages import News, Progress
from studio.core.sizes import size_words
from studio.models.remote import Download


class Bar:
    """Listens to a job's news and shows how far it is. A context manager."""

    def __init__(self, title: str) -> None:
        self._phase = ""
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=100,
                desc=title,
                file=sys.stderr,
                leave=False,
                bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix} {elapsed}<{remaining}",
            )

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def hear(self, news: News) -> None:
        """Show this, if it is about progress."""
        if not isinstance(news, Progress):
            return
        if self._bar is not None:
            self._bar.set_postfix_str(news.phase, refresh=False)
            self._bar.n = round(news.fraction * 100)
            self._bar.refresh()
        elif news.phase != self._phase:
            sys.stderr.write(f"{news.phase}…\n")
            sys.stderr.flush()
        self._phase = news.phase


class Bytes:
    """Shows how far a download is, with its speed and the time left. A context manager."""

    STEP = 10
    """Percent between two lines where there is no terminal."""

    def __init__(self, title: str) -> None:
        self._said = ""
        self._percent = -self.STEP
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                desc=title, file=sys.stderr, leave=False, unit="B", unit_scale=True, total=0
            )

    def __enter__(self) -> Bytes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def hear(self, download: Download) -> None:
        """Show how a download stands."""
        said = download.message or download.state
        if said != self._said and self._bar is None and download.state not in ("failed", "done"):
            sys.stderr.write(f"{said.rstrip('.')}…\n")
        self._said = said
        self.at(download.done, download.total)

    def at(self, done: int, total: int) -> None:
        """So many bytes are done, of so many in all."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.set_postfix_str(self._said, refresh=False)
            self._bar.update(done - self._bar.n)
            return
        percent = 100 * done // total if total else 0
        if percent >= self._percent + self.STEP:
            self._percent = percent - percent % self.STEP
            sys.stderr.write(f"{self._percent} % of {size_words(total)}…\n")
            sys.stderr.flush()
