"""Model cards from strangers: nothing in them loads, and what can be read stays readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.models.hub.cardtext import safe


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("A **fox** in [snow](https://example.org/a?b=c).", None),
        ("See ![chart](https://example.org/x.png) here", "See chart here"),
        ("[![badge](https://a.b/c.svg)](https://example.org)", "[badge](https://example.org)"),
        ("![a][ref]\n\n[ref]: https://example.org/x.png", "a\n\n[ref]: https://example.org/x.png"),
        ('<img src="https://example.org/x.png" alt="x">words', "words"),
        ("<p align='center'>words</p>", "words"),
        ("one<br>two", "one\ntwo"),
        ("<script>fetch('//a')</script>words", "words"),
        ("<style>body{background:url(x)}</style>words", "words"),
        ("<!-- a secret <img> -->words", "words"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("[a](javascript:alert(1))", None),
        ("[open](file:///etc/passwd)", "open"),
        ("[licence](LICENSE.md)", "licence"),
        ("2 < 3 and a<b", None),
    ],
)
def test_what_is_left_of_a_card(card: str, shown: str | None) -> None:
    if shown is not None:
        assert safe(card) == shown
    assert _harmless(safe(card))


def test_words_and_tables_stay_as_they_are() -> None:
    card = "# Title\n\n- one\n- two `x = 1`\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n> said"
    assert safe(card) == card


def test_code_stays_and_is_harmless_even_where_it_is_none() -> None:
    card = "```python\nif a < b: print('x')\n<img src=x>\n![a](b)\n```\nafter"
    told = safe(card)
    assert "if a < b: print('x')" in told
    assert told.endswith("```\nafter")
    # A fence within a list ends where ours believes that one begins.
    assert _harmless(safe("- ```\n  ```\n<img src=x>\n![a](http://b)"))


def test_an_opened_comment_swallows_no_more_than_it_says() -> None:
    assert safe("before <!-- never closed <img src=x>") == "before"


@given(
    st.text(
        st.sampled_from("<>![]()\\/`~-:ab \n\"'=&#\u200b") | st.sampled_from(list("imgscrpthtp.")),
        max_size=200,
    )
    | st.lists(
        st.sampled_from(
            ["<img src=x>", "![a](http://b)", "```", "\n", "[a](", "<", ">", "!", "[", "]", "(",
             "javascript:x)", "<a href='", "-->", "<!--", "file:///x)", "\\", "`", "- ", "  ", ":"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_no_card_makes_anything_load(card: str) -> None:
    assert _harmless(safe(card))


def test_what_a_link_leaves_opens_nothing() -> None:
    assert _harmless(safe("<[a href='x'>](file:///x)"))
    assert _harmless(safe("![](file:///x)[a](file:///x)"))


def test_a_hostile_card_is_soon_done_with() -> None:
    for piece in ("<" * 9, "![", "[a](", "<a ", "<!--", "[[[", "<script>", "`" * 3 + "\n"):
        assert _harmless(safe(piece * 20_000))


def _harmless(text: str) -> bool:
    """No picture, no tag and no link but to the web, wherever CommonMark might see one."""
    if re.search(r"!\[", text) or re.search(r"<[A-Za-z/!?]", text):
        return False
    places = re.findall(r"\]\(\s*<?(.{0,8})", text, re.DOTALL)
    return all(p.lower().startswith(("http://", "https:/")) for p in places)
