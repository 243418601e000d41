"""Sizes are told in one measure, whoever tells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale

from studio.core.sizes import size_words

GB = 1 << 30


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (812, "812 bytes"),
        (1 << 10, "1 kB"),
        (1500, "1.5 kB"),
        ((1 << 20) - 1, "1 MB"),
        (500_000_000, "476.8 MB"),
        (2_000_000_000, "1.9 GB"),
        (16 * GB, "16 GB"),
        (3 << 40, "3 TB"),
        (-5, "0 bytes"),
    ],
)
def test_bytes_for_a_person(count: int, words: str) -> None:
    assert size_words(count) == words


@given(st.integers(1 << 10, 1 << 50))
def test_the_window_says_the_same(count: int) -> None:
    plain = QLocale(QLocale.Language.English)
    form = QLocale.DataSizeFormat.DataSizeTraditionalFormat
    number, unit = plain.formattedDataSize(count, 1, form).split()
    ours, name = size_words(count).split()
    said = float(number.replace(",", ""))
    if said < 1023.9:
        assert float(ours) == pytest.approx(said, abs=0.11)
        assert name == unit
