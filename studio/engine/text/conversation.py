"""A conversation as the calls that a model reads it in: what was said decides them, nothing else.

The same conversation is always put together into the same calls, whether the model has part of it
in its cache or none: so a turn that only reads what is new writes the very text that a fresh
process writes. What people said goes in by chunks, counted from where their turn begins; what the
model said goes in token by token, as it did when it was written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from studio.core.errors import StudioError
from studio.engine import genai
from studio.engine.text import template

Call = tuple[int, ...]

_PLAIN = "{% for message in messages %}{{ message.content }}{{ '\\n\\n' }}{% endfor %}"
"""How a model without a template is asked, which only goes on from text."""

_MESSAGE_TOKENS = 8
"""About what a template puts around a message."""
_REFILL = 0.6
"""Where turns have to be left out, so many that this part of the room is filled: the next turns
then find their place without anything being left out, and read anew, again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person said, and what was answered."""

    said: str
    answered: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything that decides what a model reads before it answers."""

    turns: tuple[Turn, ...]
    said: str
    """What is to be answered now."""
    system: str = ""
    start: str = ""
    """What the answer begins with."""
    think: bool = False
    """The model may think before it answers."""
    left_out: int = 0
    """Turns that no longer fit."""


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation in calls, and what comes of putting it so."""

    calls: tuple[Call, ...]
    thinking: str
    """The marker with which the prompt has begun the model's thoughts; "" where it has not."""

    @property
    def count(self) -> int:
        """Tokens."""
        return sum(map(len, self.calls))


def parse(history: str) -> tuple[Turn, ...]:
    """The turns in a JSON list of {"role": "user"|"assistant", "content": text}.

    Several messages of one side in a row are one. Raises StudioError for anything else.
    """
    if not history.strip():
        return ()
    try:
        messages = [(m["role"], m["content"]) for m in json.loads(history)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable() from error
    turns: list[Turn] = []
    last = "assistant"
    for role, content in messages:
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise _unreadable()
        content = content.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
        if role == "user" and last == "assistant":
            turns.append(Turn(content, ""))
        elif not turns:
            raise _unreadable()
        elif role == "user":
            turns[-1] = replace(turns[-1], said=_joined(turns[-1].said, content))
        else:
            turns[-1] = replace(turns[-1], answered=_joined(turns[-1].answered, content))
        last = role
    return tuple(turns)


class Reader:
    """Puts conversations into the calls of one model."""

    def __init__(self, loaded: genai.Loaded) -> None:
        """Raises StudioError where the model's chat template is none."""
        self._tokenizer = loaded.tokenizer
        self._whole = not loaded.shared_cache
        self._chunk = loaded.context if self._whole else loaded.chunk
        found = template.find(loaded.folder)
        self._raw = found is None
        self._template = template.ChatTemplate(
            _PLAIN if found is None else found, template.special_tokens(loaded.folder)
        )

    def script(self, conversation: Conversation) -> Script:
        """The calls in which the model reads it."""
        tokenizer = self._tokenizer
        talk = self._clean(conversation)
        whole, thinking = self._render(talk, len(talk.turns))
        calls: list[Call] = []
        at = 0
        for number, turn in enumerate(talk.turns):
            before, _ = self._render(talk, number)
            end = _common(before, whole)
            answer = turn.answered.strip()
            space = len(whole[end:]) - len(whole[end:].lstrip())
            if end < at or not answer or not whole.startswith(answer, end + space):
                continue  # the template has put it otherwise; it is read with what follows
            calls += self._chunks(self._ids(whole[at:end], first=at == 0))
            at = end + space + len(answer)
            # A model that thought in between did not read on from where its prompt ended.
            steady = end == len(before) and not talk.think and not self._whole
            ids = tokenizer.encode_on(whole[end:at])
            calls += [(i,) for i in ids] if steady else self._chunks(ids)
        calls += self._chunks(self._ids(whole[at:], first=at == 0))
        # Tokens begin with the space before a word, so a space at the end would be one too many.
        calls += self._chunks(tokenizer.encode_plain(conversation.start.rstrip(" \t")))
        if self._whole:  # a past that can be read in one call only
            calls = [tuple(i for call in calls for i in call)]
        return Script(tuple(calls), thinking)

    def fit(self, conversation: Conversation, room: int, *, pinned: bool) -> Conversation:
        """The conversation without its oldest turns where it is longer than `room` tokens.

        Turns are left out whole, the system prompt never; with `pinned` the first turn stays.
        Which ones depends on the conversation alone. What is said now always stays, even where
        it alone is too long.
        """
        sizes = [self._size(t.said) + self._size(t.answered) for t in conversation.turns]
        fixed = self._size(conversation.system) + self._size(conversation.start)
        keep = 1 if pinned and sizes else 0
        fixed += sum(sizes[:keep])
        gone, filled = keep, fixed
        for number in range(keep, len(sizes) + 1):
            last = number == len(sizes)
            now = self._size(conversation.said if last else conversation.turns[number].said)
            if filled + now > room:
                while gone < number and filled + now > room * _REFILL:
                    filled -= sizes[gone]
                    gone += 1
            filled += 0 if last else sizes[number]
        shorter = _without(conversation, keep, gone)
        while gone < len(sizes) and self.script(shorter).count > room:
            gone += 1
            shorter = _without(conversation, keep, gone)
        return shorter

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._tokenizer.encode_plain(text))

    def _size(self, text: str) -> int:
        return self.count(text) + _MESSAGE_TOKENS if text else 0

    def _clean(self, talk: Conversation) -> Conversation:
        clean = self._tokenizer.without_markers
        turns = tuple(Turn(clean(t.said), clean(t.answered)) for t in talk.turns)
        return replace(talk, turns=turns, said=clean(talk.said), system=clean(talk.system).strip())

    def _render(self, talk: Conversation, turns: int) -> tuple[str, str]:
        """The prompt for the answer after so many turns, and the marker of thoughts it ends in."""
        messages = [{"role": "system", "content": talk.system}] if talk.system else []
        for turn in talk.turns[:turns]:
            messages.append({"role": "user", "content": turn.said})
            messages.append({"role": "assistant", "content": turn.answered})
        said = talk.turns[turns].said if turns < len(talk.turns) else talk.said
        messages.append({"role": "user", "content": said})
        text = self._template.render(messages, think=talk.think)
        opened = "<think>" if text.rstrip().endswith("<think>") else ""
        if opened and not talk.think:
            return text + "\n\n</think>\n\n", ""
        return text, opened

    def _ids(self, text: str, *, first: bool) -> list[int]:
        return self._tokenizer.encode(text, special=self._raw and first)

    def _chunks(self, ids: Sequence[int]) -> list[Call]:
        return [tuple(ids[i : i + self._chunk]) for i in range(0, len(ids), self._chunk)]


def _without(talk: Conversation, first: int, end: int) -> Conversation:
    """`talk` without the turns from `first` to before `end`."""
    turns = talk.turns[:first] + talk.turns[end:]
    return replace(talk, turns=turns, left_out=max(0, end - first))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    if other.startswith(one):
        return len(one)
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


def _unreadable() -> StudioError:
    return StudioError("The conversation so far cannot be read.", "Begin a new one.")
