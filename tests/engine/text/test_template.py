"""Chat templates as they are found in model folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.engine.text import template

USER = {"role": "user", "content": "Write."}
SYSTEM = {"role": "system", "content": "Be kind."}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

CHATML = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""
NO_SYSTEM = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}
{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}
<{{ m['role'] }}>{{ m['content'] | trim }}
{% endfor %}"""


def test_a_chat_is_rendered_as_transformers_does(model: Path, source: Path) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(source)
    for text in (CHATML, NO_SYSTEM, (model / "chat_template.jinja").read_text("utf-8")):
        for messages in ([USER], [USER, {"role": "assistant", "content": " Yes\n"}, USER]):
            expected = theirs.apply_chat_template(
                messages, chat_template=text, tokenize=False, add_generation_prompt=True
            )
            assert template.render(text, messages, TOKENS) == expected


def test_a_model_without_a_system_message_gets_it_in_the_first() -> None:
    assert "Be kind.\n\nWrite." in template.render(NO_SYSTEM, [SYSTEM, USER], TOKENS)
    assert "<|im_start|>system\nBe kind." in template.render(CHATML, [SYSTEM, USER], TOKENS)


def test_the_day_is_the_same_always() -> None:
    today = "{{ strftime_now('%d %b %Y') }}"
    assert template.render(today, [USER], {}) == "01 Jan 2026"


def test_marks_for_training_are_passed_through() -> None:
    text = "{% generation %}{{ messages[0].content }}{% endgeneration %}{{ [1] | tojson }}"
    assert template.render(text, [USER], {}) == "Write.[1]"


@pytest.mark.parametrize(
    "bad",
    [
        "{% for",
        "{{ raise_exception('no') }}",
        "{{ messages[7].content + 1 }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ range(10 ** 9) | list }}",
        "{% include 'x' %}",
    ],
)
def test_a_template_that_is_none_is_told(bad: str) -> None:
    with pytest.raises(StudioError) as caught:
        template.render(bad, [SYSTEM, USER], TOKENS)
    assert caught.value.hint


def test_where_a_template_is_found(tmp_path: Path) -> None:
    settings = tmp_path / "tokenizer_config.json"
    assert template.find(tmp_path) is None
    for broken in ("", "[]", '{"chat_template": 3}', '{"chat_template": [{}, 1]}'):
        settings.write_text(broken, "utf-8")
        assert template.find(tmp_path) is None
        assert template.special_tokens(tmp_path) == {}
    settings.write_text(json.dumps({"chat_template": "one"}), "utf-8")
    assert template.find(tmp_path) == "one"
    several = [{"name": "tool_use", "template": "two"}, {"name": "default", "template": "three"}]
    settings.write_text(
        json.dumps({"chat_template": several, "bos_token": {"content": "<b>"}, "eos_token": "</s>"})
    )
    assert template.find(tmp_path) == "three"
    assert template.special_tokens(tmp_path) == {"bos_token": "<b>", "eos_token": "</s>"}
    (tmp_path / "chat_template.jinja").write_text("four", "utf-8")
    assert template.find(tmp_path) == "four"
