"""The story model's data: stories, fables, poems and rhymes, each behind the wish it could have
answered."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.training.language import BOS, EOS, HeldOut, Mask, Tokens
from studio.training.story_sources import Document, read_documents

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = 3072
SEQUENCE = 448
PIECE_TOKENS = 410
"""Of longer texts only the beginning is used, so that wish and text fit one training sequence."""
HELD_OUT = 150
KINDS = ("story", "fable", "poem", "rhyme")
STYLES = ("for a child", "in plain words", "in a grand style")
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- set wish = namespace(text='') -%}"
    "{%- for message in messages -%}{%- if message['role'] == 'user' -%}"
    "{%- set wish.text = message['content'] -%}{%- endif -%}{%- endfor -%}"
    "{{ wish.text | trim }}{{ '\\n\\n' }}"
)

_DETERMINERS = frozenset(
    [
        "a",
        "an",
        "the",
        "his",
        "her",
        "their",
        "my",
        "your",
        "our",
        "its",
        "this",
        "that",
        "some",
        "two",
        "three",
        "every",
        "another",
        "no",
        "one",
    ]
)
_AFTER_NOUNS = frozenset(
    [
        "was",
        "is",
        "and",
        "to",
        "in",
        "of",
        "that",
        "said",
        "who",
        "had",
        "on",
        "with",
        "for",
        "at",
        "it",
        "were",
        "has",
        "but",
        "from",
        "by",
        "as",
        "so",
        "could",
        "would",
        "then",
        "because",
        "when",
        "ran",
        "went",
        "came",
        "sat",
        "saw",
        "looked",
        "or",
        "into",
    ]
)
_NEVER = frozenset(
    [
        "day",
        "time",
        "one",
        "thing",
        "things",
        "way",
        "lot",
        "end",
        "other",
        "people",
        "very",
        "day's",
        "something",
        "anything",
        "everything",
        "moment",
        "while",
        "bit",
        "kind",
        "place",
        "side",
        "while",
        "front",
        "back",
        "part",
        "world",
        "rest",
        "matter",
    ]
)


@dataclass(frozen=True)
class StoryData:
    """Everything the story model is trained and judged on; masks tell texts (1) from wishes (0)."""

    tokenizer: Tokenizer
    train: Tokens
    train_mask: Mask
    held_out: dict[str, HeldOut]
    held_out_texts: list[str]
    nouns: frozenset[str]
    counts: dict[str, int]


def wish(kind: str, style: str, words: list[str], idea: str) -> str:
    """The instruction a text is written for; the same sentence is given to big chat models."""
    sentence = f"Write a {kind} {style}."
    if words:
        sentence += f" Words: {', '.join(words)}."
    if idea:
        sentence += f" Idea: {idea.rstrip('.!? ')}."
    return sentence


def find_nouns(texts: list[str]) -> frozenset[str]:
    """Words that mostly stand where nouns do: after a determiner or adjective, before punctuation
    or a verb."""
    seen: Counter[str] = Counter()
    placed: Counter[str] = Counter()
    for text in texts:
        tokens = re.findall(r"[A-Za-z']+|[.,!?;:]", text)
        for before2, before, word, after in zip(
            tokens, tokens[1:], tokens[2:], tokens[3:], strict=False
        ):
            if not word.isalpha() or not word.islower() or not 3 <= len(word) <= 12:
                continue
            seen[word] += 1
            led = before.lower() in _DETERMINERS or before2.lower() in _DETERMINERS
            placed[word] += led and (not after.isalpha() or after.lower() in _AFTER_NOUNS)
    return frozenset(
        w for w, n in seen.items() if n >= 8 and placed[w] >= 0.3 * n and w not in _NEVER
    )


def subjects(text: str, nouns: frozenset[str], rarity: dict[str, float]) -> list[str]:
    """The nouns that a text is most about, best first."""
    counts = Counter(w for w in re.findall(r"\b[a-z]+\b", text) if w in nouns)
    return sorted(counts, key=lambda w: -counts[w] * rarity.get(w, 1.0))[:8]


def idea_from(text: str, chance: random.Random) -> str:
    """Whom the text is about as its opening says it, or a sentence of 4 to 14 words, or a part of
    one."""
    opening = re.search(r"\b(?:was|lived|were|had) (an? [^.!?\n\",]{6,70})", text[:200])
    if opening and chance.random() < 0.5:
        return opening[1]
    flat = re.sub(r'["]', "", text.replace("\n", " "))
    sentences = [s for s in re.split(r"(?<=[.!?]) ", flat) if 4 <= len(s.split()) <= 14]
    if not sentences:
        return ""
    words = chance.choice(sentences[:8]).rstrip(".!?,;:").split()
    if chance.random() < 0.4 and len(words) > 6:
        start = chance.randrange(0, len(words) - 4)
        words = words[start : start + chance.randint(4, 8)]
    idea = " ".join(words).strip(" -,;:'")
    return idea[:1].lower() + idea[1:] if chance.random() < 0.6 else idea


def random_wish(
    document: Document, nouns: frozenset[str], rarity: dict[str, float], chance: random.Random
) -> str:
    """A wish the document answers: sometimes with words, sometimes with an idea."""
    words: list[str] = []
    if chance.random() < 0.6:
        about = subjects(document.text, nouns, rarity)
        words = chance.sample(about, min(len(about), chance.randint(1, 4)))
    idea = ""
    if chance.random() < 0.35:
        told = document.idea and chance.random() < 0.7
        idea = document.idea if told else idea_from(document.text, chance)
    return wish(document.kind, document.style, words, idea)


def train_tokenizer(texts: list[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A byte-level BPE tokenizer with ``<unk>``, ``<s>``, ``</s>`` as ids 0, 1, 2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def beginning(text: str, tokenizer: Tokenizer) -> tuple[str, bool]:
    """The text up to PIECE_TOKENS tokens, cut at a line or sentence end, and whether it is all of
    it."""
    if len(tokenizer.encode(text).ids) <= PIECE_TOKENS:
        return text, True
    kept, size = "", 0
    for part in re.split(r"(?<=\n)|(?<=[.!?\"] )", text):
        size += len(tokenizer.encode(part).ids)
        if size > PIECE_TOKENS:
            break
        kept += part
    return kept.strip(), False


def encode(tokenizer: Tokenizer, pairs: list[tuple[str, str, bool]]) -> tuple[Tokens, Mask]:
    """Tokens and mask of (wish, text, whether it ends here) one after another."""
    row: list[int] = []
    mask: list[int] = []
    heads = tokenizer.encode_batch([head + "\n\n" for head, _, _ in pairs])
    bodies = tokenizer.encode_batch([body for _, body, _ in pairs])
    for head, body, (_, _, ends) in zip(heads, bodies, pairs, strict=True):
        row += [BOS, *head.ids, *body.ids] + [EOS] * ends
        mask += [0] * (1 + len(head.ids)) + [1] * (len(body.ids) + ends)
    return np.array(row, dtype=np.uint16), np.array(mask, dtype=np.uint8)


def split(data: Path, chance: random.Random) -> tuple[dict[str, list[Document]], list[Document]]:
    """What is learned from, by source, and the stories that are held out."""
    sources = read_documents(data, chance)
    tiny = sources["TinyStories"]
    chance.shuffle(tiny)
    held, sources["TinyStories"] = tiny[:HELD_OUT], tiny[HELD_OUT:]
    return sources, held


def load(data: Path, seed: int = 0) -> StoryData:
    """Read all sources, learn the tokenizer, and lay out one epoch; held out are TinyStories
    only."""
    chance = random.Random(seed)
    sources, held = split(data, chance)
    texts = [d.text for documents in sources.values() for d in documents]
    frames = [wish(k, s, ["fox"], "a fox") for k in KINDS for s in STYLES] * 50
    tokenizer = train_tokenizer(texts + frames)
    nouns = find_nouns(texts)
    spread = Counter(w for t in texts for w in set(re.findall(r"\b[a-z]+\b", t)) if w in nouns)
    rarity = {w: float(np.log(len(texts) / n)) for w, n in spread.items()}
    pairs: list[tuple[str, str, bool]] = []
    counts: dict[str, int] = {}
    for name, documents in sources.items():
        before = sum(len(body) for _, body, _ in pairs)
        for document in documents:
            text, whole = beginning(document.text, tokenizer)
            if len(text) < 60:
                continue
            part = replace(document, text=text)
            ends = whole and not document.fragment
            pairs += [
                (random_wish(part, nouns, rarity, chance), text, ends)
                for _ in range(document.copies)
            ]
        counts[f"{name}: texts"] = len(documents)
        counts[f"{name}: characters in an epoch"] = sum(len(b) for _, b, _ in pairs) - before
    chance.shuffle(pairs)
    tokens, mask = encode(tokenizer, pairs)
    held_pairs = [(wish(d.kind, d.style, [], ""), d.text, True) for d in held]
    held_tokens, held_mask = encode(tokenizer, held_pairs)
    characters = sum(len(d.text) + 1 for d in held)
    return StoryData(
        tokenizer,
        tokens,
        mask,
        {"TinyStories": HeldOut(held_tokens, characters, held_mask)},
        [d.text for d in held],
        nouns,
        counts,
    )
