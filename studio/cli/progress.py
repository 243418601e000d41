"""Progress on stderr: a real bar on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from studio.core.messages import News, Progress


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
