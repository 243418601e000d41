"""Tiny real models of transformers for text, as it saves them: random weights, real classes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.engine.tiny_text import TEXT

CONTEXT = 128

_LLAMA: Mapping[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,
}

CAUSAL: Mapping[str, Mapping[str, Any]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": {**_LLAMA, "tie_word_embeddings": True},
    "qwen3": {**_LLAMA, "head_dim": 32},
    "gpt2": {
        "n_positions": CONTEXT,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "initializer_range": 0.3,
    },
    "gpt_neox": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 96,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.2,
    },
    "bloom": {"hidden_size": 48, "n_layer": 2, "n_head": 6, "initializer_range": 0.2},
    "opt": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 96,
        "max_position_embeddings": CONTEXT,
        "word_embed_proj_dim": 64,
        "init_std": 0.2,
    },
}
"""Settings of the published configurations with small numbers."""


def make_gpt2(folder: Path) -> Path:
    return make_causal(folder, "gpt2")


def make_causal(folder: Path, kind: str, **more: Any) -> Path:
    """A model that goes on from a text, with a byte-level tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    size = bytes_tokenizer(folder, ("<|endoftext|>",))
    begin = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    settings = {"vocab_size": size, **begin, **CAUSAL[kind], **more}
    save(AutoModelForCausalLM, AutoConfig.for_model(kind, **settings), folder)
    return folder


MASKED: Mapping[str, Mapping[str, Any]] = {
    "bert": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.3,
    },
    "roberta": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": CONTEXT + 2,
        "type_vocab_size": 1,
        "initializer_range": 0.3,
    },
    "distilbert": {
        "dim": 32,
        "n_layers": 2,
        "n_heads": 4,
        "hidden_dim": 48,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.3,
    },
}


REWRITING: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "t5": (
        "t5",
        {
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 48,
            "num_layers": 2,
            "num_heads": 4,
            "relative_attention_max_distance": 20,
            "relative_attention_num_buckets": 8,
            "initializer_factor": 0.5,
        },
    ),
    "flan-t5": (
        "t5",
        {
            "d_model": 32,
            "d_kv": 16,
            "d_ff": 48,
            "num_layers": 2,
            "num_heads": 2,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "initializer_factor": 0.5,
        },
    ),
    "mt5": (
        "mt5",
        {
            "d_model": 32,
            "d_kv": 16,
            "d_ff": 48,
            "num_layers": 2,
            "num_heads": 2,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "initializer_factor": 0.5,
        },
    ),
    "bart": (
        "bart",
        {
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 40,
            "max_position_embeddings": CONTEXT,
            "init_std": 0.3,
        },
    ),
}
"""Name -> model_type and settings, for models that make one text of another."""


def make_bart(folder: Path) -> Path:
    return make_rewriting(folder, "bart")


def make_rewriting(folder: Path, name: str) -> Path:
    """A model that makes one text of another, with a byte-level tokenizer."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    kind, settings = REWRITING[name]
    special = ("<s>", "<pad>", "</s>", "<unk>")
    size = bytes_tokenizer(folder, special, "<s> $A </s>" if kind == "bart" else "$A </s>")
    ids = {"pad_token_id": 1, "eos_token_id": 2, "bos_token_id": 0}
    ids["decoder_start_token_id"] = 2 if kind == "bart" else 1
    more = {"forced_eos_token_id": None} if kind == "bart" else {}
    config = AutoConfig.for_model(kind, vocab_size=size, **settings, **ids, **more)
    save(AutoModelForSeq2SeqLM, config, folder)
    return folder


def make_bert(folder: Path) -> Path:
    return make_masked(folder, "bert")


def make_masked(folder: Path, kind: str) -> Path:
    """A model that fills blanks: RoBERTa with a byte-level tokenizer, the others with WordPiece."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    if kind == "roberta":
        special = ("<s>", "<pad>", "</s>", "<unk>")
        size = bytes_tokenizer(
            folder, special, "<s> $A </s>", "<mask>", mask_token="<mask>", pad_token="<pad>"
        )
    else:
        size = pieces_tokenizer(folder)
    config = AutoConfig.for_model(kind, vocab_size=size, **MASKED[kind])
    save(AutoModelForMaskedLM, config, folder)
    return folder


def pieces_tokenizer(folder: Path) -> int:
    """A WordPiece tokenizer as BERT has it; how many tokens it has."""
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, show_progress=False, special_tokens=special)
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, special.index(t)) for t in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "mask_token": "[MASK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")
    return int(tokenizer.get_vocab_size())


def save(kind: Any, config: Any, folder: Path) -> None:
    """A model of that class with random weights, none of them zero, in safetensors."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    model = kind.from_config(config) if hasattr(kind, "from_config") else kind(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight += torch.randn_like(weight) * 0.05
    model.eval().save_pretrained(folder)


def bytes_tokenizer(
    folder: Path, special: Sequence[str], framed: str = "", mask: str = "", **settings: str
) -> int:
    """A byte-level BPE tokenizer in `folder`; how many tokens it has.

    `framed` is how a whole text is put, as "<s> $A </s>".
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
        trainers,
    )

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        show_progress=False,
        special_tokens=[*special, *([mask] if mask else [])],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    if mask:
        tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, special=True)])
    if framed:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=framed, special_tokens=[(t, tokenizer.token_to_id(t)) for t in special]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")
    return int(tokenizer.get_vocab_size())
