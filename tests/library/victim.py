"""A program that works in a library until it is killed: `python -m tests.library.victim ROOT SEED`.

It says what it has done only when it is done; what it has said must be there afterwards.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from studio.core import media
from studio.core.messages import Output
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import Library, Query

ABC = b"X:1\nT:Tune\nM:4/4\nK:D\nDEFG ABcd|\n"
MIDI = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0c\0\x90\x3c\x40\x60\x80\x3c\x40\0\xff\x2f\0"


def main(root: Path, seed: int) -> None:
    """Make, edit, star, throw away and bring back, for ever."""
    rng = random.Random(seed)
    library = Library.open(root)
    say("ready")
    recovered = library.recover()
    say("recovered", len(recovered.taken_in), recovered.cleaned)
    number = 0
    while True:
        number += 1
        work = rng.random()
        some = [item.id for item in library.items(limit=5)]
        if work < 0.6 or not some:
            make(library, rng, f"{seed} {number}")
        elif work < 0.7:
            say("trashed", *library.trash(rng.sample(some, 1)).ids)
        elif work < 0.8:
            back = [item.id for item in library.items(Query(trashed=True), limit=2)]
            say("restored", *(item.id for item in library.restore(back)))
        elif work < 0.9:
            library.star(some[:1], True)
        else:
            library.jobs.add(f"job-{seed}-{number}", Recipe("text", "f", "m", number))
            say("queued", f"job-{seed}-{number}")


def make(library: Library, rng: random.Random, name: str) -> None:
    """One text, or one tune of two files."""
    folder = library.job_folder("work")
    if rng.random() < 0.5:
        wish = Recipe("text", "text.chat", "m", 1, {"prompt": f"fox {name}"})
        contents = {".md": b"word " * rng.randrange(1, 40_000)}
    else:
        wish = Recipe("audio", "audio.tune", "m", 1, {"prompt": f"fox {name}"})
        contents = {".abc": ABC, ".mid": MIDI}
    files = []
    for suffix, data in contents.items():
        files.append(folder / f"out{suffix}")
        files[-1].write_bytes(media.embed(data, suffix, Record(wish, "CPUExecutionProvider")))
    item = library.take_in(Output(tuple(files), wish, {"title": name, "words": 3}))
    say("made", item.id, item.sha256, len(item.files))


def say(*words: object) -> None:
    """One line for whoever counts what is there."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
