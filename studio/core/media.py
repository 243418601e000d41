"""The recipe inside the file: put in, read and taken out of PNG, WAV, FLAC, MIDI, Markdown, ABC.

Only the containers are touched, never the picture or the sound; JPEG, WebP, MP3, Ogg and PDF, which
are made by exporting only, are read as well; MusicXML is written and read. Formats: PNG (W3C PNG,
iTXt), RIFF WAVE (LIST INFO), FLAC (Vorbis comment block), Standard MIDI File (text meta event),
Markdown (YAML front matter; one line of JSON is valid YAML), ABC (`%` comment lines), MusicXML
(miscellaneous-field).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from studio.core.errors import StudioError
from studio.core.formats import flac, id3, midi, musicxml, ogg, plain, png, wav, xmp
from studio.core.formats.note import Note
from studio.core.recipe import Recipe
from studio.core.record import AI_SOURCE, SOFTWARE, Record, mark_json

Write = Callable[[bytes, Note | None], bytes]

WRITERS: dict[str, Write] = {
    ".png": png.write,
    ".wav": wav.write,
    ".flac": flac.write,
    ".mid": midi.write,
    ".midi": midi.write,
    ".md": plain.write_markdown,
    ".markdown": plain.write_markdown,
    ".abc": plain.write_abc,
    ".musicxml": musicxml.write,
    ".txt": lambda data, note: data,  # plain text is nothing but the text
}
SUFFIXES = frozenset(WRITERS)
"""The kinds of files that are made here. In `.txt` nothing is embedded."""


def embed(data: bytes, suffix: str, record: Record) -> bytes:
    """The file `data` with `record` in it, instead of any that was there.

    Raises StudioError for an unknown suffix and for data that is no such file.
    """
    writer = _writer(suffix)
    return writer(
        data,
        Note(
            json=record.to_json(),
            software=SOFTWARE,
            parameters=parameters(record.recipe, png.size(data)) if writer is png.write else "",
            xmp=xmp.packet(AI_SOURCE) if record.mark_ai else "",
        ),
    )


def strip(data: bytes, suffix: str, *, keep_mark: bool = False) -> bytes:
    """The file `data` without its recipe; `keep_mark` leaves that a model made it.

    Raises StudioError for an unknown suffix and for data that is no such file.
    """
    note = None
    if keep_mark:
        note = Note(json=mark_json(), software=SOFTWARE, xmp=xmp.packet(AI_SOURCE))
    return _writer(suffix)(data, note)


def extract(path: Path) -> Record:
    """The record inside a file, recognised by its content, not by its name.

    Raises StudioError where there is none, where it cannot be read or is too large. Pictures and
    sounds are passed over, so that a file of any size can be asked.
    """
    try:
        with path.open("rb") as file:
            return Record.from_json(_read(file))
    except OSError as error:
        raise StudioError(
            f"“{path.name}” cannot be read ({error.strerror or type(error).__name__}).",
            "Check that the file is still there and that you may open it.",
        ) from error
    except ValueError:  # a NUL in the name
        raise StudioError("This is not the name of a file.", "Choose another file.") from None


def xmp_packet(record: Record, *, with_recipe: bool) -> str:
    """What JPEG and WebP carry, which other programs write for us; empty where there is nothing."""
    source = AI_SOURCE if record.mark_ai else ""
    json = record.to_json() if with_recipe else ""
    return xmp.packet(source, json) if source or json else ""


def note(record: Record, *, with_recipe: bool) -> Note | None:
    """What MP3 and Ogg carry, which an encoder makes; None where there is nothing to say."""
    if with_recipe:
        return Note(json=record.to_json(), software=SOFTWARE)
    return Note(json=mark_json(), software=SOFTWARE) if record.mark_ai else None


def body(text: str) -> str:
    """A Markdown text without the front matter that `embed` put before it."""
    return plain.body(text)


def picture_size(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of the PNG that begins with `head` (24 bytes are enough)."""
    return png.size(head)


def parameters(recipe: Recipe, size: tuple[int, int] | None = None) -> str:
    """The recipe of a picture as other image tools write and read it ("infotext").

    Source: the `parameters` text of AUTOMATIC1111's stable-diffusion-webui. `size` in pixels.
    """

    def value(*names: str) -> str:
        return next((str(recipe.values[n]) for n in names if n in recipe.values), "")

    negative = value("negative_prompt", "negative")
    fields = {
        "Steps": value("steps"),
        "Sampler": value("sampler", "scheduler"),
        "CFG scale": value("guidance_scale", "guidance"),
        "Seed": str(recipe.seed),
        "Size": f"{size[0]}x{size[1]}" if size else value("size"),
        "Model": recipe.model,
        "Style": value("style"),
        "Version": SOFTWARE,
    }
    lines = [value("prompt").strip()]
    if negative.strip():
        lines.append(f"Negative prompt: {negative.strip()}")
    lines.append(", ".join(f"{k}: {_quoted(v)}" for k, v in fields.items() if v))
    # A lone surrogate cannot be saved, and NUL ends a text chunk.
    return "\n".join(lines).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _quoted(value: str) -> str:
    """Commas and colons separate the fields, so a value with either stands in quotes."""
    if not any(c in value for c in ',:\n"'):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _writer(suffix: str) -> Write:
    writer = WRITERS.get(suffix.lower())
    if writer is None:
        raise StudioError(
            f"Triptych does not know files that end in “{suffix}”.",
            "Use one of: " + ", ".join(sorted(SUFFIXES)) + ".",
        )
    return writer


def _read(file: BinaryIO) -> str:
    head = file.read(12)
    if head.startswith(png.MAGIC):
        return png.read(file)
    if wav.matches(head):
        return wav.read(file)
    if xmp.is_webp(head):
        return xmp.read_webp(file)
    if head.startswith(xmp.JPEG_MAGIC):
        return xmp.read_jpeg(file)
    if head.startswith(flac.MAGIC):
        return flac.read(file)
    if head.startswith(id3.MAGIC):
        return id3.read(file)
    if head.startswith(ogg.MAGIC):
        return ogg.read(file)
    if head.startswith(midi.MAGIC):
        return midi.read(file)
    if head.startswith(xmp.PDF_MAGIC):
        return xmp.read_pdf(file)
    if musicxml.matches(head):
        return musicxml.read(file)
    return plain.read(file)
