"""Makes a model of a diffusers folder or a checkpoint in one file: what is missing is written, and
the graphs of its parts are exported ahead of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.messages import Convert, Progress
from studio.engine.convert.telling import Tell, told

if TYPE_CHECKING:
    from studio.engine.image.layout import Layout


def run(order: Convert) -> Iterator[Progress]:
    """Complete `order.folder`, then export the graphs that neither the studio nor the cache has.

    Closed at any yield: an export that runs is killed. Raises StudioError where the folder or the
    checkpoint cannot be run.
    """
    yield from told(lambda tell: _work(order, tell))


def _work(order: Convert, tell: Tell) -> None:
    from studio.engine.image import layout, single_file

    folder = order.folder
    if not (folder / "model_index.json").exists() and single_file.checkpoint_in(folder):
        single_file.complete(folder)
    if order.cache is not None:
        found = layout.read(folder)
        _export(order, found, order.cache, tell)
    tell(Progress("converting", 1, 1, 1.0))


def _export(order: Convert, found: Layout, cache: Path, tell: Tell) -> None:
    from studio.engine import graphs
    from studio.engine.image.architectures import architecture_of, half_on

    parts = [*found.encoders, found.kind.denoiser, "vae_decoder", "vae_encoder"]
    parts = [p for p in parts if found.graph(p) is None and found.has_weights(p)]
    for number, part in enumerate(parts):

        def exported(fraction: float, number: int = number) -> None:
            done = (number + fraction) / (len(parts) + 1)
            tell(Progress("converting", number + 1, len(parts), done))

        exported(0.0)
        half = half_on(order.device)
        graphs.ensure(architecture_of(found, part, half=half), cache, exported)
