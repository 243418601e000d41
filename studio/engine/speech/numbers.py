"""Numbers as words, in the languages for which Unicode's CLDR has rules (through unicode-rbnf)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

Manner = Literal["cardinal", "ordinal", "year"]

_LONGEST = 15
"""Digits; more are read one by one."""
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d.,\u00a0\u202f]*\d|(?<![\w.])-?\d|\d+")
_POINT_IS_COMMA = frozenset(
    {"en", "zh", "ja", "ko", "th", "he", "hi", "ur", "bn", "ta", "te", "sw"}
)
"""Languages that write 1,234.5; the others write 1.234,5."""


def words(number: int | float, language: str = "en", manner: Manner = "cardinal") -> str:
    """A number in words; digit by digit where the language has no rule for it.

    `language` is a code as "en" or "en-gb"; one without rules gives the digits back.
    """
    engine = _engine(language)
    if engine is None:
        return str(number)
    from unicode_rbnf import FormatPurpose
    from unicode_rbnf.engine import NoRuleForNumberError

    purpose = {
        "cardinal": FormatPurpose.CARDINAL,
        "ordinal": FormatPurpose.ORDINAL,
        "year": FormatPurpose.YEAR,
    }[manner]
    try:
        text = engine.format_number(number, purpose).text
    except (NoRuleForNumberError, ValueError, IndexError):  # no rule for this number in this manner
        if manner != "cardinal":
            return words(number, language)
        return digits(str(number), language)
    return text.replace("\u00ad", "").strip()


def digits(text: str, language: str = "en") -> str:
    """Digits read one by one; what is no digit is left out."""
    return " ".join(words(int(c), language) for c in text if c.isdecimal())


def knows(language: str) -> bool:
    """Whether numbers can be written in words in a language."""
    return _engine(language) is not None


def spell(text: str, language: str) -> str:
    """Every number of a text in words, read as plain cardinals: for languages other than English.

    Dates, times and units are not understood here; digits of a language without rules stay.
    """
    if not knows(language) or not any(c.isdecimal() for c in text):
        return text
    return _NUMBER.sub(lambda match: f" {_read(match[0], language)} ", text)


def _read(written: str, language: str) -> str:
    group, point = (",", ".") if language[:2] in _POINT_IS_COMMA else (".", ",")
    plain = re.sub(r"[\u00a0\u202f]", "", written)
    grouped = re.fullmatch(rf"-?\d{{1,3}}(?:{re.escape(group)}\d{{3}})+(?:\{point}\d+)?", plain)
    if grouped:
        plain = plain.replace(group, "")
    plain = plain.replace(point, ".") if plain.count(point) == 1 else plain
    try:
        if len(plain) > _LONGEST or (plain.startswith("0") and len(plain) > 1 and "." not in plain):
            return digits(plain, language)
        return words(float(plain) if "." in plain else int(plain), language)
    except ValueError:  # 1.2.3 and what else is no number
        return digits(plain, language)


@lru_cache(maxsize=8)
def _engine(language: str) -> RbnfEngine | None:
    from unicode_rbnf import RbnfEngine

    known = set(RbnfEngine.get_supported_languages())
    code, _, region = language.replace("_", "-").partition("-")
    code = {"nb": "no", "cmn": "zh", "iw": "he", "tl": "fil"}.get(code.lower(), code.lower())
    for name in (f"{code}_{region.upper()}", code):
        if name in known:
            return RbnfEngine.for_language(name)
    return None
