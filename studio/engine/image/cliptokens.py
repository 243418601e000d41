"""The tokenizer of CLIP, for checkpoints that come without one.

The vocabulary is OpenAI's (MIT licence); the package openai-clip has it among its data.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import write_atomic

DATA = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2
"""Merges of the list that CLIP uses: 49408 tokens with 512 bytes and two marks."""
START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def write(folder: Path, pad: str = END) -> None:
    """Write vocab.json, merges.txt and what goes with them into a folder.

    Raises StudioError where the vocabulary is not installed, or the disk is full.
    """
    merges = _merges()
    letters = list(_letters())
    tokens = [*letters, *(c + "</w>" for c in letters), *("".join(m.split()) for m in merges)]
    tokens += [START, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": LENGTH,
        "do_lower_case": True,
        "add_prefix_space": False,
        "errors": "replace",
    }
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    write_atomic(folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]).encode())
    write_atomic(folder / "special_tokens_map.json", json.dumps(special, indent=2).encode())
    write_atomic(
        folder / "tokenizer_config.json", json.dumps(settings | special, indent=2).encode()
    )
    write_atomic(folder / "vocab.json", json.dumps(vocabulary, ensure_ascii=False).encode())


def _merges() -> list[str]:
    found = importlib.util.find_spec("clip")  # not imported: it would bring all of CLIP
    path = Path(found.origin).parent / DATA if found is not None and found.origin else None
    if path is None or not path.is_file():
        raise StudioError(
            "The vocabulary of this model is not installed with Triptych.",
            "Run the setup of Triptych again, or add the model as a diffusers folder.",
        )
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    return lines[1 : MERGES + 1]


def _letters() -> tuple[str, ...]:
    """The 256 bytes as letters that can be printed, in the order of GPT-2's vocabulary."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    kept += range(ord("®"), ord("ÿ") + 1)
    moved = [256 + n for n in range(256 - len(kept))]
    return tuple(chr(n) for n in [*kept, *moved])
