"""The command line of training: ``python -m studio.training`` and a starter model, or ``all``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from studio.core.errors import StudioError
from studio.training.loop import Budget, Interrupted

STOPPED = 130
"""The exit status of a program that was interrupted, as shells have it."""


def parser() -> argparse.ArgumentParser:
    """The options; each starter model can be trained alone, resumed, and exported again."""
    from studio.training.making import MAKERS

    options = argparse.ArgumentParser(
        prog="python -m studio.training",
        description="Train the starter models and export them to ONNX.",
        epilog="Ctrl+C writes a checkpoint and leaves; the same command with --resume goes on.",
    )
    options.add_argument("what", choices=(*MAKERS, "all"))
    options.add_argument("--data", type=Path, required=True, help="folder with text, images, music")
    options.add_argument(
        "--out", type=Path, default=Path("output", "models"), help="where the model folders go"
    )
    options.add_argument("--checkpoints", type=Path, default=Path(".training", "checkpoints"))
    options.add_argument("--minutes", type=float, help="training time of each model")
    options.add_argument("--steps", type=int, default=0, help="train so many steps instead")
    options.add_argument("--resume", action="store_true", help="go on from the checkpoints")
    options.add_argument(
        "--export-only", action="store_true", help="do not train; export what the checkpoints hold"
    )
    options.add_argument("--threads", type=int, default=0, help="processor threads; 0 is all")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; gives the exit status. A StudioError is told in one line and gives 1."""
    asked = parser().parse_args(arguments)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    from studio.training.making import FOLDERS, MAKERS, MINUTES, Order, write_report

    if asked.threads:
        torch.set_num_threads(asked.threads)
    names = list(MAKERS) if asked.what == "all" else [asked.what]
    try:
        for name in names:
            minutes = MINUTES[name] if asked.minutes is None else asked.minutes
            budget = Budget(0 if asked.steps else minutes, asked.steps)
            order = Order(
                asked.data,
                asked.out,
                Budget() if asked.export_only else budget,
                asked.checkpoints,
                asked.resume or asked.export_only,
            )
            made = MAKERS[name](order)
            write_report(asked.checkpoints / f"{FOLDERS[name]}.json", made)
            print(json.dumps(made["figures"], indent=2, ensure_ascii=False))
    except Interrupted:
        return STOPPED
    except StudioError as error:
        print(f"{error.message} {error.hint}", file=sys.stderr)
        return 1
    return 0
