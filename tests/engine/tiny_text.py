"""A tiny real language model in onnxruntime-genai's layout, made by its own model builder."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from pathlib import Path

TEXT = (
    "Once upon a time there was a little fox who was afraid of the dark.",
    "The moon looked down and said: do not be afraid, I am here.",
    "The fox and the moon were friends. They had bread, and they were happy.",
)
TEMPLATE = "<s>{{ messages[-1]['content'] }}{{ '\\n\\n' }}"
CONTEXT = 256
CHATML = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""


def make(folder: Path) -> Path:
    """A Llama with random weights (fp32, 2 layers, context 256) in `folder`, for genai.

    What it was built from, for transformers, is left in `folder.parent / "<name>-source"`.
    """
    source = folder.parent / f"{folder.name}-source"
    make_source(source)
    build(source, folder)
    return folder


def make_chatty(folder: Path) -> Path:
    """A tiny chat model in `folder`: ChatML, a context of 1024 tokens."""
    source = folder.parent / f"{folder.name}-source"
    make_source(
        source, marks=("<unk>", "<|im_start|>", "<|im_end|>"), template=CHATML, context=1024
    )
    build(source, folder)
    return folder


def make_source(
    folder: Path,
    *,
    marks: tuple[str, str, str] = ("<unk>", "<s>", "</s>"),
    template: str = TEMPLATE,
    context: int = CONTEXT,
) -> None:
    """The model as transformers saves it, with a byte-level BPE tokenizer.

    `marks`: the tokens for what is unknown, what begins and what ends a text.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        show_progress=False,
        special_tokens=list(marks),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": marks[1],
        "eos_token": marks[2],
        "unk_token": marks[0],
        "model_max_length": context,
        "chat_template": template,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.3,  # so that the random weights prefer something
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).eval().save_pretrained(folder)


def build(source: Path, folder: Path, precision: str = "fp32") -> None:
    """What onnxruntime-genai's model builder makes of a model of transformers."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The builder's own faults, not ours: it warns about its own dependencies.
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            from onnxruntime_genai.models.builder import create_model, parse_extra_options

            where = ("", str(source), str(folder), precision, "cpu", str(folder / "cache"))
            options = parse_extra_options(*where, ["prune_lm_head=true"])
            create_model(*where, **options)
        finally:
            logging.disable(logging.NOTSET)
    with contextlib.suppress(OSError):
        (folder / "cache").rmdir()
