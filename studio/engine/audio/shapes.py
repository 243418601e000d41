"""A tune cut to a wished length: fewer parts, or its parts with or without their repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from studio.core.abc import AbcError, Token, Tune
from studio.core.score import Bar, bars, check, perform, sections

FORMS: dict[str, tuple[tuple[int, bool], ...]] = {
    "AB": ((0, False), (1, False)),
    "AABB": ((0, True), (1, True)),
    "ABA": ((0, False), (1, False), (0, False)),
    "AABA": ((0, True), (1, False), (0, False)),
}
"""Which part comes when, and whether it is played twice."""


def formed(tune: Tune, form: str) -> Tune | None:
    """The tune's first two parts in a form of `FORMS`; None where there are not two different ones.

    A tune of one long part is taken as two halves. Raises AbcError for a tune whose bars cannot be
    read.
    """
    parts: Sequence[Sequence[Bar]] = sections(bars(tune))
    # A pickup in front of a part is no part.
    parts = [p for p in parts if sum(b.length for b in p) > 2 * tune.metre.quarters]
    if len(parts) == 1 and len(parts[0]) >= 8 and not any(b.ending for b in parts[0]):
        half = len(parts[0]) // 2
        parts = [parts[0][:half], parts[0][half:]]
    if len(parts) < 2 or _written(parts[0]) == _written(parts[1]):
        return None
    body: list[Token] = []
    for part, again in FORMS[form]:
        if body and body[-1] == Token("bar", "|]"):
            body[-1] = Token("bar", "||")  # a part ends there, not the tune
        body += _joined([parts[part]], again)
    return replace(tune, body=tuple(body))


def _written(part: Sequence[Bar]) -> list[tuple[Token, ...]]:
    return [bar.tokens for bar in part]


def nearest(tune: Tune, wanted: int) -> Tune:
    """The form of a tune that lasts `wanted` bars or comes nearest; 0 leaves it as it is.

    A form in which the beat stumbles is taken only where the tune itself stumbles. Raises AbcError
    for a tune whose bars cannot be read.
    """
    if not wanted:
        return tune
    best, rank = tune, (check(tune).stumbles, abs(perform(tune).bars - wanted), 0)
    for number, form in enumerate(forms(tune), start=1):
        try:
            here = (check(form).stumbles, abs(perform(form).bars - wanted), number)
        except AbcError:
            continue
        if here < rank:
            best, rank = form, here
    return best


def forms(tune: Tune) -> Iterator[Tune]:
    """All parts or only the first ones, repeated as written, throughout or not at all."""
    parts = sections(bars(tune))
    for count in range(len(parts), 0, -1):
        taken = parts[:count]
        for repeated in (None, True, False):
            yield replace(tune, body=_joined(taken, repeated))


def _joined(parts: Sequence[Sequence[Bar]], repeated: bool | None) -> tuple[Token, ...]:
    """Parts in a row; `repeated` None keeps the repeats of each as they are."""
    tokens: list[Token] = []
    for part in parts:
        again = any(bar.repeats for bar in part) if repeated is None else repeated
        chosen = part if again else [bar for bar in part if bar.ending != 1]
        endings = {bar.ending for bar in chosen} >= {1, 2}
        if again:
            tokens.append(Token("bar", "|:"))
        before = 0
        for at, bar in enumerate(chosen):
            if endings and bar.ending != before:
                tokens.append(Token("ending", str(bar.ending)))
            before = bar.ending
            tokens.extend(bar.tokens)
            if at + 1 == len(chosen):
                tokens.append(Token("bar", "|]" if not again or endings else ":|"))
            elif endings and bar.ending == 1 and chosen[at + 1].ending == 2:
                tokens.append(Token("bar", ":|"))
            else:
                tokens.append(Token("bar", "|"))
    return tuple(tokens)
