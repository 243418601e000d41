"""Tokenizers of older folders, which have their vocabulary in files of its own.

`vocab.json` with `merges.txt` (GPT-2, OPT, RoBERTa, BART): byte-pair encoding of bytes.
`vocab.txt` (BERT, DistilBERT): WordPiece.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.tokenizer import JsonTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MAX_FILE = 64 << 20


def find(folder: Path) -> JsonTokenizer | None:
    """The tokenizer of a folder's vocabulary files; None where it has none.

    Raises what the tokenizers library, the file system or a JSON reader raise on damaged files.
    """
    settings = _settings(folder)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        made = _bytes(folder, settings)
    elif (folder / "vocab.txt").is_file():
        made = _pieces(folder, settings)
    else:
        return None
    return JsonTokenizer(made.to_str())


def _settings(folder: Path) -> dict[str, Any]:
    """What the tokenizer's own settings say, and config.json where they say nothing."""
    found: dict[str, Any] = {}
    for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if path.is_file() and path.stat().st_size <= _MAX_FILE:
            data = json.loads(path.read_text("utf-8"))
            found |= data if isinstance(data, dict) else {}
    return found


def _token(settings: dict[str, Any], name: str, default: str) -> str:
    value = settings.get(name)
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) and value else default


def _read(path: Path) -> str:
    if path.stat().st_size > _MAX_FILE:
        raise ValueError(f"{path.name} is too large")
    return path.read_text("utf-8")


def _bytes(folder: Path, settings: dict[str, Any]) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary = {str(k): int(v) for k, v in json.loads(_read(folder / "vocab.json")).items()}
    lines = _read(folder / "merges.txt").split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    tokenizer = Tokenizer(models.BPE(vocabulary, [m for m in merges if len(m) == 2]))
    spaced = settings.get("add_prefix_space") is True
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    tokenizer.decoder = decoders.ByteLevel()
    begin = _token(settings, "bos_token", "<s>")
    end = _token(settings, "eos_token", "</s>")
    mask = _token(settings, "mask_token", "<mask>")
    special = [
        begin,
        end,
        _token(settings, "pad_token", "<pad>"),
        _token(settings, "unk_token", ""),
    ]
    tokenizer.add_special_tokens([t for t in dict.fromkeys(special) if t in vocabulary])
    if mask in vocabulary:
        # The space before a blank belongs to it.
        tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, special=True)])
    kind = settings.get("model_type")
    if kind in ("roberta", "bart") and begin in vocabulary and end in vocabulary:
        ends = [(t, vocabulary[t]) for t in (begin, end)]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}", pair=f"{begin} $A {end} {end} $B {end}", special_tokens=ends
        )
    elif kind == "opt" and begin in vocabulary:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, vocabulary[begin])]
        )
    return tokenizer


def _pieces(folder: Path, settings: dict[str, Any]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words = _read(folder / "vocab.txt").split("\n")
    vocabulary = {word.rstrip("\r"): i for i, word in enumerate(words) if word.rstrip("\r")}
    unknown = _token(settings, "unk_token", "[UNK]")
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=settings.get("do_lower_case", True) is True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    first = _token(settings, "cls_token", "[CLS]")
    last = _token(settings, "sep_token", "[SEP]")
    mask = _token(settings, "mask_token", "[MASK]")
    pad = _token(settings, "pad_token", "[PAD]")
    tokenizer.add_special_tokens([t for t in (pad, unknown, first, last, mask) if t in vocabulary])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} $B:1 {last}:1",
        special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])],
    )
    return tokenizer
