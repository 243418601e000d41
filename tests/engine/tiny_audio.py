"""A tiny real model of tunes, taught three of them on the spot, with an ABC tokenizer."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.engine import tiny_text

CONTEXT = 256

TUNES = (
    # The Kesh (traditional)
    "R:jig\nM:6/8\nL:1/8\nK:G\n"
    "|:G3 GAB|A3 ABd|edd gdd|edB dBA|\nGAG GAB|ABA ABd|edd gdd|BAF G3:|\n"
    "|:B2B d2d|ege dBA|B2B dBG|ABA AGA|\nBAB d^cd|ege dBd|gfg aga|bgg g3:|\n",
    # The Swallowtail (traditional)
    "R:jig\nM:6/8\nL:1/8\nK:Edor\n"
    "|:GEE BEE|GEE BAG|FDD ADD|dcd AGF|\nGEE BEE|GEB BAG|FGF AGF|GEE E3:|\n"
    "|:Bcd e2f|e2f edB|Bcd e2f|edB d3|\nBcd e2f|e2f edB|dBA AGF|GEE E3:|\n",
    # The Harvest Home (traditional)
    "R:hornpipe\nM:4/4\nL:1/8\nK:D\n"
    "|:A2|DAFA DAFA|defe dcBA|eAfA gAfA|(3efe (3dcB A2(3ABc|\n"
    "DAFA DAFA|defe dcBA|eAfA gfec|d2d2 d2:|\n",
)


def make(folder: Path, steps: int = 200) -> Path:
    """A Llama (fp32, 2 layers, context 256) that writes notes and bars.

    Without training `steps` its weights are random, and hardly any bar comes out right.
    """
    source = folder.parent / f"{folder.name}-source"
    _make_source(source, steps)
    tiny_text.build(source, folder)
    (folder / "README.md").write_text(
        "---\nlicense: apache-2.0\ntags:\n- abc-notation\n---\nFor tests.\n", "utf-8"
    )
    return folder


def _make_source(folder: Path, steps: int) -> None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces = (
        r"[RMLK]:[^\n]*\n|(\^\^|__|\^|_|=)?[A-Ga-gz][,']*(\d+(/\d*)?|/+\d*)?"
        r"|[|:\]]+[12]?\n?|\(3|[<>]+|\n"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>"],
        # Every header that may be asked for can be spelled.
        initial_alphabet=list("RMLK:/0123456789abcdefghijklmnopqrstuvwxyz #"),
    )
    tokenizer.train_from_iterator([tune.replace(" ", "") for tune in TUNES], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": CONTEXT,
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
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    rows = [[1, *tokenizer.encode(tune.replace(" ", "")).ids, 2] for tune in TUNES]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    labels = torch.where(ids == 0, -100, ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval().save_pretrained(folder)
