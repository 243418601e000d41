"""The graphs that the studio ships: those of Stable Diffusion 1.5 and XL, without weights.

`python -m studio.engine.image.shipped` makes them anew, which takes some minutes; it is run when
the libraries that they are exported with have changed, or what a graph is kept with.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from studio.engine import graphs
from studio.engine.image import published
from studio.engine.image.architectures import of_config

_DATE = (2020, 1, 1, 0, 0, 0)
"""Of every file in the archives, so that the same graph gives the same archive."""


def architectures() -> Iterator[graphs.Architecture]:
    """What is shipped, for processors and for GPUs. The autoencoders of both models are the same,
    and so are the first text encoders."""
    filling = published.UNET | {"in_channels": published.INPAINTING}
    for half in (False, True):
        for part in ("vae_decoder", "vae_encoder"):
            yield of_config(part, published.VAE, half=half)
        yield of_config("text_encoder", published.CLIP, half=half)
        yield of_config("text_encoder_2", published.CLIP_G, half=half)
        yield of_config("unet", published.UNET, half=half)
        yield of_config("unet", filling, half=half)
        yield of_config("unet", published.UNET, half=half, residuals=True)
        yield of_config("unet", published.UNET_XL, half=half)
        yield of_config("unet", published.UNET_XL, half=half, residuals=True)


def make(folder: Path) -> Iterator[Path]:
    """Export what `folder` lacks, and remove what is shipped no more; gives each archive."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {graphs.archive_of(a, folder): a for a in architectures()}
    for path in folder.glob("*.zip"):
        if path not in wanted:
            path.unlink()
    for path, architecture in wanted.items():
        if not path.exists():
            with tempfile.TemporaryDirectory() as name:
                graph = graphs.ensure(architecture, Path(name))
                _pack(graph.parent, path)
        yield path


def _pack(graph: Path, archive: Path) -> None:
    part = archive.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_LZMA) as packed:
        for name in (graphs.GRAPH, graphs.WEIGHTS):
            packed.writestr(
                zipfile.ZipInfo(name, _DATE), (graph / name).read_bytes(), zipfile.ZIP_LZMA
            )
    part.replace(archive)


if __name__ == "__main__":
    for made in make(graphs.SHIPPED):
        sys.stdout.write(f"{made.name}  {made.stat().st_size / 1000:.0f} kB\n")
        sys.stdout.flush()
