"""A tune that somebody brings is taken up: where it ends, the model goes on."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.core.abc import Key, Metre, parse
from studio.core.errors import StudioError
from studio.core.messages import Output
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.core.score import bars, check, perform
from studio.engine.audio import shapes, taken, tune
from studio.engine.audio.accompany import Hit
from studio.engine.audio.midi import Track, to_midi
from studio.engine.workbench import Workbench
from tests.core.test_abc import BUTTERFLY, GREENSLEEVES, KESH

STARTER = resources() / "models" / "triptych-tune"
OWN = (
    "X:1\nT:My own\nR:jig\nM:6/8\nL:1/8\nK:{key}\n"
    "F2A c2A | B2G G2B | A2F F2A | c3 B3 | F2A c2A | B2G GAB | c2e d2c | A3 A3 |]\n"
)
WITH_PICKUP = (
    "X:1\nT:My own\nR:march\nM:4/4\nL:1/8\nK:D\n"
    "A | d>efd A2FA | B>cde f2ef | g>fed c2ec | d2f2 d3A | d>efd A2FA | B>cde f2ef |"
    "g>fed c2ec | d2f2 d3 |]\n"
)
SILENT = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk\0\0\0\x04\0\xff/\0"


def midi_of(text: str) -> bytes:
    own = parse(text)
    played = perform(own)
    first = played.measures[0]
    hits = tuple(Hit(e.onset, e.length, e.pitches, 0.7) for e in played.events)
    bass = tuple(Hit(e.onset, e.length * 2, (36 + n % 5,), 0.5) for n, e in enumerate(hits[::4]))
    return to_midi(
        (Track("Bass", 32, bass), Track("Flute", 73, hits)),
        title=own.title,
        metre=own.metre,
        key=own.key,
        quarters_a_minute=120,
        pickup=first.length if first.offset else Fraction(0),
    )


@pytest.mark.parametrize("text", [KESH, BUTTERFLY, GREENSLEEVES, OWN.format(key="F#m")])
def test_the_melody_of_a_midi_file_is_the_tune_that_was_played(text: str, tmp_path: Path) -> None:
    file = tmp_path / "tune.mid"
    file.write_bytes(midi_of(text))
    own, read = parse(text), taken.take_up(file)
    assert read.metre == own.metre
    assert read.key.signature == own.key.signature
    ours = [(e.onset, e.pitches[-1]) for e in perform(own).events]
    theirs = [(e.onset, e.pitches[-1]) for e in perform(read).events]
    # A note over a bar line, or as long as no note is, is struck again.
    assert [t for t in theirs if t in ours] == ours
    assert len(theirs) <= len(ours) + 8
    assert check(read).complete == check(read).bars


def test_the_key_is_found_by_ear_where_none_is_written() -> None:
    scale = [taken._Sound(Fraction(n), Fraction(1), p) for n, p in enumerate((62, 66, 69, 73, 62))]
    assert taken._key(scale, None) == Key("D")
    minor = [taken._Sound(Fraction(n), Fraction(1), p) for n, p in enumerate((57, 60, 64, 68, 57))]
    assert taken._key(minor, None) == Key("A", "m")
    assert taken._key(scale, "Bm").fifths == 2


@pytest.mark.parametrize("unit", [Fraction(1, 4), Fraction(1), Fraction(1, 2)])
def test_another_unit_note_changes_nothing_that_is_heard(unit: Fraction) -> None:
    for text in (KESH, GREENSLEEVES):
        own = parse(text)
        assert perform(taken.in_unit(own, unit)).events == perform(own).events


def test_it_is_opened_at_its_end_and_cut_at_bars() -> None:
    own = taken.opened(parse(OWN.format(key="D")))
    assert own.body[-1].text == "|"
    before, last = taken.last_bars(own, 4)
    assert len(bars(last)) == 4
    assert (*before, *last.body) == own.body
    assert taken.last_bars(own, 100) == ((), own)
    assert taken.opened(parse(OWN.format(key="D").replace("|]", ":|"))).body[-1].text == ":|"
    # The last bar leaves room for a pickup, and so has to end a part.
    assert taken.opened(parse(WITH_PICKUP)).body[-1].text == "||"


def go_on(tmp_path: Path, start: Path, bench: Workbench, **values: str) -> Output:
    folder = tmp_path / "job"
    folder.mkdir(exist_ok=True)
    refs = {"start": InputRef(start.name, hashlib.sha256(start.read_bytes()).hexdigest())}
    recipe = Recipe("audio", "audio.tune", "triptych-tune", 5, {"prompt": "flute", **values}, refs)
    job = Job(
        "job", recipe, folder, STARTER, inputs={"start": start}, device=DeviceChoice("cpu", 1)
    )
    return next(s for s in tune.run(job, bench) if isinstance(s, Output))


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench()


@pytest.mark.parametrize("key", ["F#m", "D", "Gdor"])
def test_the_model_goes_on_in_the_same_key_and_metre(
    tmp_path: Path, bench: Workbench, key: str
) -> None:
    start = tmp_path / "own.abc"
    start.write_text(OWN.format(key=key))
    output = go_on(tmp_path, start, bench)
    own, made = parse(OWN.format(key=key)), parse(output.files[2].read_text("utf-8"))
    assert (made.metre, made.key, made.title, made.rhythm) == (own.metre, own.key, "My own", "jig")
    given = [b.notes for b in bars(own)]
    assert [b.notes for b in bars(made)][: len(given)] == given
    assert len(bars(made)) >= len(given) + 4
    assert not check(made).stumbles


def test_a_midi_file_is_gone_on_from(tmp_path: Path, bench: Workbench) -> None:
    start = tmp_path / "own.mid"
    start.write_bytes(midi_of(GREENSLEEVES))
    made = parse(go_on(tmp_path, start, bench).files[2].read_text("utf-8"))
    assert made.metre == Metre(6, 8)
    heard = [e.pitches[-1] for e in perform(made).events]
    assert heard[:6] == [e.pitches[-1] for e in perform(parse(GREENSLEEVES)).events][:6]


@pytest.mark.parametrize("suffix", [".abc", ".mid"])
def test_a_tune_with_a_pickup_and_dotted_notes_is_gone_on_from(
    suffix: str, tmp_path: Path, bench: Workbench
) -> None:
    start = tmp_path / f"own{suffix}"
    data = midi_of(WITH_PICKUP) if suffix == ".mid" else WITH_PICKUP.encode()
    start.write_bytes(data)
    output = go_on(tmp_path, start, bench, accompaniment="none")
    own, made = parse(WITH_PICKUP), parse(output.files[2].read_text("utf-8"))
    given = perform(own).events
    assert perform(made).events[: len(given)] == given
    assert len(bars(made)) >= len(bars(own)) + 4
    assert not check(made).stumbles
    assert output.summary["complete"]
    if suffix == ".mid":
        assert output.summary["tempo"] == 120, "the file says how fast it goes"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.abc", b""),
        ("words.abc", b"Once upon a time"),
        ("picture.mid", b"\x89PNG\r\n\x1a\n\x00\x00"),
        ("cut.mid", midi_of(KESH)[:40]),
        ("silent.mid", SILENT),
        ("voices.abc", b"X:1\nM:4/4\nL:1/8\nK:C\nV:1\nCDEF\nV:2\nEFGA\n"),
        ("large.abc", b"x" * (taken.MAX_BYTES + 1)),
    ],
)  # fmt: skip
def test_what_is_no_tune_gets_a_sentence(
    name: str, data: bytes, tmp_path: Path, bench: Workbench
) -> None:
    start = tmp_path / name
    start.write_bytes(data)
    with pytest.raises(StudioError, match=name) as told:
        go_on(tmp_path, start, bench)
    assert told.value.hint
    assert not list((tmp_path / "job").iterdir())


@settings(max_examples=150, deadline=None)
@example(b"\x02\x08", True, 44)  # a key of eight sharps
@given(st.binary(max_size=300), st.booleans(), st.integers(0, 200))
def test_any_bytes_are_a_tune_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, midi: bool, at: int
) -> None:
    file = tmp_path_factory.mktemp("any") / "any"
    whole = midi_of(KESH)
    file.write_bytes(whole[:at] + data + whole[at + len(data) :] if midi else data)
    try:
        read = taken.take_up(file)
    except StudioError:
        return
    assert bars(read)


@pytest.mark.parametrize("form", shapes.FORMS)
def test_a_form_is_the_parts_in_its_order(form: str) -> None:
    for text in (KESH, GREENSLEEVES, OWN.format(key="D")):
        own = parse(text)
        made = shapes.formed(own, form)
        assert made is not None
        single = {part: perform(shapes.formed(own, "AB") or own).bars // 2 for part in "AB"}
        assert abs(perform(made).bars - sum(single[part] for part in form)) <= 2
        assert check(made).stumbles <= check(own).stumbles
    assert shapes.formed(parse("X:1\nM:4/4\nL:1/8\nK:C\nC8|D8|E8|"), form) is None
    twice = "X:1\nM:4/4\nL:1/8\nK:C\nC8|D8|E8|C8||C8|D8|E8|C8|]"
    assert shapes.formed(parse(twice), form) is None, "twice the same is not two parts"
