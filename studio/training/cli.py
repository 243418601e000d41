"""The command line of training: ``python -m studio.training music|image|text|all``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studio.core.errors import StudioError
from studio.training.loop import Budget, Interrupted, Loop


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m studio.training")
    parser.add_argument("what", choices=("music",))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    from studio.training import language, music

    data = music.load(options.data)
    print(data.counts, len(data.train), data.tokenizer.get_vocab_size(), file=sys.stderr)
    print(data.train_texts[0], data.tokenizer.encode(data.train_texts[0]).tokens, file=sys.stderr)
    trainee = language.LanguageTrainee(
        language.LanguageConfig(vocabulary=data.tokenizer.get_vocab_size(), sequence=320), data.train, data.held_out
    )
    loop = Loop("music", Budget(minutes=options.minutes), options.checkpoints, resume=options.resume)
    try:
        loop.run(trainee)
    except Interrupted:
        return 130
    return 0
