"""What the story model writes, as a person gets it: through the text family, its usual settings.

Sixty wishes with two subjects each, of all kinds and voices: does the text have them? Fifty
stories: how alike are they beside stories of people that the model never saw, and how long are the
runs of words that it took over from what it learned? `python -m bench texts FOLDER` judges another
model. The variable TRIPTYCH_DATA names the folder of the training data.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from bench import report
from studio.core.controls import Value
from studio.core.messages import TextPreview
from studio.core.paths import resources
from studio.core.recipe import Job, Recipe
from studio.engine import genai
from studio.engine.text import chat
from studio.engine.workbench import Workbench
from studio.training import stories
from studio.training.likeness import Learned, distinct, self_bleu, words

IDEAS = (
    "a *fox* who is afraid of the *moon*", "a *boat* in a *storm*", "a *cat* with a new *hat*",
    "the *king* who lost his *ring*", "a *bird* and the old *tree*",
    "a *dragon* who bakes a *cake*",
    "a *bear* looking for *honey*", "a *frog* in a *pond*", "a *girl* with a red *kite*",
    "a *dog* who loses his *ball*", "a *mouse* and the *cheese*", "an *apple* under a *tree*",
    "a *rabbit* in the *garden*", "a little *train* on a *hill*", "a *horse* on a *farm*",
    "a *star* in the *night*", "a *fish* in the deep *sea*", "a *lion* with a *thorn* in his foot",
    "a *robot* who finds a *flower*", "an *owl* in the dark *forest*",
    "a *boy* and his *bicycle*", "the *queen* and her *mirror*", "a *snail* who wins a *race*",
    "a *crow* and some *bread*", "a *wolf* in the *snow*", "the *baker* and the *thief*",
    "a *princess* in a *tower*", "a *turtle* on a *beach*", "a *spider* and a *fly*",
    "a *duck* without *feathers*", "a *doctor* in a *village*", "a *sheep* on a *mountain*",
    "the *wind* and the *sun*", "a *monkey* with a *drum*", "a *ship* full of *gold*",
    "a *pirate* and his *parrot*", "a *squirrel* and her *nuts*", "a *goat* on a *bridge*",
    "a *clown* who cannot find his *shoes*", "the *fisherman* and his *net*",
    "an *elephant* with a *balloon*", "a *bee* and a *rose*", "a *teacher* with a *secret*",
    "a *pig* in the *mud*", "the *ant* and the *leaf*", "a *giant* in a *cave*",
    "a *witch* with a *broom*", "a *cow* on the *road*", "a *penguin* on the *ice*",
    "a *whale* and a *lighthouse*", "the *soldier* and his *letter*", "a *kitten* in a *box*",
    "a *swan* on the *lake*", "a *farmer* and his *donkey*", "a *grandmother* and her *clock*",
    "a *tiger* in the *rain*", "a *doll* with a blue *dress*", "the *river* and the *stone*",
    "a *puppy* and a *butterfly*", "a *violin* in the *window*",
)  # fmt: skip
KINDS = ("story", "fable", "poem", "rhyme")
VOICES = ("child", "plain", "grand")
STORIES = 50
FIRST_WORDS = 90
"""Of each text, compared: distinct-2 falls with length, so that all have to be equally long."""
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Written:
    """A text, and how fast it came."""

    text: str
    tokens: int
    seconds: float


def write(folder: Path, bench: Workbench, seed: int, **values: Value) -> Written:
    """One text of the text family, settings that are not named left as they are."""
    recipe = Recipe("text", "text.chat", folder.name, seed, values)
    with tempfile.TemporaryDirectory() as name:
        job = Job("bench", recipe, Path(name), folder)
        loaded = genai.load(job, bench)
        text, start = "", time.perf_counter()
        for step in chat.run(job, bench):
            if isinstance(step, TextPreview):
                text += step.text
        seconds = time.perf_counter() - start
    return Written(text, len(loaded.tokenizer.encode_plain(text)), seconds)


def wishes() -> list[tuple[dict[str, Value], tuple[str, ...]]]:
    """The sixty wishes and their subjects; every third names its words, the others tell an idea."""
    found = []
    for number, idea in enumerate(IDEAS):
        subjects = tuple(re.findall(r"\*(\w+)\*", idea))
        told: dict[str, Value] = {"prompt": idea.replace("*", "")}
        if number % 3 == 2:
            told = {"words": ", ".join(subjects)}
        kind, voice = KINDS[number % 4], VOICES[number // 4 % 3]
        found.append((told | {"kind": kind, "voice": voice}, subjects))
    return found


def judge(folder: Path, learned: Learned, people: list[str]) -> list[Written]:
    """Every figure of one model; what it wrote to the wishes."""
    bench = Workbench()
    write(folder, bench, 0, prompt="a fox")  # loads the model
    answers, found, both = [], 0, 0
    for number, (values, subjects) in enumerate(wishes()):
        answers.append(write(folder, bench, number, **values))
        there = [bool(re.search(rf"\b{s}", answers[-1].text.lower())) for s in subjects]
        found, both = found + sum(there), both + all(there)
    told = [
        write(folder, bench, 1000 + n, prompt=idea.replace("*", "")).text
        for n, idea in enumerate(IDEAS[:STORIES])
    ]
    name = folder.name
    report.figure(f"{name}: subjects in the text", "%", 100 * found / 120, "at least 80")
    report.figure(f"{name}: texts with both subjects", "%", 100 * both / 60)
    mine, theirs = (_comparable(texts) for texts in (told, people))
    beside = f"{len(theirs)} held-out stories of people"
    report.figure(
        f"{name}: distinct-2 of {len(mine)} stories", "", distinct(mine),
        peers={beside: distinct(theirs)},
    )  # fmt: skip
    report.figure(
        f"{name}: self-BLEU of {len(mine)} stories", "", self_bleu(mine),
        peers={beside: self_bleu(theirs)},
    )  # fmt: skip
    report.figure(
        f"{name}: distinct-2 within a story", "", float(np.mean([distinct([t]) for t in mine])),
        peers={beside: float(np.mean([distinct([t]) for t in theirs]))},
    )  # fmt: skip
    everything = [*told, *(a.text for a in answers)]
    report.figure(
        f"{name}: words that it never read", "%",
        100 * float(np.mean([learned.unknown(t) for t in everything])),
        peers={beside: 100 * float(np.mean([learned.unknown(t) for t in people]))},
    )  # fmt: skip
    runs = [learned.longest(t) for t in everything]
    lengths = [len(run) for run in runs]
    human = [len(learned.longest(t)) for t in people]
    report.figure(
        f"{name}: longest copied run", "words", max(lengths), "at most 25",
        peers={beside: max(human)},
    )  # fmt: skip
    report.figure(
        f"{name}: longest copied run, median", "words", float(np.median(lengths)),
        peers={beside: float(np.median(human))},
    )  # fmt: skip
    print("  the longest:", " ".join(runs[int(np.argmax(lengths))]))
    report.figure(
        f"{name}: texts that end with a sentence", "%",
        100 * sum(not a.text.endswith("…") for a in answers) / len(answers),
    )  # fmt: skip
    rates = [a.tokens / a.seconds for a in answers]
    # The fastest tells what the machine can do when it is left alone.
    report.figure(f"{name}: the whole job, the fastest", "tokens/s", max(rates), "at least 300")
    return answers


def _comparable(texts: list[str]) -> list[list[str]]:
    """The first words of the texts that have so many."""
    return [w[:FIRST_WORDS] for w in map(words, texts) if len(w) >= FIRST_WORDS]


def main() -> None:
    given = [Path(a) for a in sys.argv[1:]] or [resources() / "models" / "triptych-story"]
    data = Path(os.environ.get("TRIPTYCH_DATA", "data"))
    if not (data / "text").is_dir():
        print("texts were not judged: TRIPTYCH_DATA has to name the folder of the training data.")
        return
    sources, held = stories.split(data, random.Random(0))
    learned = Learned(d.text for documents in sources.values() for d in documents)
    people = [d.text for d in held]
    people = [t for t in people if len(words(t)) >= FIRST_WORDS][:STORIES]
    for folder in given:
        answers = judge(folder, learned, people)
        for (values, _), answer in list(zip(wishes(), answers, strict=True))[:: 60 // SHOWN + 1]:
            print(f"\n{cast(dict[str, object], values)}\n{answer.text}")


if __name__ == "__main__":
    main()
