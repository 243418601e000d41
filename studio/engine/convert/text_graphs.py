"""Tries a transformers folder for text: whether its configuration, tokenizer and weights fit.

The graphs of these models stand in milliseconds and take the weights as they lie, so nothing has
to be made ahead of time and nothing is kept. What is wrong with a folder is said here, while it
is added, and not when somebody waits for a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.messages import Convert, Progress
from studio.engine.convert.telling import Tell, told

if TYPE_CHECKING:
    import numpy.typing as npt

    from studio.engine.tensors import Tensors
    from studio.engine.text.net import Config, Net

Build = Callable[["Config", "Net"], Any]


def run(order: Convert) -> Iterator[Progress]:
    """Put the graphs of `order.folder` together once; a generator, closed at any yield on cancel.

    Raises StudioError where the folder cannot be run: an unknown kind of model, a tokenizer that
    cannot be read, weights that are missing or of another shape than the configuration says.
    """
    yield from told(lambda tell: _work(order, tell))


def _work(order: Convert, tell: Tell) -> None:
    from studio.engine.text import opening
    from studio.engine.text.net import Net, Weights

    config = opening.config_of(order.folder)
    builds, prefixes = _builds(config)
    opening.tokenizer_of(order.folder)
    tensors = opening.weights_of(order.folder)
    if tensors is not None:
        telling = _Telling(tensors, tell)
        for build in builds:
            build(config, Net(Weights(telling, order.folder.name, prefixes)))
    tell(Progress("converting", 1, 1, 1.0))


def _builds(config: Config) -> tuple[list[Build], tuple[str, ...]]:
    """How the graphs of a kind of model are put together, and what its weights' names begin with.

    Raises StudioError for a kind that is not known.
    """
    from studio.engine.text import causal_nets, masked_nets, seq2seq_nets

    kind = config.word("model_type", default="")
    if kind in causal_nets.KINDS:
        causal = causal_nets.KINDS[kind]
        return [causal.build], causal.prefixes
    if kind in masked_nets.KINDS:
        masked = masked_nets.KINDS[kind]
        return [masked.build], masked.prefixes
    if kind in seq2seq_nets.KINDS:
        both = seq2seq_nets.KINDS[kind]
        return [both.encoder, both.decoder], both.prefixes
    raise StudioError(
        f"“{config.name}” is a kind of text model that Triptych cannot run"
        + (f": {kind[:40]}." if kind else "."),
        "Choose another model.",
    )


class _Telling(Mapping[str, "npt.NDArray[Any]"]):
    """Weights that tell when one is taken; what the telling raises ends the work."""

    def __init__(self, tensors: Tensors, tell: Tell) -> None:
        self._tensors, self._tell, self._taken = tensors, tell, 0

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        self._taken += 1
        # Some are taken twice, for two graphs; the bar then waits near its end.
        done = min(0.98, self._taken / max(1, len(self._tensors)))
        self._tell(Progress("converting", self._taken, len(self._tensors), done))
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
