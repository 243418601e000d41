"""Tunes that everybody knows have to come out right, and no text may do harm."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.abc import (
    AbcError,
    Key,
    Metre,
    Tune,
    parse,
    parse_key,
    parse_metre,
    parse_tempo,
    transpose,
)
from studio.core.score import (
    bars,
    check,
    perform,
    play_order,
    render,
    sections,
)

KESH = """X:1
T:The Kesh
R:jig
M:6/8
L:1/8
K:G
|:G3 GAB|A3 ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdd|BAF G3:|
|:B2B d2d|ege dBA|B2B dBG|ABA AGA|BAB d^cd|ege dBd|gfg aga|bgg g3:|
"""
DROWSY_MAGGIE = """X:2
T:Drowsy Maggie
R:reel
M:4/4
L:1/8
K:Edor
|:E2BE dEBE|E2BE AFDF|E2BE dEBE|BABc dAFD:|
d2fd c2ec|defg afge|d2fd c2ec|BABc dAFD|
d2fd c2ec|defg afge|afge fdec|BABc dAFD|]
"""
HARVEST_HOME = """X:3
T:The Harvest Home
R:hornpipe
M:4/4
L:1/8
K:D
AG|:F2 (3DEF A2 FA|D2 DF A2 FA|(3Bcd ef gfed|cA AF A2 AG|
F2 (3DEF A2 FA|D2 DF A2 FA|(3Bcd ef gfed|1 cABc d2 AG:|2 cABc d4||
"""
AULD_LANG_SYNE = """X:4
T:Auld Lang Syne
M:4/4
L:1/4
Q:1/4=90
K:F
C|F3/F/ F A|G3/F/ G A|F3/F/ A c|d3 d|c3/A/ A F|G3/F/ G A|F3/D/ D C|F3||
d|c3/A/ A F|G3/F/ G d|c3/A/ A c|d3 d|c3/A/ A F|G3/F/ G A|F3/D/ D C|F3|]
"""
GREENSLEEVES = """X:5
T:Greensleeves
M:6/8
L:1/8
K:Ador
A|:c2d e>fe|d2B G>AB|c2A A>^GA|B2^G E2A|c2d e>fe|d2B G>AB|cBA ^G^F^G|1 A3 A2A:|2 A3 A3||
g3 g>fe|d2B G>AB|c2A A>^GA|B2^G E3|g3 g>fe|d2B G>AB|cBA ^G^F^G|A3 A3|]
"""
BUTTERFLY = """X:6
T:The Butterfly
R:slip jig
M:9/8
L:1/8
K:Em
|:B2E G2E F3|B2E G2E FED|B2E G2E F3|B2d d2B AFD:|
|:B2c e2f g3|B2d g2e dBA|B2c e2f g2a|b2a g2e dBA:|
|:B3 B2A G2A|B3 BAB dBA|B3 B2A G2A|B2d g2e dBA:|
"""
REAL = {
    "kesh": (KESH, 16, 32),
    "maggie": (DROWSY_MAGGIE, 12, 16),
    "harvest": (HARVEST_HOME, 10, 16),
    "auld": (AULD_LANG_SYNE, 18, 16),
    "greensleeves": (GREENSLEEVES, 18, 24),
    "butterfly": (BUTTERFLY, 12, 24),
}
EACH = pytest.mark.parametrize("name", REAL)


def tune_of(body: str, key: str = "C", metre: str = "4/4", unit: str = "1/8") -> Tune:
    return parse(f"M:{metre}\nL:{unit}\nK:{key}\n{body}\n")


def heard(body: str, **header: str) -> list[tuple[int, ...]]:
    return [event.pitches for event in perform(tune_of(body, **header)).events]


def lengths(body: str, **header: str) -> list[Fraction]:
    return [note.length for bar in bars(tune_of(body, **header)) for note in bar.notes]


@EACH
def test_real_tunes_are_complete_and_never_stumble(name: str) -> None:
    text, written, played = REAL[name]
    tune = parse(text)
    found = check(tune)
    assert found.bars == written
    assert found.complete == found.bars
    assert found.stumbles == 0
    assert perform(tune).bars == played


@EACH
def test_written_again_they_sound_the_same(name: str) -> None:
    tune = parse(REAL[name][0])
    again = parse(render(tune))
    assert perform(again) == perform(tune)
    assert render(again) == render(tune)
    assert (again.title, again.rhythm, again.tempo) == (tune.title, tune.rhythm, tune.tempo)


@EACH
@pytest.mark.parametrize("tonic", ["C", "D", "E", "F", "G", "A", "Bb", "Eb"])
def test_transposed_they_are_the_same_tune_elsewhere(name: str, tonic: str) -> None:
    tune = parse(REAL[name][0])
    moved = transpose(tune, Key(tonic, tune.key.mode))
    steps = {
        b - a
        for old, new in zip(perform(tune).events, perform(moved).events, strict=True)
        for a, b in zip(old.pitches, new.pitches, strict=True)
    }
    assert len(steps) == 1
    assert steps.pop() % 12 == (moved.key.pitch_class - tune.key.pitch_class) % 12
    assert check(moved) == check(tune)
    written = parse(render(moved))
    assert perform(written).events == perform(moved).events


@EACH
def test_a_note_too_long_or_missing_is_found(name: str) -> None:
    tune = parse(REAL[name][0])
    notes = [at for at, token in enumerate(tune.body) if token.kind == "note"]
    for at in notes:
        token = tune.body[at]
        longer = replace(token, text=token.text.rstrip("0123456789/") + "9")
        wrong = replace(tune, body=(*tune.body[:at], longer, *tune.body[at + 1 :]))
        assert check(wrong).stumbles > 0
        around = {tune.body[at - 1].kind, tune.body[at + 1].kind}
        if not around & {"tuplet", "broken"} and around != {"bar"}:
            fewer = replace(tune, body=tune.body[:at] + tune.body[at + 1 :])
            found = check(fewer)
            # The first bar of all may be a pickup of any length, and the end may stay open.
            assert found.stumbles or found.rest or at < notes[6], token


def test_what_the_first_bars_say() -> None:
    jig = perform(parse(KESH))
    assert [e.pitches[0] for e in jig.events[:7]] == [67, 67, 69, 71, 69, 69, 71]
    assert [e.onset for e in jig.events[:5]] == [0, Fraction(3, 2), 2, Fraction(5, 2), 3]
    song = perform(parse(AULD_LANG_SYNE))
    assert song.measures[0].length == 1
    assert song.measures[0].offset == 3
    assert [e.pitches[0] for e in song.events[:5]] == [60, 65, 65, 65, 69]
    assert parse(AULD_LANG_SYNE).tempo == parse_tempo("90", Fraction(1))


@pytest.mark.parametrize(
    ("name", "fifths", "scale"),
    [
        ("C", 0, "C D E F G A B"),
        ("G", 1, "G A B C D E F#"),
        ("Dm", -1, "D E F G A Bb C"),
        ("D minor", -1, "D E F G A Bb C"),
        ("Ador", 1, "A B C D E F# G"),
        ("A Dorian", 1, "A B C D E F# G"),
        ("DMix", 1, "D E F# G A B C"),
        ("E phrygian", 0, "E F G A B C D"),
        ("F Lydian", 0, "F G A B C D E"),
        ("Bloc", 0, "B C D E F G A"),
        ("F#m", 3, "F# G# A B C# D E"),
        ("Bb", -2, "Bb C D Eb F G A"),
        ("Ebm", -6, "Eb F Gb Ab Bb Cb Db"),
        ("Cb", -7, "Cb Db Eb Fb Gb Ab Bb"),
        ("C#", 7, "C# D# E# F# G# A# B#"),
        ("Aaeolian", 0, "A B C D E F G"),
        ("G ionian", 1, "G A B C D E F#"),
    ],
)
def test_keys(name: str, fifths: int, scale: str) -> None:
    key = parse_key(name)
    assert key.fifths == fifths
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "#": 1, "b": -1}
    assert key.scale == tuple(sum(semitones[c] for c in n) % 12 for n in scale.split())
    for letter in "CDEFGAB":
        named = next(n for n in scale.split() if n[0] == letter)
        assert key.signature[letter] == named.count("#") - named.count("b")
    assert parse_key(str(key)) == key


@pytest.mark.parametrize("bad", ["H", "Hp", "G#", "Cb minor", "D wrong", "Fbmix", "123"])
def test_what_is_no_key(bad: str) -> None:
    with pytest.raises(AbcError):
        parse_key(bad)


def test_names_of_keys() -> None:
    assert parse_key("Bbm").name == "B♭ minor"
    assert parse_key("F#").name == "F♯ major"
    assert parse_key("Amix").name == "A Mixolydian"
    assert [parse_key(k).minor for k in ("Am", "Ador", "A", "Amix")] == [True, True, False, False]


def test_metres() -> None:
    assert parse_metre("6/8").beat == Fraction(3, 2)
    assert parse_metre("6/8").quarters == 3
    assert parse_metre("C|").beat == 2
    assert parse_metre("C").quarters == 4
    assert parse_metre("3/4") == Metre(3, 4)
    for bad in ("", "4", "0/4", "4/0", "4/3", "none", "99/4", "-3/4"):
        with pytest.raises(AbcError):
            parse_metre(bad)


def test_accidentals_hold_to_the_end_of_the_bar_in_every_octave() -> None:
    assert heard("^F F f =f F | F", key="C", metre="5/8") == [
        (66,), (66,), (78,), (77,), (65,), (65,),
    ]  # fmt: skip
    assert heard("F =F F | F", key="G", metre="3/8") == [(66,), (65,), (65,), (66,)]
    assert heard("__B ^^F", key="C", metre="2/8") == [(69,), (67,)]


def test_octaves() -> None:
    assert heard("C, C c c' C,, c''") == [(48,), (60,), (72,), (84,), (36,), (96,)]


def test_lengths() -> None:
    half = Fraction(1, 2)
    assert lengths("C C2 C/ C// C3/2 C/4 z") == [
        half, 1, half / 2, half / 4, Fraction(3, 4), half / 4, half,
    ]  # fmt: skip
    assert lengths("C>D E<F G>>A") == [
        half * 3 / 2, half / 2, half / 2, half * 3 / 2, half * 7 / 4, half / 4,
    ]  # fmt: skip
    assert (
        lengths("(3CDE (2FG (4CDEF") == [half * 2 / 3] * 3 + [half * 3 / 2] * 2 + [half * 3 / 4] * 4
    )
    assert lengths("(5CDEFG", metre="6/8") == [half * 3 / 5] * 5
    assert lengths("(5CDEFG", metre="4/4") == [half * 2 / 5] * 5
    assert lengths("(3:2:2 C2D z") == [half * 4 / 3, half * 2 / 3, half]
    assert lengths("[CEG]2 [C2E2]/") == [1, half]


def test_chords_and_rests() -> None:
    assert heard("[CEG]2 z [ce]") == [(60, 64, 67), (72, 76)]
    assert perform(tune_of("z4 C4 | z8 | D8")).events[1].onset == 8


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ("A|B|C|", "ABC"),
        ("A|B:|C|", "ABABC"),
        ("|:A|B:|C|", "ABABC"),
        ("A|:B|C:|", "ABCBC"),
        ("|:A|B::C|D:|", "ABABCDCD"),
        ("|:A|B:||:C|D:|", "ABABCDCD"),
        ("|:A|B:|:C|D:|", "ABABCDCD"),
        ("|:A|1B:|2C||D|", "ABACD"),
        ("|:A|[1B:|[2C|]", "ABAC"),
        ("|:A|1B:|2C:|D|", "ABACD"),
        ("|:A|1B|c:|2d|e|]f|", "ABcAdef"),
        ("A|1B:|2C||:D|1E:|2F|]", "ABACDEDF"),
        ("|:A|B:||:C|1D:|2E|]", "ABABCDCE"),
        ("|:A|1B:|C|", "ABAC"),
        ("A||B|]C|", "ABC"),
    ],
)
def test_repeats_and_endings(body: str, order: str) -> None:
    written = bars(tune_of(body, metre="1/8"))
    assert "".join(written[i].tokens[0].text for i in play_order(written)) == order


def test_sections_keep_their_endings() -> None:
    written = bars(tune_of("|:A|1B:|2C||D|E:|", metre="1/8"))
    assert [len(part) for part in sections(written)] == [3, 2]


def test_pickups_are_counted_strictly() -> None:
    assert check(tune_of("G2|C8|D6:|E2|C8|D6|]")).stumbles == 0
    assert check(tune_of("G2|C8|D8:|")).stumbles > 0, "no room for the pickup at the repeat"
    assert check(tune_of("C8|D6|E8|")).stumbles == 1
    assert check(tune_of("C8|D9|E8|")).stumbles == 1
    assert check(tune_of("C8|D6||E8|")).stumbles == 1, "nothing makes up what is missing"
    assert check(tune_of("C8|D6||E2|F8|")).stumbles == 0
    assert check(tune_of("G2|C8|D6|")).rest == 2 * Fraction(1, 2)
    assert check(tune_of("C8|D6|]")).complete == 2
    assert check(tune_of("C8|D6|E8|]")).complete == 2


def test_ornaments_and_words_are_left_out() -> None:
    plain = heard("A2BcdefgAB")
    adorned = '"Am"{gf}A2 ~B (cd) .e+roll+f !trill!ug- \\\nw: la la la\nAB % the end'
    assert heard(adorned) == plain


def test_only_the_first_tune_is_read() -> None:
    assert perform(parse(KESH + "\n" + AULD_LANG_SYNE)) == perform(parse(KESH))
    assert parse(KESH.replace("\n", "\r\n")) == parse(KESH)


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "K:", "K:G\nM:6/8\nhello", "K:X\nABC|", "M:0/4\nK:G\nABC", "L:1/0\nK:G\nA",
        "K:G\nABC|[K:D]ABC", "K:G\nABC|\nK:D\nABC", "K:G\nABC|\nM:3/4\nABC", "K:G\n12", "K:G\nA[",
        "K:G\nV:1\nABC", "L:1/3\nK:G\nABC", "K:G\n[1 ABC|", "K:G\nA&B|",
    ],
)  # fmt: skip
def test_what_is_no_tune(text: str) -> None:
    if text == "K:":
        assert bars(parse(text)) == ()
        return
    with pytest.raises(AbcError):
        parse(text)


@pytest.mark.parametrize(
    "body",
    ["(3AB|C", "A>|B", ">AB", "A>>B>", "A/0", "A999", "A/999", "(3A(3BC", "c'''''''", "A////////"],
)
def test_what_nobody_can_play(body: str) -> None:
    with pytest.raises(AbcError):
        perform(tune_of(body))


def test_too_much_is_refused() -> None:
    with pytest.raises(AbcError):
        parse("K:G\n" + "A" * 300_000)
    with pytest.raises(AbcError):
        parse("K:G\n" + "A|" * 60_000)


@given(st.text(max_size=400))
def test_no_text_does_harm(text: str) -> None:
    for whole in (text, "K:G\n" + text, "M:6/8\nL:1/8\nK:Dm\n" + text):
        try:
            tune = parse(whole)
            played = perform(tune)
        except AbcError:
            continue
        assert len(play_order(bars(tune))) <= 2 * len(bars(tune))
        assert all(0 <= p <= 127 for e in played.events for p in e.pitches)


PIECES = st.sampled_from(
    [*"ABCDEFGabcdefgz", "A2", "c/", "B3/2", "^F", "_b", "(3", "(3ABc", ">", "<", "|", "|:", ":|",
     "::", "||", "|]", "|1", "|2", ":|2", "[CE]", "[1", "\n", " ", "c'", "D,", "(5", "/", "2", "]"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60))
def test_notes_in_any_order_are_played_or_refused(pieces: list[str]) -> None:
    try:
        tune = tune_of("".join(pieces), metre="6/8")
        written = bars(tune)
    except AbcError:
        return
    played = perform(tune)
    found = check(tune)
    assert played.length == sum((m.length for m in played.measures), Fraction(0))
    assert found.bars == len(written)
    assert 0 <= found.complete <= found.bars
    ends = [e.onset + e.length for e in played.events]
    assert ends == sorted(ends)
    assert all(end <= played.length for end in ends)
    # However odd it is: written by us it is read by us as the same thing.
    if written:
        again = parse(render(tune))
        assert [bar.notes for bar in bars(again)] == [bar.notes for bar in written]


BAR = st.permutations(["A2", "B", "c", "d2", "(3efg", "z", "^f"]).map("".join)


@given(st.lists(BAR, min_size=2, max_size=8), st.booleans(), st.sampled_from("CGDAEF"))
def test_whole_bars_in_any_order_are_complete(made: list[str], again: bool, key: str) -> None:
    body = "|:" + "|".join(made) + (":|" if again else "|]")
    tune = tune_of(body, metre="10/8", key=key)
    found = check(tune)
    assert (found.stumbles, found.complete) == (0, len(made))
    assert found.rest == 0
    assert perform(tune).bars == len(made) * (2 if again else 1)
    for tonic in "CGDAEF":
        moved = transpose(tune, Key(tonic))
        back = transpose(moved, tune.key)
        assert {
            (b.pitches[0] - a.pitches[0]) % 12
            for a, b in zip(perform(tune).events, perform(back).events, strict=True)
        } == {0}
