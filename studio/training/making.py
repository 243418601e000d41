"""Making each starter model from data to folder: train, export, judge, write the card and the
report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.training import cards, export_language, language
from studio.training.loop import Budget, Loop, Outcome

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FOLDERS = {
    "music": "triptych-tune",
    "image": "triptych-sketch",
    "quick": "triptych-sketch-quick",
    "text": "triptych-story",
    "voice": "triptych-voice",
    "spelling": "triptych-spelling",
    "drums": "rhythm",
}
STORY_NOTE = (
    "Held out are 150 stories of TinyStories, each after its bare wish. Drawn are 20 texts at "
    "temperature 0.7 and top-p 0.95, each with two words asked for, in one go and without choosing."
)
MINUTES = {
    "music": 18.0,
    "image": 200.0,
    "quick": 57.0,
    "text": 140.0,
    "voice": 80.0,
    "spelling": 6.0,
    "drums": 0.0,
}
IMAGE_SHARES = {"autoencoder": 0.08, "unet": 0.63, "decoder": 0.18, "alpha": 0.11}
"""Parts of the image model's time, by what is trained; together 1."""


@dataclass(frozen=True)
class Order:
    """What the command line asked for."""

    data: Path
    out: Path
    budget: Budget
    checkpoints: Path | None = None
    resume: bool = False


def keep_tokenizer(order: Order, name: str, tokenizer: Tokenizer) -> None:
    """Put the tokenizer beside the checkpoint. Raises StudioError if a resumed run had another."""
    from tokenizers import Tokenizer

    if order.checkpoints is None:
        return
    file = order.checkpoints / f"{name}-tokenizer.json"
    if order.resume and file.exists():
        if Tokenizer.from_file(str(file)).get_vocab() != tokenizer.get_vocab():
            raise StudioError(
                f"The checkpoint of the {name} model was begun with other data.",
                "Train again without --resume, or with the data it was begun with.",
            )
        return
    order.checkpoints.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(file))


def report(
    folder: Path,
    outcomes: dict[str, Outcome],
    figures: dict[str, Any],
    texts: Sequence[str] = (),
) -> dict[str, Any]:
    """Collect a run's numbers and samples; they are not part of the model folder."""
    return {
        "model": folder.name,
        "texts": list(texts),
        "training": {name: asdict(outcome) for name, outcome in outcomes.items()},
        "figures": figures,
    }


def language_figures(
    trainee: language.LanguageTrainee,
    outcome: Outcome,
    exported: export_language.ExportFigures,
    held: language.HeldOut,
) -> dict[str, float | str]:
    """The part of a card that the story and the tune model share."""
    ratio = held.tokens_a_character
    figures: dict[str, float | str] = {
        "parameters": trainee.parameters(),
        "training, minutes on one CPU core": outcome.seconds / 60,
        "tokens seen in training": float(
            outcome.steps * trainee.config.batch * trainee.config.sequence
        ),
    }
    for precision, nats in exported.nats.items():
        size = exported.size[precision] / 1e6
        figures[f"held out, {precision} ({size:.1f} MB)"] = (
            f"{nats:.4f} nats a token, {nats * ratio:.4f} nats a character"
        )
    figures["precision of this folder"] = exported.chosen
    figures["tokens a second on one CPU core, otherwise idle"] = exported.tokens_a_second
    return figures


def make_music(order: Order) -> dict[str, Any]:
    """Train and export the tune model."""
    from studio.training import judging, music
    from studio.training.sampling import Sampler

    data = music.load(order.data)
    keep_tokenizer(order, "music", data.tokenizer)
    trainee = language.LanguageTrainee(
        language.LanguageConfig(vocabulary=data.tokenizer.get_vocab_size()),
        data.train,
        data.held_out,
    )
    loop = Loop("music", order.budget, order.checkpoints, resume=order.resume)
    outcome = loop.run(trainee)
    folder = order.out / FOLDERS["music"]
    held = data.held_out["tunes"]
    exported = export_language.export(
        trainee.model.eval(), data.tokenizer, folder, held, trainee.config.sequence,
        search={"do_sample": True, "temperature": 0.7, "top_p": 1.0, "top_k": 0},
    )  # fmt: skip
    figures = language_figures(trainee, outcome, exported, held)
    loop.say("judging the tunes")
    figures |= judging.judge_tunes(Sampler(folder, data.tokenizer), data.train)
    cards.write(folder, cards.TUNE, figures)
    return report(folder, {"music": outcome}, {**figures, "data": data.counts})


def make_text(order: Order) -> dict[str, Any]:
    """Train and export the story model."""
    from studio.training import judging, stories
    from studio.training.sampling import Sampler

    data = stories.load(order.data)
    keep_tokenizer(order, "text", data.tokenizer)
    trainee = language.LanguageTrainee(
        language.LanguageConfig(
            vocabulary=data.tokenizer.get_vocab_size(), sequence=stories.SEQUENCE, batch=12
        ),
        data.train,
        data.held_out,
        mask=data.train_mask,
    )
    loop = Loop("text", order.budget, order.checkpoints, resume=order.resume)
    outcome = loop.run(trainee)
    folder = order.out / FOLDERS["text"]
    held = data.held_out["TinyStories"]
    exported = export_language.export(
        trainee.model.eval(), data.tokenizer, folder, held, trainee.config.sequence,
        search={"do_sample": True, "temperature": 0.7, "top_p": 0.95, "top_k": 0},
        chat_template=stories.CHAT_TEMPLATE,
    )  # fmt: skip
    figures = language_figures(trainee, outcome, exported, held)
    loop.say("judging the stories")
    judged, texts = judging.judge_stories(Sampler(folder, data.tokenizer), data.train)
    figures |= judged
    cards.write(folder, cards.STORY, figures, (STORY_NOTE,))
    return report(folder, {"text": outcome}, {**figures, "data": data.counts}, texts)


def make_image(order: Order) -> dict[str, Any]:
    """Train and export the sketch model."""
    import shutil
    import tempfile

    from studio.training import (
        caption_tokenizer,
        export_image,
        image,
        judging,
        pictures,
        sketch_judging,
    )

    data = pictures.load(order.data)
    budgets, checkpoints = shares(order.budget), order.checkpoints
    painter, learned = image.train_autoencoder(
        data, budgets["autoencoder"], checkpoints, resume=order.resume
    )
    latents = image.encode(painter.model, data)
    folder = order.out / FOLDERS["image"]
    with tempfile.TemporaryDirectory() as scratch:
        words = (checkpoints or Path(scratch)) / "image-tokenizer"
        tokenizer = image.make_tokenizer(data, words, resume=order.resume)
        trainee, outcome = image.train_diffusion(
            data, latents, tokenizer, budgets["unet"], checkpoints, resume=order.resume
        )
        shutil.copytree(words, folder / "tokenizer", dirs_exist_ok=True)
    large = pictures.load_sharp(order.data)
    finish = image.train_finish(
        large, painter.model, (budgets["decoder"], budgets["alpha"]), checkpoints,
        resume=order.resume,
    )  # fmt: skip
    differences = export_image.export(
        trainee.averaged(), painter.model, finish.decoder.model, folder,
        size=pictures.SIZE, length=caption_tokenizer.LENGTH, scaling_factor=latents.factor,
    )  # fmt: skip
    differences["alpha"] = export_image.export_alpha(
        finish.alpha.model, folder / "alpha", pictures.SHARP, finish.alpha.config.channels
    )
    outcomes = {"autoencoder": learned, "unet": outcome, **finish.outcomes}
    sketcher = judging.Sketcher(folder, tokenizer)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    parameters = trainee.parameters()
    figures: dict[str, float | str] = {
        "parameters of the UNet": parameters["unet"] + parameters["map"],
        "parameters of the text encoder": parameters["text"],
        "parameters of the autoencoder": sum(p.numel() for p in painter.model.parameters()),
        "size, MB": size / 1e6,
        "training, minutes on one CPU core": sum(o.seconds for o in outcomes.values()) / 60,
        "pictures learned from": len(data.pictures),
        "pictures seen in training": outcome.steps * trainee.config.batch,
        "autoencoder on held-out things, PSNR in dB": painter.evaluate()["psnr dB"],
        **finish.figures(folder),
        **judging.judge_sketches(sketcher, data),
        **sketch_judging.near_copies(
            sketcher,
            pictures.load(order.data, size=pictures.SHARP),
            pictures.load_others(order.data),
        ),
        **sketch_judging.combinations(sketcher, data),
        **{f"largest difference to torch, {k}": v for k, v in differences.items()},
    }
    cards.write(folder, cards.SKETCH, figures)
    return report(folder, outcomes, figures)


def make_quick(order: Order) -> dict[str, Any]:
    """Train the sketch model's quick student, when there is a sketch model."""
    from studio.training import quick

    return quick.make(order)


def make_voice(order: Order) -> dict[str, Any]:
    """Train and export the voice."""
    from studio.training import voice_making

    return voice_making.make(order)


def make_spelling(order: Order) -> dict[str, Any]:
    """Train what guesses how unknown words are read; no model folder but a file beside them."""
    from studio.training import spelling

    loop = Loop("spelling", order.budget, order.checkpoints, resume=order.resume)
    return spelling.make(order.out / "speech", loop)


def shares(budget: Budget) -> dict[str, Budget]:
    """The image model's budget, divided among what is trained."""
    return {
        name: Budget(budget.minutes * part, budget.steps) for name, part in IMAGE_SHARES.items()
    }


def make_drums(order: Order) -> dict[str, Any]:
    """Learn the grooves of the drummer; it takes seconds and has no checkpoint."""
    from studio.training import drums

    folder = order.out / FOLDERS["drums"]
    return report(folder, {}, drums.make(order.data, folder))


MAKERS: dict[str, Callable[[Order], dict[str, Any]]] = {
    "music": make_music,
    "image": make_image,
    "quick": make_quick,
    "text": make_text,
    "voice": make_voice,
    "spelling": make_spelling,
    "drums": make_drums,
}


def write_report(path: Path, made: dict[str, Any]) -> None:
    """Write a run's report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
