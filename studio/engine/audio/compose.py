"""A tune written by a model, bar by bar, each checked before the next one is begun.

A bar that does not work out is written again from its start with another seed (rejection sampling
within a tune), so that the beat never stumbles; several tunes are tried, and the best one is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.core.abc import AbcError, Key, Token, Tune, in_octave, parse, transpose
from studio.core.errors import StudioError
from studio.core.score import bars, check, check_bars, compact, perform
from studio.engine.audio.cadence import at_home
from studio.engine.audio.plan import Plan
from studio.engine.audio.shapes import formed, nearest
from studio.engine.audio.taken import last_bars, opened

if TYPE_CHECKING:
    from studio.engine.genai import Loaded

TRIES = 6
_REWRITES = 32
"""Bars written again within one try."""
_HOPELESS = 2
"""Tries of which not even four bars came right, after which no more is expected."""
_MOST_TOKENS = 440
_FEWEST_BARS = 8
"""Of a whole tune, repeats included."""
_FEWEST_NOTES = 8
"""Below which nothing is called a tune."""
_ENOUGH = 4
"""Good bars in a row that are worth keeping without the rest."""
_USUAL_TOKENS = 220
_HEARD_BARS = (16, 8, 4)
"""Of a tune that is taken up, the last ones, from which the model goes on: as many as fit."""
_MOST_GIVEN = 300
"""Tokens of them; more leave no room to go on."""

_PLAIN = re.compile(r"[\^_=]?[A-Ga-gz][,']?[1-8]?/?|\|\n?|:\|\n?|\|:|\|\|\n?")
# The keys in which tune models are taught; what is wished for in others is transposed.
_TAUGHT = frozenset(
    (
        *("C", "G", "D", "A", "E", "F", "Bb", "Am", "Em", "Bm", "Dm", "Gm", "Cm"),
        *("Ador", "Edor", "Ddor", "Gdor", "Cdor", "Dmix", "Amix", "Gmix", "Emix", "Cmix"),
    )
)
_HOME = {"": "G", "m": "E", "dor": "A", "mix": "A"}
# Kinds that the collections hardly hold, and what comes nearest to them.
_LIKE = {"polka": "tune", "quickstep": "march"}


@dataclass(frozen=True, slots=True)
class Composition:
    """A finished tune and how it was arrived at."""

    tune: Tune
    complete: bool
    """The model ended the tune itself, and the beat never stumbles in it."""
    flawless: bool
    """Besides, it ends on its tonic, is as long as it should be and not too wide for a voice."""
    tries: int
    rewrites: int
    """Bars that were written again."""
    tokens: int
    """How many the model wrote in all."""


@dataclass(slots=True)
class _Draft:
    """A tune while it is written: its tokens, what each says, and where its good bars end."""

    header: str
    ids: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    """How many tokens there are up to the end of each good bar."""
    longest: list[str] = field(default_factory=list)
    """The most that was ever written in one go, good or not."""
    rewrites: int = 0
    ended: bool = False
    """Whether the model itself ended it, after good bars only."""
    given: int = 0
    """How many of the first tokens are not the model's own; they are never rewritten."""
    stumbles: int = 0
    """How often the beat stumbles in those; that is nobody's fault here."""

    def text(self, tokens: int | None = None) -> str:
        return self.header + "".join(self.pieces[:tokens])

    def add(self, token: int, piece: str) -> None:
        self.ids.append(token)
        self.pieces.append(piece)

    def at_bar(self) -> bool:
        """Whether the last thing written is a bar line."""
        return bool(self.pieces) and _is_bar(self.pieces[-1])

    def judge(self) -> bool:
        """Whether the bar that was just closed, and so all of the tune, works out."""
        try:
            tune = parse(self.text())
            written = bars(tune)
        except AbcError:
            return False
        if not written:
            return len(self.ids) < 4  # nothing but a repeat sign so far
        last = written[-1]
        found = check_bars(written, tune.metre.quarters)
        if found.stumbles > self.stumbles or (found.rest and not last.closes and len(written) > 1):
            return False
        if last.length > tune.metre.quarters or len(written) <= len(self.good):
            return False
        if len(written) > 4 and all(bar.tokens == last.tokens for bar in written[-5:]):
            return False  # a needle that hangs
        self.good.append(len(self.ids))
        return True

    def rewrite(self) -> None:
        """Go back to the end of the last good bar; every fourth time two bars further back."""
        self.rewrites += 1
        self.longest = max(self.longest, self.pieces[:], key=len)
        if self.rewrites % 4 == 0:
            del self.good[-2:]
        end = max(self.given, self.good[-1] if self.good else 0)
        del self.ids[end:], self.pieces[end:]


def compose(
    loaded: Loaded, plan: Plan, seed: int, *, temperature: float, top_p: float
) -> Iterator[float | Composition]:
    """Yields how much is done (0 to 1, not always growing), and at the end the composition.

    Raises StudioError where nothing that can be played came out.
    """
    key = plan.key if str(plan.key) in _TAUGHT else Key(_HOME[plan.key.mode], plan.key.mode)
    before, heard, given = _given(loaded, plan, key)
    kind = _LIKE.get(plan.kind, plan.kind)
    header = f"R:{kind}\nM:{plan.metre}\nL:1/{4 / plan.unit}\nK:{key}\n"
    prompt = _prompt(loaded, header)
    best: tuple[float, Tune] | None = None
    tokens = rewrites = tries = hopeless = 0
    for tries in range(1, TRIES + 1):
        draft = _Draft(header)
        for token in given:
            draft.add(token, loaded.tokenizer.decode([token]))
        draft.given = len(given)
        draft.stumbles = check(parse(draft.text())).stumbles if given else 0
        for token in _write(loaded, prompt, draft, (seed, tries), temperature, top_p):
            tokens += token
            done = min(1.0, len(draft.ids) / _USUAL_TOKENS)
            yield (tries - 1 + done) / TRIES
        rewrites += draft.rewrites
        found = _judged(draft, plan)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
        hopeless += len(draft.good) < _ENOUGH
        if hopeless == _HOPELESS or (best is not None and best[0] >= 0):
            break
    if best is None:
        raise StudioError(
            f"The model “{loaded.name}” wrote nothing that can be played.",
            "Try another seed or a lower temperature, or choose another model.",
        )
    rank, tune = best
    if key != plan.key:
        try:
            tune = _home(tune, plan.key, heard)
        except AbcError:
            pass  # it stays in the key it was written in, and its header says so
    tune = replace(tune, body=(*before, *tune.body), rhythm=plan.kind, tempo=plan.tempo)
    yield Composition(tune, rank > -5.0, rank >= 0, tries, rewrites, tokens)


def _given(
    loaded: Loaded, plan: Plan, key: Key
) -> tuple[tuple[Token, ...], Tune | None, list[int]]:
    """What stands in front of all that the model hears, the bars that it goes on from as they are
    written, and their tokens.

    Raises StudioError where the model has no words for them.
    """
    if plan.start is None:
        return (), None, []
    for count in _HEARD_BARS:
        before, heard = last_bars(opened(plan.start), count)
        text = compact(transpose(heard, key) if key != plan.key else heard)
        ids = [i for i in loaded.tokenizer.encode(text) if i not in loaded.stops]
        if "".join(loaded.tokenizer.decode([i]) for i in ids) != text:
            break
        if len(ids) <= _MOST_GIVEN:
            return before, heard, ids
    raise StudioError(
        f"The model “{loaded.name}” cannot read this tune.",
        "Choose a plainer one: one voice, no notes shorter than a sixteenth.",
    )


def _home(tune: Tune, key: Key, heard: Tune | None) -> Tune:
    """The tune in its own key again, a beginning that was given as high as it was."""
    tune = transpose(tune, key)
    if heard is None:
        return tune
    octaves = round((_first_pitch(heard) - _first_pitch(tune)) / 12)
    return replace(tune, body=in_octave(tune.body, octaves))


def _first_pitch(tune: Tune) -> int:
    return next((n.pitches[0] for bar in bars(tune) for n in bar.notes if n.pitches), 60)


def _prompt(loaded: Loaded, header: str) -> list[int]:
    """The header's tokens after the one that begins a tune."""
    ids = loaded.tokenizer.encode(header, special=True)
    while ids and ids[-1] in loaded.stops:
        ids.pop()
    begin = loaded.tokenizer.encode("<s>")
    if len(begin) == 1 and ids[:1] != begin:
        ids = begin + ids
    return ids


def _write(
    loaded: Loaded, prompt: list[int], draft: _Draft, seed: tuple[int, int], temperature: float,
    top_p: float,
) -> Iterator[bool]:  # fmt: skip
    """Write one draft; yields whether a token was written, at every place where it can be left."""
    from studio.engine.genai import generate

    while draft.rewrites <= _REWRITES:
        room = min(_MOST_TOKENS, loaded.context - len(prompt)) - len(draft.ids)
        if room < 2:
            return
        # When no rewriting is left, whatever comes is taken.
        strict = draft.rewrites < _REWRITES
        wrong = False
        for token in generate(
            loaded,
            [*prompt, *draft.ids],
            seed=_derived(*seed, draft.rewrites),
            max_new_tokens=room,
            temperature=temperature,
            top_p=top_p,
        ):
            yield token is not None
            if token is None:
                continue
            piece = loaded.tokenizer.decode([token])
            if draft.at_bar() and not _is_bar(piece) and not draft.judge() and strict:
                wrong = True
                break
            draft.add(token, piece)
        else:
            if len(prompt) + len(draft.ids) >= loaded.context or len(draft.ids) >= _MOST_TOKENS:
                return
            draft.ended = draft.at_bar() and draft.judge() and len(draft.good) >= _ENOUGH
            wrong = not draft.ended
        if not wrong or not strict:
            return
        draft.rewrite()


def _judged(draft: _Draft, plan: Plan) -> tuple[float, Tune] | None:
    """The best that can be made of a draft and its rank: 0 is flawless, below are its faults."""
    tune = _readable(draft)
    if tune is None:
        return None
    try:
        shaped = formed(tune, plan.form) if plan.form and plan.start is None else None
        if shaped is not None:
            tune = shaped
        elif plan.start is None:
            tune = nearest(tune, plan.bars)
        if draft.good:
            tune = at_home(tune, alike=plan.start is None)
        found, played = check(tune), perform(tune)
    except AbcError:
        return None
    if len(played.events) < _FEWEST_NOTES:
        return None
    rank = -10.0 * (found.stumbles - draft.stumbles)
    if plan.form and plan.start is None and shaped is None:
        rank -= 6.0
    if not draft.ended:
        rank -= 5.0
    if plan.bars:
        rank -= 8.0 * abs(played.bars - plan.bars) / plan.bars
    elif played.bars < _FEWEST_BARS:
        rank -= 4.0
    elif played.bars % 8:
        rank -= 1.0  # dances go in parts of eight bars
    if played.events[-1].pitches[-1] % 12 != tune.key.pitch_class:
        rank -= 1.0
    heard = [pitch for event in played.events for pitch in event.pitches]
    if max(heard) - min(heard) > 26:
        rank -= 1.0  # more than a tune for one voice or hand should ask
    return rank, tune


def _readable(draft: _Draft) -> Tune | None:
    """The good bars of a draft; where there are too few, all plain notes and bar lines of it behind
    what was given."""
    text = draft.text(max(draft.given, draft.good[-1] if draft.good else 0))
    if len(draft.good) < _ENOUGH:
        most = max(draft.longest, draft.pieces, key=len)
        plain = "".join(p for p in most[draft.given :] if _PLAIN.fullmatch(p)).replace("::", ":|")
        text = draft.text(draft.given) + plain
    try:
        tune = parse(text)
        bars(tune)
    except AbcError:
        return None
    return tune


def _is_bar(piece: str) -> bool:
    return "|" in piece or ":" in piece


def _derived(seed: int, attempt: int, rewrite: int) -> int:
    digest = hashlib.sha256(f"{seed}/{attempt}/{rewrite}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
