"""The command line: what is typed becomes a recipe, what comes back becomes one answer."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from studio import __version__
from studio.cli import adding, commands, models
from studio.cli.errand import BrokenError
from studio.cli.words import in_words
from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.files import from_system

OK, OURS, THEIRS, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """An argparse parser that speaks like the rest: one line of what failed, one of what to do."""

    def error(self, message: str) -> NoReturn:
        raise StudioError(f"{message[0].upper()}{message[1:]}.", f"See: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """Every command and option there is."""
    top = _Parser(prog="triptych", description="Make text, pictures and sound on this computer.")
    top.add_argument("--version", action="version", version=f"Triptych {__version__}")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    make = sub.add_parser("make", help="make a text, a picture or a sound")
    make.add_argument("kind", choices=KINDS)
    make.add_argument("prompt", metavar="PROMPT")
    make.add_argument("--family", metavar="F", help="how the model is run (see: families)")
    make.add_argument("--model", metavar="M", help="which model (see: models)")
    make.add_argument("--seed", metavar="N", help="the same seed makes the same thing")
    make.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="settings")
    make.add_argument("--input", metavar="NAME=FILE", action="append", default=[], dest="inputs")
    make.add_argument("--preset", metavar="ID", help="a task that fills the settings")
    make.add_argument(
        "--extra",
        metavar="NAME=MODEL:STRENGTH",
        action="append",
        default=[],
        dest="extras",
        help="lay another model over, as lora=ink-lines:0.8 (more than once for several)",
    )
    make.add_argument("--out", metavar="PATH", help="a file or folder instead of the library")
    make.set_defaults(call=commands.make)

    again = sub.add_parser("again", help="make it again from the recipe inside a file")
    again.add_argument("file", metavar="FILE")
    again.set_defaults(call=commands.again)

    add = sub.add_parser("add", help="make a model of a file or folder")
    add.add_argument("path", metavar="PATH")
    add.add_argument("--as", metavar="NAME", dest="name", help="what the model is to be called")
    add.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="settings")
    add.set_defaults(call=adding.add)

    for name, call, text in (
        ("families", commands.families, "the kinds of model that can be run, and their settings"),
        ("models", models.listed, "search, get and keep models; alone, those that are installed"),
        ("doctor", commands.doctor, "device, providers, versions, folders, disk and memory"),
    ):
        sub.add_parser(name, help=text).set_defaults(call=call)
    below = models.add_commands(sub.choices["models"])
    for command in (*sub.choices.values(), *below):
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return top


def run(argv: Sequence[str]) -> int:
    """The exit code of one command line."""
    # Words and paths in any script: a Windows console or LC_ALL=C would raise on them.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    as_json = "--json" in argv
    try:
        args = parser().parse_args(argv)
        call: Callable[[argparse.Namespace], Mapping[str, Any]] = args.call
        answer = call(args)
    except KeyboardInterrupt as stopped:
        print(f"\n{stopped or 'Cancelled.'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return OURS
    except StudioError as error:
        return _failed(error.message, error.hint, as_json, THEIRS)
    except OSError as error:
        failure = from_system(error)
        return _failed(failure.message, failure.hint, as_json, THEIRS)
    except BrokenError as error:
        print(error.detail, file=sys.stderr)
        return _failed(error.message, "Please report it, with the lines above.", as_json, OURS)
    try:
        print(json.dumps(answer, ensure_ascii=False) if as_json else in_words(answer))
        sys.stdout.flush()
    except BrokenPipeError:
        return OURS
    return OK


def _failed(message: str, hint: str, as_json: bool, code: int) -> int:
    print(message, hint or "See: triptych --help", sep="\n", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message, "hint": hint}, ensure_ascii=False))
    return code
