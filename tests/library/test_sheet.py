"""Sheet music: pages that open elsewhere, with all of the tune on them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from studio.core.errors import StudioError
from studio.library import sheet

TUNE = "X:1\nT:{title}\nR:jig\nM:6/8\nL:1/8\nQ:3/8=119\nK:D\n"
BAR = "d2e f2d | e2c A2A | d2e f2d | e3 e2A |\n"


def ink(data: bytes) -> tuple[tuple[int, int], np.ndarray]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size, np.asarray(image.convert("L")) < 128


def test_the_picture_is_as_high_as_the_tune_needs() -> None:
    short, dark = ink(sheet.picture(TUNE.format(title="A") + BAR))
    long, _ = ink(sheet.picture(TUNE.format(title="A") + BAR * 6))
    assert short[0] == long[0] == sheet.PICTURE_WIDTH
    assert long[1] > 2 * short[1]
    assert 0.005 < dark.mean() < 0.2
    # Nothing touches the edges of the paper.
    edge = 20
    assert not dark[:edge].any()
    assert not dark[-edge:].any()
    assert not dark[:, :edge].any()
    assert not dark[:, -edge:].any()


def test_title_tempo_and_maker_stand_above_the_first_staff() -> None:
    head = round(sheet.HEAD * 0.8 / sheet.PAGE[0] * sheet.PICTURE_WIDTH)
    _, bare = ink(sheet.picture("X:1\nM:6/8\nL:1/8\nK:D\n" + BAR))
    _, full = ink(sheet.picture(TUNE.format(title="The Morning Crossroads") + BAR, "by me"))
    assert not bare[:head].any()
    middle = full.shape[1] // 2
    assert full[:head, middle - 300 : middle + 300].any()
    assert full[:head, : middle - 350].any()
    assert full[:head, middle + 350 :].any()


@pytest.mark.parametrize("title", ["W" * 200, "<b>&amp;\x01", "日本"])
def test_any_title_stays_on_the_paper(title: str) -> None:
    _, dark = ink(sheet.picture(TUNE.format(title=title) + BAR))
    assert not dark[:, :20].any()
    assert not dark[:, -20:].any()


def test_a_long_tune_takes_several_pages_of_a4() -> None:
    data = sheet.pdf(TUNE.format(title="Long") + BAR * 30, "by me", "Long")
    reader = PdfReader(io.BytesIO(data))
    assert len(reader.pages) >= 2
    for page in reader.pages:
        assert float(page.mediabox.width) == pytest.approx(595.3, abs=0.5)
        assert float(page.mediabox.height) == pytest.approx(842, abs=0.5)
    assert sheet.pdf(TUNE.format(title="Long") + BAR * 30, "by me", "Long") == data


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet="ABcd^_=,'/23(<>|:[]z \n", max_size=60))
def test_a_strangers_tune_is_a_sheet_or_a_sentence(body: str) -> None:
    told = ("", "")
    data = b""
    try:
        data = sheet.picture("X:1\nM:4/4\nL:1/8\nK:C\n" + body)
    except StudioError as error:
        told = (error.message, error.hint)
    assert data.startswith(b"\x89PNG") != all(told)
