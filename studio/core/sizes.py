"""Bytes as a person reads them: one convention for the window, the command line and messages.

A kilobyte has 1024 bytes, as systems and sellers count memory: what a model takes of 16 GB is then
told in the same measure.
"""

from __future__ import annotations

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size_words(count: int) -> str:
    """As `1.9 GB`, `16 GB`, `812 bytes`: one digit after the point, where it says anything."""
    number, unit = float(max(0, count)), 0
    # What would be rounded to 1024 is one of the next.
    while number >= 1023.95 and unit < len(UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f}".removesuffix(".0") + f" {UNITS[unit]}"
