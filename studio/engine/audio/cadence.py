"""The end of a tune brought home: a last note that is not the tonic is moved to the nearest one."""

from __future__ import annotations

from dataclasses import replace

from studio.core.abc import LETTERS, Key, Token, Tune, note_name, pitches, sign
from studio.core.score import Bar, bars, play_order


def at_home(tune: Tune, *, alike: bool = True) -> Tune:
    """The tune with the tonic as its last note, which keeps its length.

    With `alike`, bars that are written like the last one change with it, so that a part that comes
    again stays the same. A tune that ends at home already, or in a chord, is left as it is.
    Raises AbcError as `score.bars` does.
    """
    written = bars(tune)
    if not written:
        return tune
    end = play_order(written)[-1]
    last = written[end]
    heard = [note.pitches for note in last.notes if note.pitches]
    if not heard or len(heard[-1]) > 1 or heard[-1][0] % 12 == tune.key.pitch_class:
        return tune
    changed = _closed(last, tune.key)
    body: list[Token] = []
    bar: list[Token] = []
    number = 0
    for token in (*tune.body, Token("bar", "")):
        if token.kind not in ("bar", "ending"):
            bar.append(token)
            continue
        closes = tuple(bar) == last.tokens and (alike or number == end)
        body += changed if closes else bar
        body += [token] if token.text else []
        number += bool(bar)
        bar = []
    return replace(tune, body=tuple(body))


def _closed(bar: Bar, key: Key) -> tuple[Token, ...]:
    """The elements of a bar with the tonic as its last note."""
    at = max(n for n, token in enumerate(bar.tokens) if token.kind == "note")
    text = bar.tokens[at].text
    ((letter, octave, _),) = pitches(text)
    place = LETTERS.index(letter) + 7 * (octave - 4)
    home = LETTERS.index(key.tonic[0])
    nearest = min((home + 7 * k for k in range(-4, 8)), key=lambda p: abs(p - place))
    # An accidental in front of the same letter holds to the end of the bar.
    altered = any(
        name == key.tonic[0] and accidental is not None
        for token in bar.tokens[:at]
        if token.kind in ("note", "chord")
        for name, _, accidental in pitches(token.text)
    )
    accidental = sign(key.signature[key.tonic[0]]) if altered else ""
    length = text.lstrip("^_=").lstrip(LETTERS + LETTERS.lower()).lstrip(",'")
    note = Token("note", accidental + note_name(nearest) + length)
    return (*bar.tokens[:at], note, *bar.tokens[at + 1 :])
