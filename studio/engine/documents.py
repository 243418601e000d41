"""Documents that people bring, as plain text: txt, md, docx, pdf, epub.

What a file is, is read from its content; its name only decides between kinds of plain text. Files
come from strangers: sizes are asked before anything is unpacked, nothing is fetched, nothing run.
"""

from __future__ import annotations

import io
import logging
import posixpath
import re
import warnings
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from studio.core.errors import StudioError
from studio.core.files import cannot_read
from studio.core.messages import Progress, Step
from studio.core.recipe import Job
from studio.engine.text.page import CONTROL

SUFFIXES = (".txt", ".md", ".docx", ".pdf", ".epub")

MAX_FILE = 200 << 20
"""Bytes of a document."""
MAX_UNPACKED = 32 << 20
"""Bytes of text that is unpacked from a docx or epub."""
MAX_TEXT = 20_000_000
"""Characters; some four thousand pages."""
MAX_PAGES = 5_000
_MAX_ENTRIES = 20_000

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_BLANKS = re.compile(r"[ \t\f\v\u00a0]+\n")
_GAPS = re.compile(r"\n{3,}")


Reading = Generator[float, None, str]
"""Tells how far it is, 0 to 1, often enough to be stopped; returns the text."""


def of_job(job: Job, share: float) -> Generator[Step, None, tuple[str, str] | None]:
    """Name and text of the document that went in, None where there is none.

    Reading it is `share` of the job. Raises StudioError where it cannot be read.
    """
    path = job.inputs.get("document")
    if path is None:
        return None
    name = job.recipe.inputs["document"].name if "document" in job.recipe.inputs else path.name
    reading = read(path, name)
    try:
        while True:
            part = next(reading)
            yield Progress("reading", int(part * 100), 100, part * share)
    except StopIteration as end:
        return name, str(end.value)


def read(path: Path, name: str) -> Reading:
    """The text of the document at `path`, which the person calls `name`.

    Raises StudioError where it cannot be read, is no such document, is locked with a password,
    holds no text, or is larger than what can be worked with.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise _refused(name, f"it is larger than {MAX_FILE >> 20} MB", "Take a part of it.")
        data = path.read_bytes()
    except OSError as error:
        raise cannot_read(Path(name), error) from error
    return (yield from read_bytes(data, name))


def read_bytes(data: bytes, name: str) -> Reading:
    """Like `read`, for the content of a file."""
    yield 0.0
    if b"%PDF-" in data[:1024]:
        text = yield from _pdf(data, name)
    elif data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        text = yield from _zipped(data, name)
    elif data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise _refused(
            name,
            "it is an old Word document, or one that is locked with a password",
            "Save it as docx without a password, and try again.",
        )
    else:
        text = _plain(data, name)
    text = _GAPS.sub("\n\n", _BLANKS.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = CONTROL.sub("", text).strip()
    if len(text) > MAX_TEXT:
        raise _refused(name, f"it has {len(text):,} characters", "Take a part of it.")
    if not text:
        raise _refused(name, "there is no text in it", "Choose another document.")
    return text


def split(text: str, most: int, count: Callable[[str], int]) -> list[str]:
    """`text` in parts of at most `most` tokens as `count` counts them, cut where that hurts least.

    That is between paragraphs, else lines, else sentences, else words, else anywhere.
    """
    if count(text) <= most:
        return [text]
    for pattern in (r"\n\n+", r"\n", r"(?<=[.!?。！？])\s*", r"\s+"):
        pieces = [p for p in re.split(f"({pattern})", text) if p]
        if len(pieces) > 1:
            break
    else:
        half = len(text) // 2
        if half == 0:
            return [text]  # one character that is many tokens
        pieces = [text[:half], text[half:]]
    parts: list[str] = []
    now, size = "", 0
    for piece in pieces:
        tokens = count(piece)
        if size + tokens <= most:
            now, size = now + piece, size + tokens
            continue
        if now.strip():
            parts.append(now.strip())
        now, size = "", 0
        if tokens <= most:
            now, size = piece, tokens
        else:
            parts += split(piece, most, count)
    if now.strip():
        parts.append(now.strip())
    return parts


def _plain(data: bytes, name: str) -> str:
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                break
    if b"\0" not in data:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        if best is not None:
            return str(best)
    raise _refused(
        name,
        "it is not a text document that can be read here",
        "Choose a txt, md, docx, pdf or epub file.",
    )


def _zipped(data: bytes, name: str) -> Reading:
    """A docx or an epub; both are zip archives."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ENTRIES:
                raise _refused(name, "there are too many files in it", "Choose another document.")
            if any(e.flag_bits & 1 for e in entries):
                raise _locked(name)
            names = {e.filename for e in entries}
            if "word/document.xml" in names:
                return _docx(archive, name)
            if "META-INF/container.xml" in names:
                if "META-INF/encryption.xml" in names and _is_locked(archive, name):
                    raise _locked(name)
                return (yield from _epub(archive, name))
    except Exception as error:
        # zipfile, zlib, the parsers and mammoth raise whatever a broken file leads them into.
        if isinstance(error, StudioError | MemoryError):
            raise
        raise _broken(name) from error
    raise _refused(
        name,
        "it is an archive and no document",
        "Unpack it, and choose a txt, md, docx, pdf or epub file.",
    )


def _entry(archive: zipfile.ZipFile, entry: str, name: str, left: int = MAX_UNPACKED) -> bytes:
    """One file of an archive; what it says of its size is not believed."""
    with archive.open(entry) as file:
        data = file.read(left + 1)
    if len(data) > left:
        raise _refused(name, "it unpacks to more than can be read", "Choose another document.")
    return data


def _docx(archive: zipfile.ZipFile, name: str) -> str:
    """Through mammoth; only the parts that hold text are given to it, pictures are left out."""
    import mammoth

    small = io.BytesIO()
    left = MAX_UNPACKED
    with zipfile.ZipFile(small, "w") as copy:
        for entry in archive.namelist():
            if entry.endswith((".xml", ".rels")):
                part = _entry(archive, entry, name, left)
                left -= len(part)
                copy.writestr(entry, part)
    small.seek(0)
    made = mammoth.convert_to_html(
        small, convert_image=lambda image: [], external_file_access=False
    )
    return _html(made.value)


def _epub(archive: zipfile.ZipFile, name: str) -> Reading:
    """The chapters in the order of the spine (EPUB 3.3, package documents)."""
    container = ElementTree.fromstring(_entry(archive, "META-INF/container.xml", name))
    root = container.find(f".//{_CONTAINER}rootfile")
    if root is None:
        raise _broken(name)
    package_path = root.get("full-path", "")
    package = ElementTree.fromstring(_entry(archive, package_path, name))
    items = {i.get("id"): i for i in package.iter(f"{_OPF}item")}
    references = list(package.iter(f"{_OPF}itemref"))
    folder = posixpath.dirname(package_path)
    chapters: list[str] = []
    left = MAX_UNPACKED
    for number, reference in enumerate(references):
        yield number / len(references)
        item = items.get(reference.get("idref"))
        if item is None or "html" not in item.get("media-type", ""):
            continue
        if reference.get("linear") == "no" or "nav" in item.get("properties", "").split():
            continue
        href = unquote(item.get("href", "")).split("#")[0]
        page = _entry(archive, posixpath.normpath(posixpath.join(folder, href)), name, left)
        left -= len(page)
        chapters.append(_html(page))
    return "\n\n".join(chapters)


def _is_locked(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether more than fonts is encrypted (EPUB 3.3, font obfuscation is no lock)."""
    return b"html" in _entry(archive, "META-INF/encryption.xml", name).lower()


def _html(page: str | bytes) -> str:
    """HTML as Markdown without links and pictures."""
    from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
    from markdownify import MarkdownConverter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML is what epub is made of
        soup = BeautifulSoup(page, "html.parser")
    for tag in soup(["script", "style", "head", "svg", "img"]):
        tag.decompose()
    converter = MarkdownConverter(
        heading_style="ATX", strip=["a"], escape_asterisks=False, escape_underscores=False,
        escape_misc=False, bullets="-",
    )  # fmt: skip
    return str(converter.convert_soup(soup)).strip()


def _pdf(data: bytes, name: str) -> Reading:
    import pypdf
    from pypdf.errors import FileNotDecryptedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong is said below
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise _locked(name)
        if len(reader.pages) > MAX_PAGES:
            raise _refused(name, f"it has {len(reader.pages):,} pages", "Take a part of it.")
        pages: list[str] = []
        left = MAX_TEXT
        for number, page in enumerate(reader.pages):
            yield number / len(reader.pages)
            pages.append(page.extract_text() or "")
            left -= len(pages[-1])
            if left < 0:
                break
        text = "\n\n".join(p.strip() for p in pages)
    except FileNotDecryptedError as error:
        raise _locked(name) from error
    except Exception as error:
        # pypdf raises whatever a broken file leads it into.
        if isinstance(error, StudioError | MemoryError):
            raise
        raise _broken(name) from error
    if not text.strip():
        raise _refused(
            name,
            "its pages are pictures, without text",
            "Run text recognition (OCR) on it first, and choose the new file.",
        )
    return text


def _refused(name: str, why: str, hint: str) -> StudioError:
    return StudioError(f"“{name}” cannot be used: {why}.", hint)


def _broken(name: str) -> StudioError:
    return _refused(name, "the file is damaged", "Choose another file, or save it anew.")


def _locked(name: str) -> StudioError:
    return _refused(
        name, "it is locked with a password", "Save it without one, and choose the new file."
    )
