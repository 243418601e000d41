"""Small copies of pictures for lists, made once and kept."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.library.item import Item

MIN_SIZE, MAX_SIZE = 16, 2048


class Thumbnails:
    """A folder of PNGs named by the picture's content; it can be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, item: Item, size: int) -> Path:
        """The PNG of a picture item within `size` × `size` pixels. Raises StudioError."""
        if item.kind != "image":
            raise StudioError("Only pictures have small copies.", "Choose a picture.")
        size = min(max(size, MIN_SIZE), MAX_SIZE)
        path = self._path(item, size)
        if not path.exists():
            write_atomic(path, _small(item.main, size))
        return path

    def forget(self, item: Item) -> None:
        """Away with every small copy of an item."""
        for path in self._path(item, 0).parent.glob(f"{item.sha256[:24]}-*.png"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, item: Item, size: int) -> Path:
        return self._folder / item.sha256[:2] / f"{item.sha256[:24]}-{size}.png"


def _small(path: Path, size: int) -> bytes:
    from PIL import Image, UnidentifiedImageError

    data = io.BytesIO()
    try:
        with Image.open(path) as image:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            # Text chunks stay behind: a small copy is not the file that was made.
            (image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA")).save(
                data, "PNG"
            )
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        ValueError,
        SyntaxError,
    ) as error:
        raise StudioError(
            f"“{path.name}” cannot be shown as a picture.", "The file may be damaged or gone."
        ) from error
    return data.getvalue()
