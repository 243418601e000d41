"""Documents: their text comes out, and what is broken, locked or hostile is told."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine import documents
from studio.engine.documents import Reading, split

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "'
    + "a" * 1000
    + '">'
    + "".join(f'<!ENTITY a{n} "{("&a" + str(n - 1 or "") + ";") * 50}">' for n in range(1, 8))
    + "]>"
)


def drained(reading: Reading) -> str:
    """The text of a document; what is told on the way climbs from 0 to 1."""
    told = []
    while True:
        try:
            told.append(next(reading))
        except StopIteration as end:
            assert told == sorted(told)
            assert 0 <= told[0] <= told[-1] <= 1
            return str(end.value)


def read(path: Path, name: str) -> str:
    return drained(documents.read(path, name))


def read_bytes(data: bytes, name: str) -> str:
    return drained(documents.read_bytes(data, name))


def zipped(files: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def docx(body: str, head: str = "", relations: str = RELS) -> bytes:
    document = f'{head}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return zipped(
        {
            "[Content_Types].xml": TYPES,
            "_rels/.rels": relations,
            "word/document.xml": document,
        }
    )


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def epub(pages: list[str], package: str = "OEBPS/book.opf") -> bytes:
    folder = package.rpartition("/")[0]
    items = "".join(
        f'<item id="p{n}" href="page%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(pages))
    )
    spine = "".join(f'<itemref idref="p{n}"/>' for n in range(len(pages)))
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": (
                '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                f'<rootfile full-path="{package}"/></rootfiles></container>'
            ),
            package: (
                '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
                f"{items}</manifest><spine>{spine}</spine></package>"
            ),
            **{f"{folder}/page {n}.xhtml".lstrip("/"): p for n, p in enumerate(pages)},
        }
    )


def pdf(*texts: str, password: str = "", owner: str = "") -> bytes:
    """A PDF with a page for each text."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 250 Td ({text}) Tj ET".encode("latin-1"))
        page[NameObject("/Contents")] = stream
    if password or owner:
        writer.encrypt(password, owner or None, algorithm="RC4-128")
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Füchse\r\nund Monde".encode(), "Füchse\nund Monde"),
        ("\ufeffFüchse".encode(), "Füchse"),
        ("Füchse".encode("utf-16"), "Füchse"),
        ("Füchse".encode("utf-16-be").join([b"\xfe\xff", b""]), "Füchse"),
        ("Die Füchse schlafen über den Dächern von Köln.".encode("cp1252"), None),
        ("Лиса и луна спят, и никто не знает почему.".encode("cp1251"), None),
        (b"a\n\n\n\n\n  b \t\n\nc\x07", "a\n\n  b\n\nc"),
        (b"# Title\n\n- *one*\n", "# Title\n\n- *one*"),
    ],
)
def test_plain_text_in_any_encoding(data: bytes, text: str | None) -> None:
    made = read_bytes(data, "a.txt")
    if text is None:
        assert made in (data.decode("cp1252"), data.decode("cp1251"))
    else:
        assert made == text


def test_a_word_document() -> None:
    made = read_bytes(
        docx(
            paragraph("The fox", "Heading1")
            + paragraph("It sleeps &amp; dreams.")
            + "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>one</w:t></w:r></w:p></w:tc>"
            "<w:tc><w:p><w:r><w:t>two</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        ),
        "fox.docx",
    )
    assert made.startswith("# The fox\n\nIt sleeps & dreams.")
    assert "one" in made.partition("dreams.")[2]


def test_a_book_in_the_order_of_its_spine() -> None:
    pages = [
        "<html><head><title>no</title><style>x{}</style></head><body><h1>One</h1>"
        "<p>The <b>fox</b> &amp; the <a href='x'>moon</a>.</p><script>no()</script></body></html>",
        "<html><body><h2>Two</h2><ul><li>a</li><li>b</li></ul><img src='x'/></body></html>",
    ]
    made = read_bytes(epub(pages), "book.epub")
    assert made == "# One\n\nThe **fox** & the moon.\n\n## Two\n\n- a\n- b"
    assert read_bytes(epub(pages, package="book.opf"), "b").startswith("# One")


def test_a_pdf(tmp_path: Path) -> None:
    file = tmp_path / "fox.pdf"
    file.write_bytes(pdf("The fox sleeps.", "The moon shines."))
    assert read(file, "fox.pdf") == "The fox sleeps.\n\nThe moon shines."
    # What a file is, its content says.
    assert read_bytes(pdf("The fox sleeps."), "fox.docx") == "The fox sleeps."
    # An owner's password alone locks nothing that is read here.
    assert read_bytes(pdf("The fox", owner="x"), "x") == "The fox"


def bomb() -> bytes:
    return docx(paragraph("x") + " " * (documents.MAX_UNPACKED + 1))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "no text"),
    "blank": (lambda: b" \n\t", "no text"),
    "bytes": (lambda: bytes(range(256)) * 4, "not a text document"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not a text document"),
    "old Word": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Word"),
    "another archive": (lambda: zipped({"a.txt": "x"}), "archive"),
    "an empty archive": (lambda: zipped({}), "archive"),
    "a cut archive": (lambda: docx(paragraph("fox"))[:200], "damaged"),
    "a cut pdf": (lambda: b"%PDF-1.7\n" + pdf("fox")[20:200], "damaged"),
    "a locked pdf": (lambda: pdf("fox", password="secret"), "password"),
    "a scanned pdf": (lambda: pdf("", ""), "pictures"),
    "a bomb of zeros": (bomb, "unpacks to more"),
    "a bomb of entities": (lambda: docx(paragraph("&a7;"), BOMB), "damaged"),
    "a book with a bomb": (
        lambda: zipped({"META-INF/container.xml": BOMB + "<x>&a7;</x>"}), "damaged",
    ),
    "a book without pages": (lambda: epub([]), "no text"),
    "a locked book": (
        lambda: zipped({
            "META-INF/container.xml": "<x/>",
            "META-INF/encryption.xml": "<e URI='page.xhtml'/>",
        }),
        "password",
    ),
    "broken XML": (lambda: docx("<w:p>"), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_told(name: str) -> None:
    make, why = REFUSED[name]
    with pytest.raises(StudioError, match=why) as caught:
        read_bytes(make(), "file.x")
    assert "file.x" in caught.value.message
    assert caught.value.hint


def test_nothing_outside_of_the_archive_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xhtml"
    secret.write_text("<p>secret</p>", "utf-8")
    relations = RELS.replace(
        "</Relationships>",
        f'<Relationship Id="r2" TargetMode="External" Target="{secret.as_uri()}" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"/>'
        "</Relationships>",
    )
    entity = f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret.as_uri()}">]>'
    assert read_bytes(docx(paragraph("fox"), relations=relations), "a") == "fox"
    assert read_bytes(docx(paragraph("fox &s;"), entity), "a") == "fox"
    # A path that climbs is what something within the archive is called, and nothing else.
    assert read_bytes(epub(["<p>x</p>"], package="../../etc/passwd"), "a") == "x"


def test_a_file_that_is_too_large_or_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StudioError):
        read(tmp_path / "nowhere.txt", "nowhere.txt")
    (tmp_path / "a.txt").write_bytes(b"a" * 100)
    monkeypatch.setattr(documents, "MAX_TEXT", 50)
    with pytest.raises(StudioError, match="100 characters"):
        read(tmp_path / "a.txt", "a.txt")
    monkeypatch.setattr(documents, "MAX_FILE", 50)
    with pytest.raises(StudioError, match="larger"):
        read(tmp_path / "a.txt", "a.txt")


SEEDS = (docx(paragraph("fox")), epub(["<p>fox</p>"]), pdf("fox"), b"fox \xff\xfe")


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(1, 3000),
)
def test_any_bytes_are_read_or_told(
    seed: bytes, changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(seed)
    for place, piece in changes:
        data[place : place + len(piece)] = piece
    with contextlib.suppress(StudioError):
        assert read_bytes(bytes(data[:length]), "x").strip()


@given(st.text("ab \n.", max_size=400), st.integers(1, 30))
def test_parts_hold_the_whole_text_and_fit(text: str, most: int) -> None:
    parts = split(text, most, len)
    assert all(len(p) <= most for p in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_parts_are_cut_between_paragraphs_first() -> None:
    text = "One two three.\n\nFour five. Six seven."
    assert split(text, 25, len) == ["One two three.", "Four five. Six seven."]
    assert split(text, 14, len) == ["One two three.", "Four five.", "Six seven."]
    assert split("狐狸。月亮。", 3, len) == ["狐狸。", "月亮。"]
