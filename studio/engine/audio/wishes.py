"""What a person's words say about a tune: a small vocabulary, and nothing guessed beyond it.

Known are: the kinds of tune ("waltz", "slip jig"), metres ("6/8"), keys ("in D minor", "A Dorian",
"a minor key"), speeds ("slow", "very fast", "96 bpm"), moods ("sad", "merry", "gentle", "ancient"),
instruments ("on the fiddle"), lengths ("16 bars", "twice") and company ("solo", "with chords").
Words that it does not know change nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.core.abc import Key

KINDS: dict[str, tuple[str, ...]] = {
    "slip jig": ("slip jig", "slip-jig", "slipjig", "hop jig"),
    "jig": ("jig", "gigue", "tarantella"),
    "reel": ("reel",),
    "hornpipe": ("hornpipe", "shanty", "sailor", "sailors", "sea", "pirate", "pirates"),
    "waltz": ("waltz", "valse", "lullaby", "cradle song", "carousel", "ballroom"),
    "march": ("march", "parade", "soldiers", "procession", "anthem"),
    "polka": ("polka",),
    "minuet": ("minuet", "menuet", "court", "courtly", "baroque"),
    "strathspey": ("strathspey", "scottish", "highland", "highlands"),
    "quickstep": ("quickstep", "quick step", "two-step"),
    "air": ("air", "lament", "ballad", "song", "elegy", "aria", "hymn"),
}
"""Longer names come before those they contain."""

INSTRUMENTS: dict[str, tuple[str, ...]] = {
    "music box": ("music box", "music-box", "musical box", "celesta", "toy", "carousel"),
    "whistle": ("tin whistle", "penny whistle", "whistle", "recorder", "piccolo", "fife"),
    "flute": ("flute", "flutes"),
    "fiddle": ("fiddle", "violin", "fiddler"),
    "accordion": ("accordion", "concertina", "squeezebox", "melodeon", "bandoneon"),
    "harp": ("harp", "lyre", "harpist"),
    "piano": ("piano", "pianist"),
    "mandolin": ("mandolin", "banjo", "bouzouki"),
    "guitar": ("guitar", "lute", "guitarist", "plucked"),
}

_SPEEDS: dict[str, float] = {
    "very slow": 0.62, "slow": 0.76, "slowly": 0.76, "unhurried": 0.85, "relaxed": 0.85,
    "moderate": 1.0, "very fast": 1.3, "fast": 1.16, "quick": 1.14, "quickly": 1.14,
    "brisk": 1.12, "lively": 1.1, "swift": 1.14, "rapid": 1.2, "furious": 1.3,
}  # fmt: skip
"""Factors on the usual tempo."""

# Mood: (mode or none, factor on the tempo).
_MOODS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(
        ("sad", "sorrowful", "mournful", "melancholy", "melancholic", "lonely", "lament", "gloomy",
         "dark", "grief", "weeping", "tragic", "elegy"), ("m", 0.84)),
    **dict.fromkeys(("wistful", "longing", "nostalgic", "moody", "rainy", "autumn", "winter"),
                    ("m", 0.92)),
    **dict.fromkeys(("tense", "angry", "stormy", "wild", "dangerous", "spooky", "scary", "witch"),
                    ("m", 1.08)),
    **dict.fromkeys(("ancient", "medieval", "old", "haunting", "mysterious", "misty", "magic",
                     "magical", "mystical", "celtic", "castle"), ("dor", 0.96)),
    **dict.fromkeys(("proud", "heroic", "rustic", "rural", "bagpipe", "bagpipes"), ("mix", 1.0)),
    **dict.fromkeys(("happy", "merry", "cheerful", "joyful", "jolly", "bright", "sunny", "glad",
                     "festive", "playful", "joyous", "dancing", "funny"), ("", 1.06)),
    **dict.fromkeys(("gentle", "calm", "peaceful", "quiet", "soft", "tender", "dreamy", "sleepy",
                     "lullaby", "sweet", "warm", "evening", "soothing"), ("", 0.8)),
}  # fmt: skip

_MODE_WORDS = {
    "major": "", "minor": "m", "dorian": "dor", "mixolydian": "mix", "aeolian": "m", "ionian": "",
}  # fmt: skip
_NUMBERS = {"once": 1, "one time": 1, "twice": 2, "two times": 2, "three times": 3, "thrice": 3,
            "four times": 4}  # fmt: skip
_METRES = ("2/2", "2/4", "3/4", "4/4", "6/8", "9/8")
_KEY = re.compile(
    r"(?P<lead>\bin\s+(?:the\s+key\s+of\s+)?|\bkey\s+of\s+)?"
    r"(?<![\w'’])(?P<letter>[A-Ga-g])"
    r"(?P<accidental>\s?(?:#|♯|♭)|-?\s?sharp\b|-?\s?flat\b|b(?=[\s-]|$))?"
    r"(?:[\s-]+(?P<mode>major|minor|dorian|mixolydian|aeolian|ionian)\b|(?![\w'’]))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was understood; None or "" where the words say nothing."""

    kind: str = ""
    metre: str = ""
    key: Key | None = None
    mode: str | None = None
    """A mode without a tonic, from a mood or "a minor key"."""
    pace: float = 1.0
    """A factor on the usual tempo."""
    tempo: float = 0.0
    """Beats a minute, where a number is given."""
    instrument: str = ""
    bars: int = 0
    times: int = 0
    accompaniment: str = ""
    words: tuple[str, ...] = ()
    """The words that were understood, in order of their places in the prompt."""
    mood: str = ""
    """The first mood word, for the title."""


def read(prompt: str) -> Wish:
    """What a prompt says about a tune. Never fails."""
    # The few cased words that matter are the letters of keys; everything else is lower case.
    text = " ".join(prompt[:2000].replace("’", "'").split())
    found: list[tuple[int, str]] = []
    key, mode = _key(text, found)
    lower = text.lower()
    kind = _first(lower, KINDS, found)
    instrument = _first(lower, INSTRUMENTS, found)
    pace, mood = 1.0, ""
    speed = _search(lower, _SPEEDS)
    if speed is not None:
        pace *= _SPEEDS[speed[1]]
        found.append(speed)
    feeling = _search(lower, _MOODS)
    if feeling is not None:
        mood = feeling[1]
        feeling_mode, factor = _MOODS[mood]
        mode = feeling_mode if mode is None else mode
        # A speed that is said outright counts for more than the one a mood suggests.
        pace *= factor if speed is None else 1.0
        found.append(feeling)
    metre = next((m for m in _METRES if re.search(rf"(?<!\d){m}(?!\d)", lower)), "")
    if metre:
        found.append((lower.index(metre), metre))
    tempo = _number(r"(?<![\d.])(\d{2,3})\s*bpm\b", lower, 30, 260, found)
    bars = _number(r"(?<![\d.])(\d{1,3})[\s-]*(?:bars?|measures?)\b", lower, 1, 128, found)
    times = _search(lower, _NUMBERS)
    if times is not None:
        found.append(times)
    company = _company(lower, found)
    return Wish(
        kind=kind,
        metre=metre,
        key=key,
        mode=mode if key is None else None,
        pace=pace,
        tempo=float(tempo),
        instrument=instrument,
        bars=bars,
        times=_NUMBERS[times[1]] if times is not None else 0,
        accompaniment=company,
        words=tuple(dict.fromkeys(word for _, word in sorted(found))),
        mood=mood,
    )


def _search(text: str, words: dict[str, float] | dict[str, int] | dict[str, tuple[str, float]],
            ) -> tuple[int, str] | None:  # fmt: skip
    """The first of some words in a text, the longest where several begin at one place."""
    hits = [
        (match.start(), -len(word), word)
        for word in words
        if (match := re.search(rf"(?<![\w']){re.escape(word)}(?![\w'])", text))
    ]
    if not hits:
        return None
    place, _, word = min(hits)
    return place, word


def _first(text: str, names: dict[str, tuple[str, ...]], found: list[tuple[int, str]]) -> str:
    """The name one of whose words stands in the text; own names come before what only suggests."""
    hits = []
    for order, (name, words) in enumerate(names.items()):
        for rank, word in enumerate(words):
            match = re.search(rf"(?<![\w']){re.escape(word)}s?(?![\w'])", text)
            if match:
                hits.append((0 if word in name or rank == 0 else 1, order, match.start(), name))
    if not hits:
        return ""
    _, _, place, name = min(hits)
    found.append((place, name))
    return name


def _number(pattern: str, text: str, low: int, high: int, found: list[tuple[int, str]]) -> int:
    match = re.search(pattern, text)
    if match is None or not low <= int(match[1]) <= high:
        return 0
    found.append((match.start(), match[0]))
    return int(match[1])


def _company(text: str, found: list[tuple[int, str]]) -> str:
    for pattern, value in (
        (r"\b(?:solo|unaccompanied|alone|without (?:chords|accompaniment)|no chords)\b", "none"),
        (r"\b(?:without|no) bass\b", "chords"),
        (r"\b(?:with (?:a |the )?)?(?:drums|drummer|percussion)\b", "band"),
        (r"\bwith (?:chords|accompaniment|a band|bass)\b|\bband\b", "full"),
    ):
        match = re.search(pattern, text)
        if match:
            found.append((match.start(), match[0]))
            return value
    return ""


def _key(text: str, found: list[tuple[int, str]]) -> tuple[Key | None, str | None]:
    """A key, or the mode alone ("in a minor key", "a minor waltz")."""
    for match in _KEY.finditer(text):
        letter, mode_word = match["letter"], (match["mode"] or "").lower()
        accidental = (match["accidental"] or "").lower()
        if letter == "a" and not accidental:
            # The article: "a minor waltz", "in a minor key". "in a minor" alone is the key.
            alone = bool(
                re.match(r"\s*(?:[.,;!?]|$|(?:on|for|with|and|at)\b)", text[match.end() :])
            )
            if not (mode_word and match["lead"] and alone):
                continue
        elif not mode_word and not (match["lead"] and letter.isupper()):
            continue
        sign = "#" if "#" in accidental or "♯" in accidental or "sharp" in accidental else ""
        if accidental and not sign:
            sign = "b"
        key = Key(letter.upper() + sign, _MODE_WORDS.get(mode_word, ""))
        if abs(key.fifths) > 7:
            continue
        found.append((match.start(), key.name))
        return key, None
    mode_only = re.search(r"\b(major|minor|dorian|mixolydian)\b", text, re.IGNORECASE)
    if mode_only is not None:
        found.append((mode_only.start(), mode_only[0].lower()))
        return None, _MODE_WORDS[mode_only[0].lower()]
    return None, None
