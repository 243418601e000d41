"""What licences of models mean: the usual ones by name, the others by what their names tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.licences import licence, licence_in, may_sell


@pytest.mark.parametrize(
    ("said", "sell"),
    [
        ("apache-2.0", "yes"),
        ("MIT", "yes"),
        ("cc0-1.0", "yes"),
        ("gpl-3.0", "yes"),
        ("cc-by-4.0", "conditions"),
        ("cc-by-sa-4.0", "conditions"),
        ("openrail", "conditions"),
        ("openrail++", "conditions"),
        ("creativeml-openrail-m", "conditions"),
        ("bigscience-bloom-rail-1.0", "conditions"),
        ("llama2", "conditions"),
        ("llama3.3", "conditions"),
        ("gemma", "conditions"),
        ("stabilityai-ai-community", "conditions"),
        ("cc-by-nc-4.0", "no"),
        ("cc-by-nc-sa-4.0", "no"),
        ("qwen-research", "no"),
        ("flux-1-dev-non-commercial-license", "ask"),
        ("other", "ask"),
        ("", "ask"),
        ("Not stated", "ask"),
        ("somebodys-own-terms", "ask"),
    ],
)
def test_may_what_is_made_be_sold(said: str, sell: str) -> None:
    assert licence(said).sell == sell
    assert may_sell(said) is (sell in ("yes", "conditions"))


@pytest.mark.parametrize(
    ("said", "sell"),
    [
        ("cc-by-nc-1.0", "no"),
        ("acme-research-license", "no"),
        ("acme-noncommercial", "no"),
        ("acme non-commercial license", "no"),
        ("cc-by-sa-5.0", "conditions"),
        ("bigacme-open-rail-m", "conditions"),
        ("acme-openrail-s", "conditions"),
        ("gpl-4.0", "yes"),
        ("frail-terms", "ask"),
        ("acme-researcher-friendly", "ask"),
    ],
)
def test_an_unknown_licence_is_judged_by_its_name(said: str, sell: str) -> None:
    found = licence(said)
    assert found.sell == sell
    assert found.name == said


def test_a_licence_of_a_makers_own_says_so() -> None:
    assert licence("llama3.2").own_terms
    assert "700 million" in licence("llama3.2").words
    assert licence("acme-terms").own_terms
    assert not licence("apache-2.0").own_terms


def test_the_hub_puts_it_among_the_tags() -> None:
    assert licence_in(["onnx", "license:cc-by-4.0", "license:mit"]) == "cc-by-4.0"
    assert licence_in(["onnx"]) == ""


@given(st.text())
def test_whatever_is_said_gets_words(said: str) -> None:
    found = licence(said)
    assert found.words.endswith(".")
    assert found.sell in ("yes", "conditions", "no", "ask")
    assert len(found.name) <= 80
