"""From written text to what is read: words in full, sentences, numbers, a cast of speakers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine.speech import numbers, script
from studio.engine.speech.english import normalize
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.engine.speech.script import Pauses


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It cost $5.20, $1 and $0.99.",
         "It cost five dollars and twenty cents, one dollar and ninety-nine cents."),
        ("$1.5 million or £3m, 20 USD, 5 €, $5-10",
         "one point five million dollars or three million pounds, twenty US dollars, five euros, "
         "five to ten dollars"),
        ("On Jan. 5, 2024 at 3:05 p.m. we left.",
         "On January fifth, twenty twenty-four at three oh five P M we left."),
        ("at 14:30 on 3 May 1999; 12/25/2023, 2024-05-03",
         "at fourteen thirty on the third of May, nineteen ninety-nine; December twenty-fifth, "
         "twenty twenty-three, May third, twenty twenty-four"),
        ("It ended at 5 p.m.", "It ended at five P M."),
        ("10:00 and 7 a.m. sharp", "ten o'clock and seven A M sharp"),
        ("Call 555-1234.", "Call five five five, one two three four."),
        ("Write to jo.doe9@example.co.uk.",
         "Write to jo dot doe nine at example dot co dot uk."),
        ("See https://www.example.com/a-b.",
         "See W W W dot example dot com slash a dash b."),
        ("J. R. R. Tolkien met Dr. Smith on Elm St. near St. Paul.",
         "J R R Tolkien met Doctor Smith on Elm Street near Saint Paul."),
        ("The 1990s and '80s, 12.5% of 1,234,567",
         "The nineteen nineties and eighties, twelve point five percent of one million two hundred "
         "thirty-four thousand five hundred sixty-seven"),
        ("5 km at 20°C, 60 mph, 1 kg, 16 GB",
         "five kilometers at twenty degrees Celsius, sixty miles per hour, one kilogram, sixteen "
         "gigabytes"),
        ("½ cup, 2 1/2 cups, 3-5 days, 1914-18",
         "one half cup, two and a half cups, three to five days, nineteen fourteen to eighteen"),
        ("Henry VIII and World War II, Chapter IV.",
         "Henry the eighth and World War two, Chapter four."),
        ("The U.S. agreed, e.g. at No. 5, see Fig. 3, pp. 10-12.",
         "The U S agreed, for example, at number five, see figure three, pages ten to twelve."),
        ("in 2005, 1905, 1900, 2000 and 1984",
         "in two thousand five, nineteen oh five, nineteen hundred, two thousand and nineteen "
         "eighty-four"),
        ("1st, 22nd, 100th; 3.14, -5, 007, v2.0.1",
         "first, twenty-second, one hundredth; three point one four, minus five, zero zero seven, "
         "two point zero point one"),
        ("Mr. and Mrs. Jones vs. Acme Inc.", "Mister and Missis Jones versus Acme Incorporated."),
        ("MP3 & H2O... “don’t” -- no",
         "MP three and H two O… “don't” — no"),
        ("I have 2 apples.", "I have two apples."),
    ],
)  # fmt: skip
def test_english_is_written_out(written: str, said: str) -> None:
    assert normalize(written) == said
    # What is written out stays as it is.
    assert normalize(said) == said


def test_the_day_comes_first_where_it_does() -> None:
    assert normalize("3/4/2024").startswith("March fourth")
    assert normalize("3/4/2024", day_first=True).startswith("April third")
    assert normalize("25/12/2024").startswith("December twenty-fifth")  # there is no month 25


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"[\$£\d.,:/%°a-zA-Z -]{0,40}", fullmatch=True))
def test_any_text_can_be_read(text: str) -> None:
    said = normalize(text)
    assert not any(c.isdecimal() and c.isascii() for c in said)
    assert said == " ".join(said.split())
    for utterance in script.read(text, {"a": "b"}, "en", Pauses(comma=0.1), 40):
        assert 0 < len(utterance.text) <= 42
        assert utterance.pause >= 0


def test_numbers_in_other_languages() -> None:
    assert numbers.spell("Es sind 21 Leute", "de").split() == [
        "Es", "sind", "einundzwanzig", "Leute"
    ]  # fmt: skip
    assert "mil novecientos ochenta y cuatro" in numbers.spell("en 1984", "es")
    assert "trois" in numbers.spell("3,5", "fr")
    assert numbers.spell("3 of them", "tlh") == "3 of them"  # no rules for Klingon
    assert numbers.words(10**30) == numbers.digits(str(10**30))


@given(
    st.lists(st.tuples(st.sampled_from(["One.", "A fox. " * 9, "今日は。"]), st.booleans())),
    st.floats(0.5, 100.0),
)
def test_parts_are_the_whole(pieces: list[tuple[str, bool]], longest: float) -> None:
    said = [script.Utterance(t, "", 0.8 if end else 0.35) for t, end in pieces]
    parts = script.parts(said, longest)
    assert [u.text for part in parts for u in part] == [t for t, _ in pieces]
    assert all(parts) or parts == [[]]
    assert all(part[-1].pause == 0.0 for part in parts if part)


def test_parts_end_with_paragraphs() -> None:
    said = [script.Utterance("A fox. " * 10, "", 0.8 if n % 7 == 6 else 0.35) for n in range(300)]
    parts = script.parts(said, 300.0)
    assert len(parts) == 5
    assert all(sum(map(len, parts[:n])) % 7 == 0 for n in range(5))
    lengths = [sum(script.seconds(u.text) for u in part) for part in parts]
    assert max(lengths) < 1.2 * 300.0
    assert script.seconds("今日は") == pytest.approx(3 * script.seconds("abc"))


def test_sentences() -> None:
    text = 'Dr. Smith left. "Is it late?" he asked. Yes… It was 3.50 p.m. on Jan. 5. 😀'
    assert script.sentences(text, "en") == [
        "Dr. Smith left.", '"Is it late?" he asked.', "Yes…", "It was 3.50 p.m. on Jan. 5.😀"
    ]  # fmt: skip
    assert script.sentences("今日は。元気ですか?はい!", "ja") == [
        "今日は。",
        "元気ですか?",
        "はい!",
    ]
    assert script.sentences("यह एक है। यह दो है।", "hi") == ["यह एक है।", "यह दो है।"]


def test_pauses_are_those_of_sentences_paragraphs_and_commas() -> None:
    pauses = Pauses(sentence=0.3, paragraph=1.0, comma=0.1)
    said = script.read("One, two. Three.\n\nFour.", {}, "en", pauses, 100)
    assert [(u.text, u.pause) for u in said] == [
        ("One,", 0.1), ("two.", 0.3), ("Three.", 1.0), ("Four.", 0.0)
    ]  # fmt: skip


def test_a_cast_speaks_its_lines() -> None:
    cast = script.cast("Anna = af_heart\nBen Smith=am_adam\n")
    text = "Once.\n\nAnna: Hello! How are you?\n**Ben Smith:** Fine.\nNote: it rains.\n\nThe end."
    said = script.read(text, cast, "en", Pauses(), 100)
    assert [(u.text, u.voice) for u in said] == [
        ("Once.", ""), ("Hello!", "af_heart"), ("How are you?", "af_heart"), ("Fine.", "am_adam"),
        ("Note: it rains.", "am_adam"), ("The end.", ""),
    ]  # fmt: skip
    assert script.cast("  ") == {}
    for wrong in ("Anna", "Anna =", "= x"):
        with pytest.raises(StudioError, match="speaker"):
            script.cast(wrong)


def test_markdown_is_read_as_it_looks() -> None:
    text = (
        "---\ntitle: x\n---\n# The *Fox*\n\n- one\n- [two](http://x.org)\n\n```\ncode\n```\n**End**"
    )
    assert [u.text for u in script.read(text, {}, "en", Pauses(), 100)] == [
        "The Fox", "one,", "two.", "End"
    ]  # fmt: skip


def test_long_sentences_are_cut_at_commas() -> None:
    assert script.shorten("aaa bbb, ccc ddd eee fff ggg", 12) == [
        "aaa bbb,",
        "ccc ddd eee",
        "fff ggg",
    ]
    assert script.shorten("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    said = script.read("word " * 200, {}, "en", Pauses(sentence=0.5), 100)
    assert max(len(u.text) for u in said) <= 100
    assert {u.pause for u in said} == {0.0}


def test_own_pronunciations() -> None:
    own = Pronunciations.parse("GIF = /dʒɪf/\n# a remark\n\nC++ = see plus plus\nSQL=sequel")
    reading = Reading(own)
    assert reading.words("A gif in C++ and SQL, SQLite.", "en") == (
        "A gif in see plus plus and sequel, SQLite."
    )
    assert " ʤɪf " in reading.phonemes("A gif is it.", "en-us", "misaki")
    for wrong in ("GIF", "GIF =", "= x"):
        with pytest.raises(StudioError, match="Line 1"):
            Pronunciations.parse(wrong)


def test_letters_of_acronyms_are_parted_for_voices_that_read_letters() -> None:
    reading = Reading(Pronunciations())
    assert reading.words("The FBI and NASA; HELLO, ONNX.", "en") == (
        "The F B I and NASA; HELLO, O N N X."
    )
    assert reading.words("Das FBI hat 2 Leute.", "de") == "Das FBI hat  zwei  Leute."
