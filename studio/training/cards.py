"""Model cards: what a starter model is, what it was made from, and the figures measured on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Credit:
    """A source of training data: what it is, who made it, and under which terms it is shared."""

    title: str
    makers: str
    licence: str
    address: str


@dataclass(frozen=True)
class Card:
    """The parts of a card; ``tags`` go into the front matter."""

    title: str
    pipeline: str
    tags: tuple[str, ...]
    about: str
    use: str
    limits: str
    credits: tuple[Credit, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    """What it is best run with, by the names of diffusers; the studio reads them too."""


STORY_CREDITS = (
    Credit(
        "TinyStories (parts of it)",
        "Ronen Eldan, Yuanzhi Li",
        "CDLA-Sharing-1.0",
        "https://huggingface.co/datasets/roneneldan/TinyStories",
    ),
    Credit(
        "StoryWeaver picture books (the CC BY ones)",
        "Pratham Books and the books' authors",
        "CC BY 4.0",
        "https://github.com/global-asp/pb-source",
    ),
    Credit(
        "African Storybook (the CC BY ones)",
        "African Storybook Initiative and the books' authors",
        "CC BY 3.0 and 4.0",
        "https://github.com/global-asp/asp-source",
    ),
    Credit(
        "TinyFabulist (fables written by openly licensed models)",
        "KlusAI Labs",
        "MIT",
        "https://github.com/klusai/tinyfabulist",
    ),
    Credit(
        "The Aesop for Children (1919)",
        "Library of Congress edition",
        "public domain",
        "https://read.gov/aesop/",
    ),
    Credit(
        "English Gutenberg Poetry (short poems)",
        "Thomas Haider; Project Gutenberg texts",
        "public domain",
        "https://github.com/tnhaider/english-gutenberg-poetry",
    ),
    Credit(
        "Old fairy-tale books (Jacobs, Lang, the Grimms, Andersen, Wilde and others)",
        "GITenberg; Project Gutenberg texts",
        "public domain",
        "https://github.com/GITenberg",
    ),
)
TUNE_CREDITS = (
    Credit(
        "O'Neill's Music of Ireland (1903), Ryan's Mammoth Collection (1883), Aird's Airs (1782)",
        "the transcribers into ABC; collected by the music21 project (Michael Scott Asato "
        "Cuthbert)",
        "tunes in the public domain; transcriptions shared by permission, some perhaps not for "
        "commercial copies of the transcription itself",
        "https://github.com/cuthbertLab/music21",
    ),
)
SKETCH_CREDITS = (
    Credit(
        "Fluent Emoji (3D and Flat)",
        "Microsoft Corporation",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
    ),
    Credit("Noto Emoji", "Google, Inc.", "Apache-2.0", "https://github.com/googlefonts/noto-emoji"),
    Credit(
        "Twemoji",
        "Twitter, Inc. and other contributors; jdecked",
        "CC BY 4.0 (graphics)",
        "https://github.com/jdecked/twemoji",
    ),
    Credit(
        "Blobmoji",
        "Google, Inc.; C1710 and contributors",
        "Apache-2.0",
        "https://github.com/C1710/blobmoji",
    ),
)

VOICE_CREDITS = (
    Credit(
        "CMU ARCTIC slt for HTS (Debian: festvox-us-slt-hts), the female voice's source",
        "Carnegie Mellon University; Nagoya Institute of Technology and the HTS working group",
        "free for any use, with notices kept (BSD-like; Copyright 2003 Carnegie Mellon University; "
        "parts BSD-3-Clause)",
        "http://festvox.org/packed/festival/2.1/",
    ),
    Credit(
        "CMU ARCTIC rms in flite 2.2 (Debian: flite), the male voice's source",
        "Language Technologies Institute, Carnegie Mellon University",
        "free for any use, with notices kept (BSD-like; Copyright 1999-2001 Carnegie Mellon "
        "University)",
        "http://cmuflite.org",
    ),
    Credit(
        "Festival 2.5 and CMUdict, which read the sentences",
        "University of Edinburgh (CSTR), Carnegie Mellon University",
        "free for any use, with notices kept (MIT-like)",
        "http://www.cstr.ed.ac.uk/projects/festival.html",
    ),
    *(credit for credit in STORY_CREDITS if "Poetry" not in credit.title),
)

STORY = Card(
    title="Triptych Story",
    pipeline="text-generation",
    tags=("onnx", "onnxruntime-genai", "llama", "stories", "poems"),
    about=(
        "A very small Llama, trained from nothing, that writes short stories, fables, poems and "
        "rhymes from a wish in plain words. It comes with Triptych so that the text pane writes "
        "something in the first minute, without a download."
    ),
    use=(
        "The chat template turns the last message of the user into `<s>{wish}` and an empty line; "
        "the model writes the text and ends it with `</s>`. A wish reads:\n\n```\nWrite a "
        "{story|fable|poem|rhyme} {for a child|in plain words|in a grand style}. Words: fox, "
        "moon. Idea: a fox who lost his hat.\n```\n\n`Words:` (up to four nouns) and `Idea:` (4 "
        "to 14 words) may be left out. Temperature 0.7 and top-p 0.95 suit it."
    ),
    limits=(
        "It knows a small child's English, forgets what it began with after some sentences, has "
        "no knowledge of the world and answers no questions. Poems keep the form better than the "
        "sense. It can write unpleasant or untrue sentences; read before you share."
    ),
    credits=STORY_CREDITS,
)
TUNE = Card(
    title="Triptych Tune",
    pipeline="text-to-audio",
    tags=("onnx", "onnxruntime-genai", "llama", "abc-notation", "music", "folk"),
    about=(
        "A very small Llama, trained from nothing, that writes one-voice folk tunes in ABC "
        "notation. It comes with Triptych, which plays what it writes."
    ),
    use=(
        "A text begins with `<s>` (id 1) and four header lines, and the model writes the body and "
        "`</s>` (id 2):\n\n```\nR:jig\nM:6/8\nL:1/8\nK:G\n```\n\n`R:` is one of jig, reel, "
        "hornpipe, waltz, march, air, strathspey, slip jig, minuet, tune. Usual pairs: jig 6/8 "
        "1/8, reel 2/2 1/8, hornpipe 4/4 1/8, waltz 3/4 1/8, slip jig 9/8 1/8, march 2/4 1/16. "
        "Keys: C, G, D, A, F, Bb, E in major (`G`), minor (`Em`), Dorian (`Ador`) or Mixolydian "
        "(`Dmix`). A token is a note with its length, or a bar line. Temperature 0.7 suits it."
    ),
    limits=(
        "It writes British, Irish and American dance tunes of the 18th and 19th century and "
        "nothing else. Now and then a bar is too long or too short: check, and draw again. "
        "Phrases come back, cadences are often weak, and a tune may go on without end."
    ),
    credits=TUNE_CREDITS,
)
SKETCH = Card(
    title="Triptych Sketch",
    pipeline="text-to-image",
    tags=("onnx", "diffusers", "stable-diffusion", "emoji"),
    about=(
        "A very small latent diffusion model, trained from nothing, that draws single things of "
        "128x128 pixels on white, or cut out as stickers. It comes with Triptych in the layout of "
        "a Stable Diffusion pipeline exported to ONNX, and runs through the same code as the large "
        "ones."
    ),
    use=(
        "A prompt names a thing, with a colour if you like, and a style: `blue apple, 3d`. "
        "Styles: `3d`, `flat`, `cartoon`, `sticker`, `blob`. The scheduler is any of diffusers' "
        "that knows v-prediction with zero terminal signal and trailing steps; DPM-Solver++ (2M) "
        "with 20 steps and a guidance scale of 4 is the default. Weights are stored as int8 "
        "and computed in float32.\n\nA latent is 8x8 pixels wide, though the UNet has learned from "
        "pictures of half the size: the decoder was taught finer edges afterwards, and the "
        "encoder takes means of four pixels. `alpha` is no part of the pipeline: its graph takes "
        "a finished picture (`sample`, -1 to 1, height and width in multiples of 16) and tells "
        "how opaque each pixel is (`alpha`, 0 to 1)."
    ),
    limits=(
        "It knows some 450 things that emoji show, one at a time: animals, food, plants, vehicles, "
        "household things, faces. It does not know scenes, people you name, writing, or counting. "
        "Forms are soft, and rare things come out as something else."
    ),
    credits=SKETCH_CREDITS,
    parameters={"num_inference_steps": 20, "guidance_scale": 4.0},
)
QUICK = Card(
    title="Triptych Sketch, quick",
    pipeline="text-to-image",
    tags=("onnx", "diffusers", "stable-diffusion", "distilled", "emoji"),
    about=(
        "Triptych Sketch, taught to draw in 4 steps and without guidance what takes it 20 steps of "
        "two runs each. It was distilled from the sketch model's own drawings (progressive "
        "distillation with the guidance built in), and saw no picture. Autoencoder and words are "
        "the sketch model's, and so is what it can draw."
    ),
    use=(
        "A prompt names a thing, with a colour if you like, and a style: `blue apple, 3d`. "
        "Styles: `3d`, `flat`, `cartoon`, `sticker`, `blob`. DDIM with 4 trailing steps and a "
        "guidance scale of 1 is what it was taught for; a guidance above 1 burns colours, and more "
        "steps do not make it better. Weights are stored as int8 and computed in float32."
    ),
    limits=(
        "Those of the sketch model, and a little less detail. A negative prompt does nothing, "
        "since there is no guidance."
    ),
    credits=SKETCH_CREDITS,
    parameters={"num_inference_steps": 4, "guidance_scale": 1.0},
)
VOICE = Card(
    title="Triptych Voice",
    pipeline="text-to-speech",
    tags=("onnx", "piper", "text-to-speech", "fastspeech2", "vocoder"),
    about=(
        "A very small English voice, trained from nothing on the speech of two free synthesizers: "
        "clara, who is female, and ruben, who is male. It comes with Triptych so that the audio "
        "pane reads aloud in the first minute, without a download. A convolutional FastSpeech 2 "
        "says how long, how high and how loud each phoneme is and what its spectrum looks like; a "
        "neural homomorphic vocoder makes sound of 16 kHz of it."
    ),
    use=(
        "The folder is a Piper voice: `voice.onnx` with `voice.onnx.json`. The graph takes "
        "`input` (the phonemes' ids, `^` before and `$` behind), `input_lengths`, `scales` (how "
        "much the melody moves, how long everything lasts, how much the rhythm varies; 1 is "
        "usual), `sid` (0 clara, 1 ruben), and one input more than Piper's, `pitch`, in "
        "semitones. Besides `output` it gives `ends`: the sample at which each symbol ends. "
        "Phonemes are in misaki's alphabet (`phoneme_type`)."
    ),
    limits=(
        "It sounds like the synthesizers that it learned from: clear, somewhat buzzing, even in "
        "mood. It reads American English; names and words of other languages are read by rule. "
        "It learned from synthetic speech only, and is not to be passed off as anybody's."
    ),
    credits=VOICE_CREDITS,
)


def number(value: float) -> str:
    """A figure as it stands in a table: whole numbers whole, others to four digits."""
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 10 else f"{value:.4g}"


def write(
    folder: Path, card: Card, figures: Mapping[str, float | str], notes: Sequence[str] = ()
) -> None:
    """Write README.md with Hugging Face front matter."""
    lines = ["---", "license: apache-2.0", "language: en", f"title: {card.title}"]
    lines.append(f"pipeline_tag: {card.pipeline}")
    if card.parameters:
        lines += ["inference:", "  parameters:"]
        lines += [f"    {name}: {value}" for name, value in card.parameters.items()]
    lines += ["tags:", *(f"- {tag}" for tag in card.tags), "---"]
    lines += ["", f"# {card.title}", "", card.about, "", "## Use", "", card.use]
    lines += ["", "## Measured", "", "| | |", "|---|---|"]
    for name, value in figures.items():
        lines.append(f"| {name} | {value if isinstance(value, str) else number(value)} |")
    lines += ["", *notes] if notes else []
    lines += ["", "## Limits", "", card.limits, "", "## Made from", ""]
    for credit in card.credits:
        lines.append(f"- [{credit.title}]({credit.address}), {credit.makers}: {credit.licence}")
    lines += [
        "",
        "The weights are under the Apache License 2.0. The data is not part of the model folder; "
        "where its terms ask for a credit, this is it.",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", "utf-8")
