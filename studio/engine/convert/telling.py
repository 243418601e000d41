"""How far a converter is, told from work that is silent for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from studio.core.messages import Progress
from studio.engine.image.handover import steps

Tell = Callable[[Progress], None]


def told(work: Callable[[Tell], None]) -> Iterator[Progress]:
    """What `work` tells, never less than before, and that again while it is silent.

    Closed at any yield: the next word of `work` ends it.
    """
    last = Progress("converting", 0, 1, 0.0)

    def telling(emit: Tell) -> None:
        def tell(news: Progress) -> None:
            nonlocal last
            last = Progress(news.phase, news.step, news.total, max(last.fraction, news.fraction))
            emit(last)

        work(tell)

    yield last
    yield from steps(telling, lambda: None, lambda: last)
