"""The published families' chat templates: put as transformers puts them, and read turn by turn."""

from __future__ import annotations

import datetime
import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine import genai
from studio.engine.text import template
from studio.engine.text.conversation import Conversation, Reader, Turn
from studio.engine.workbench import Workbench

# In the constructs of the published ones, family by family.
PUBLISHED = {
    p.stem: p.read_text("utf-8") for p in sorted((Path(__file__).parent / "templates").iterdir())
}
REFUSES_SYSTEM = ("gemma-2", "mistral-0.1")
MOVES_SYSTEM = ("mistral-0.3",)
"""Those that put the system prompt before the last words, and so read the first ones anew."""
THINKS = ("deepseek-r1", "qwen-3", "smollm-3")
TOKENS = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<unk>"}
SYSTEM = {"role": "system", "content": "Be kind."}
CHAT = [
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "A fox. Who are you?"},
    {"role": "user", "content": " The moon.\n"},
]
FORMS = ("%d %b %Y", "%d %B %Y", "%B %d, %Y")


@pytest.fixture(scope="module")
def theirs(chatty: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(chatty.with_name("chatty-source"))


@pytest.mark.parametrize("think", [False, True])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_chat_is_put_as_transformers_puts_it(name: str, think: bool, theirs: Any) -> None:
    chats = [CHAT[:1], CHAT]
    if name not in REFUSES_SYSTEM:
        chats += [[SYSTEM, *CHAT[:1]], [SYSTEM, *CHAT]]
    for messages in chats:
        expected = theirs.apply_chat_template(
            messages,
            chat_template=PUBLISHED[name],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=think,
        )
        for form in FORMS:  # our day is the same always
            today, day = datetime.datetime.now(), datetime.date(2026, 1, 1)
            expected = expected.replace(today.strftime(form), day.strftime(form))
        made = template.ChatTemplate(PUBLISHED[name], TOKENS).render(messages, think=think)
        assert made == expected


@pytest.mark.parametrize("name", REFUSES_SYSTEM)
def test_who_knows_no_system_prompt_gets_it_first(name: str) -> None:
    made = template.ChatTemplate(PUBLISHED[name], TOKENS).render([SYSTEM, *CHAT])
    joined = [{"role": "user", "content": "Be kind.\n\nWho are you?"}, *CHAT[1:]]
    assert made == template.ChatTemplate(PUBLISHED[name], TOKENS).render(joined)


@pytest.fixture(scope="module")
def loaded(chatty: Path, tmp_path_factory: pytest.TempPathFactory) -> genai.Loaded:
    folder = tmp_path_factory.mktemp("templates") / "model"
    shutil.copytree(chatty, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    job = Job("", Recipe("text", "", "", 0), folder, folder, device=DeviceChoice("cpu", 1))
    return genai.load(job, Workbench())


@pytest.mark.parametrize("system", ["", "Be kind."])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_turn_goes_on_from_the_one_before(
    name: str, system: str, loaded: genai.Loaded, theirs: Any
) -> None:
    (loaded.folder / "chat_template.jinja").write_text(PUBLISHED[name], "utf-8")
    reader = Reader(loaded)
    turns = (Turn("Who are you?", "A fox. Who are you?"), Turn("The moon.", "Ah."))
    scripts = [
        reader.script(Conversation(turns[:n], said, system=system))
        for n, said in ((0, "Who are you?"), (1, "The moon."), (2, "Good night."))
    ]
    # One turn is the very tokens of transformers.
    messages = [{"role": "user", "content": "Who are you?"}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    text = template.ChatTemplate(PUBLISHED[name], TOKENS).render(messages)
    closing = "" if not text.rstrip().endswith("<think>") else "\n\n</think>\n\n"
    ids = theirs.encode(text + closing, add_special_tokens=False)
    assert [i for call in scripts[0].calls for i in call] == ids
    alike = 0
    for earlier, later in pairwise(scripts):
        whole = loaded.tokenizer.decode([i for call in later.calls for i in call])
        assert whole.count("A fox. Who are you?") == 1
        assert whole.count("Who are you?") == 2
        alike = next(
            (n for n, (a, b) in enumerate(zip(earlier.calls, later.calls, strict=False)) if a != b),
            len(earlier.calls),
        )
        if name in (*MOVES_SYSTEM, *THINKS) and (system or name in THINKS):
            continue
        assert alike == len(earlier.calls)
        answer = loaded.tokenizer.encode_plain("A fox. Who are you?")
        assert sum(1 for c in later.calls if len(c) == 1) >= len(answer)
    if name in THINKS:
        # Thoughts are no part of what was said: all but the place where they stood is as it was.
        assert alike >= len(scripts[1].calls) - 2


def test_thoughts_that_a_prompt_begins_are_told(loaded: genai.Loaded) -> None:
    (loaded.folder / "chat_template.jinja").write_text(PUBLISHED["deepseek-r1"], "utf-8")
    reader = Reader(loaded)
    assert reader.script(Conversation((), "Why?", think=True)).thinking == "<think>"
    closed = reader.script(Conversation((), "Why?"))
    assert closed.thinking == ""
    assert loaded.tokenizer.decode([i for c in closed.calls for i in c]).endswith("</think>\n\n")
