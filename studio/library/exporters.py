"""What an item can be saved as, outside the library: one line of `EXPORTERS` for each kind."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core import abc, media
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.files import cannot_read, write_atomic
from studio.core.formats import id3, ogg
from studio.core.musicxml import musicxml
from studio.core.record import Record
from studio.library import sheet
from studio.library.item import Item

if TYPE_CHECKING:
    from PIL import Image


_PIECE = 1 << 16
"""Samples that are given to an encoder at once."""
_COMPRESSION = 0.3
"""Of soundfile's 0 to 1, where 1 is the smallest file: a good quality at a fair size."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """A kind of file that items can be saved as."""

    suffix: str
    title: str
    kind: Kind
    make: Callable[[Item, bool], bytes] = field(repr=False, compare=False)
    """The file's bytes for an item, with its recipe or without. Raises StudioError."""
    sources: tuple[str, ...] = ()
    """Suffixes of the item's files, one of which is enough to make this."""

    def offers(self, item: Item) -> bool:
        return item.kind == self.kind and any(item.file(s) is not None for s in self.sources)


def for_item(item: Item) -> tuple[Exporter, ...]:
    """What an item can be saved as, the kind of its main file first."""
    offered = [e for e in EXPORTERS if e.offers(item)]
    return tuple(sorted(offered, key=lambda e: e.suffix != item.main.suffix.lower()))


def export(
    item: Item, destination: Path, *, with_recipe: bool = True, suffix: str | None = None
) -> Path:
    """Save an item as `destination`, whole or not at all; gives the file that was written.

    `suffix` is the kind of file, None for the destination's own; it is put after a name without
    it. Without the recipe, the mark that a model made it stays where the item carries it. Raises
    StudioError where the kind does not fit, or the file cannot be read or written.
    """
    wanted = (suffix or destination.suffix).lower()
    exporter = next((e for e in for_item(item) if e.suffix == wanted), None)
    if exporter is None:
        offered = ", ".join(e.suffix for e in for_item(item))
        raise StudioError(
            f"“{item.title[:60]}” cannot be saved as {wanted or 'a file without an ending'}.",
            f"Use one of: {offered}." if offered else "Its files are gone; look in the trash.",
        )
    if destination.suffix.lower() != wanted:
        destination = destination.with_name(destination.name + wanted)
        if destination.exists():  # nobody was asked about this name
            raise StudioError(
                f"There is a file called “{destination.name}” already.", "Choose another name."
            )
    write_atomic(destination, exporter.make(item, with_recipe))
    return destination


def _file(item: Item, suffix: str) -> bytes:
    path = item.file(suffix)
    if path is None:
        raise StudioError(f"This item has no {suffix} file.", "Save it as another kind of file.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from error


def _record(item: Item) -> Record:
    return Record(item.recipe, item.provider, item.edited, item.mark_ai)


def _as_it_is(suffix: str) -> Callable[[Item, bool], bytes]:
    def make(item: Item, with_recipe: bool) -> bytes:
        data = _file(item, suffix)
        return data if with_recipe else media.strip(data, suffix, keep_mark=item.mark_ai)

    return make


def _plain_text(item: Item, with_recipe: bool) -> bytes:
    if item.file(".txt") is not None:
        return _file(item, ".txt")
    text = _file(item, ".md").decode("utf-8", "replace")
    return media.body(text).encode("utf-8")


def _photo(kind: str) -> Callable[[Item, bool], bytes]:
    """JPEG or WebP, which Pillow writes; the note goes into EXIF and XMP."""

    def make(item: Item, with_recipe: bool) -> bytes:
        from PIL import ExifTags, Image

        record = _record(item)
        data = io.BytesIO()
        try:
            with Image.open(io.BytesIO(_file(item, ".png"))) as image:
                exif = Image.Exif()
                if with_recipe:
                    # What other image tools write: EXIF 2.3, UserComment in UTF-16.
                    note = media.parameters(record.recipe, image.size).encode("utf-16-be")
                    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + note
                xmp = media.xmp_packet(record, with_recipe=with_recipe).encode("utf-8")
                flat = _flat(image) if kind == "JPEG" else image.convert("RGBA")
                flat.save(data, kind, quality=95, exif=exif, **({"xmp": xmp} if xmp else {}))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise _damaged(item) from error
        except ValueError as error:  # 64 KiB are the most that a JPEG can carry
            raise StudioError(
                f"The recipe is too long for a {kind} file.",
                "Save it as PNG, or without the recipe.",
            ) from error
        return data.getvalue()

    return make


def _flat(image: Image.Image) -> Image.Image:
    """The picture on white, for a kind of file that has no transparency."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    over = image.convert("RGBA")
    under = Image.new("RGBA", over.size, "white")
    return Image.alpha_composite(under, over).convert("RGB")


def _sound(suffix: str) -> Callable[[Item, bool], bytes]:
    """WAV or FLAC, from whichever of the two there is."""

    def make(item: Item, with_recipe: bool) -> bytes:
        if item.file(suffix) is not None:
            return _as_it_is(suffix)(item, with_recipe)
        import soundfile

        other = ".flac" if suffix == ".wav" else ".wav"
        data = io.BytesIO()
        try:
            samples, rate = soundfile.read(io.BytesIO(_file(item, other)), dtype="int16")
            kind = suffix[1:].upper()
            soundfile.write(data, samples, rate, format=kind, subtype="PCM_16")
        except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
            raise _damaged(item) from error
        if with_recipe:
            return media.embed(data.getvalue(), suffix, _record(item))
        return media.strip(data.getvalue(), suffix, keep_mark=item.mark_ai)

    return make


def _compressed(kind: str) -> Callable[[Item, bool], bytes]:
    """MP3 or Ogg Vorbis, which libsndfile writes, from whichever sound file there is."""

    def make(item: Item, with_recipe: bool) -> bytes:
        import soundfile

        note = media.note(_record(item), with_recipe=with_recipe)
        source = ".wav" if item.file(".wav") is not None else ".flac"
        data = io.BytesIO()
        try:
            samples, rate = soundfile.read(
                io.BytesIO(_file(item, source)), dtype="int16", always_2d=True
            )
        except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
            raise _damaged(item) from error
        try:
            with soundfile.SoundFile(
                data, "w", rate, samples.shape[1], format=kind, compression_level=_COMPRESSION
            ) as file:
                if note is not None and kind == "OGG":
                    file.comment = ogg.comment(note)
                # In pieces: the encoder of Vorbis takes all that it is given at once on its stack.
                for start in range(0, len(samples), _PIECE):
                    file.write(samples[start : start + _PIECE])
        except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
            raise StudioError(
                f"A sound with {rate:,} samples a second does not fit into {kind}.",
                "Save it as WAV or FLAC.",
            ) from error
        return id3.write(data.getvalue(), note) if kind == "MP3" else data.getvalue()

    return make


def _score(item: Item, with_recipe: bool) -> bytes:
    """MusicXML, which notation programs open."""
    tune = _tune(item)
    try:
        data = musicxml(abc.parse(tune), _maker(item)).encode("utf-8")
    except abc.AbcError as error:
        raise StudioError(
            f"This tune cannot be written as MusicXML ({error}).", "Save it as ABC or MIDI."
        ) from error
    if with_recipe:
        return media.embed(data, ".musicxml", _record(item))
    return media.strip(data, ".musicxml", keep_mark=item.mark_ai)


def _sheet_picture(item: Item, with_recipe: bool) -> bytes:
    data = sheet.picture(_tune(item), _maker(item))
    if with_recipe:
        return media.embed(data, ".png", _record(item))
    return media.strip(data, ".png", keep_mark=item.mark_ai)


def _sheet_pages(item: Item, with_recipe: bool) -> bytes:
    from pypdf import PdfReader, PdfWriter

    data = sheet.pdf(_tune(item), _maker(item), item.title)
    packet = media.xmp_packet(_record(item), with_recipe=with_recipe)
    if not packet:
        return data
    writer = PdfWriter(PdfReader(io.BytesIO(data)))
    writer.xmp_metadata = packet.encode("utf-8")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _tune(item: Item) -> str:
    """Without the recipe's comment lines."""
    return media.strip(_file(item, ".abc"), ".abc").decode("utf-8", "replace")


def _maker(item: Item) -> str:
    return "made with Triptych" if item.mark_ai else ""


def _damaged(item: Item) -> StudioError:
    return StudioError(f"“{item.main.name}” is damaged.", "Make it again from its recipe.")


EXPORTERS: tuple[Exporter, ...] = (
    Exporter(".md", "Markdown", "text", _as_it_is(".md"), (".md",)),
    Exporter(".txt", "Plain text", "text", _plain_text, (".txt", ".md")),
    Exporter(".png", "PNG", "image", _as_it_is(".png"), (".png",)),
    Exporter(".jpg", "JPEG", "image", _photo("JPEG"), (".png",)),
    Exporter(".webp", "WebP", "image", _photo("WEBP"), (".png",)),
    Exporter(".wav", "WAV", "audio", _sound(".wav"), (".wav", ".flac")),
    Exporter(".flac", "FLAC", "audio", _sound(".flac"), (".flac", ".wav")),
    Exporter(".mp3", "MP3", "audio", _compressed("MP3"), (".wav", ".flac")),
    Exporter(".ogg", "Ogg Vorbis", "audio", _compressed("OGG"), (".wav", ".flac")),
    Exporter(".mid", "MIDI", "audio", _as_it_is(".mid"), (".mid",)),
    Exporter(".abc", "ABC notation", "audio", _as_it_is(".abc"), (".abc",)),
    Exporter(".musicxml", "MusicXML", "audio", _score, (".abc",)),
    Exporter(".pdf", "Sheet music (PDF)", "audio", _sheet_pages, (".abc",)),
    Exporter(".png", "Sheet music (PNG)", "audio", _sheet_picture, (".abc",)),
)
