"""Making the quick sketch model: the sketch model's folder again, with a student in place of its
UNet."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.core.errors import StudioError
from studio.training import (
    caption_tokenizer,
    cards,
    distil,
    export_image,
    image,
    judging,
    making,
    pictures,
)
from studio.training.loop import Loop

if TYPE_CHECKING:
    import torch

COMPARED = 64
"""Pictures that teacher and student both draw."""
TIMED = 5


def captions_of(data: pictures.PictureData) -> distil.DrawCaptions:
    """Draws captions as the sketch model was taught with them."""
    weights = image.draw_weights(data)
    chances = np.cumsum(weights / weights.sum())

    def draw(count: int, chance: np.random.Generator) -> list[str]:
        rows = np.searchsorted(chances, chance.random(count)).clip(max=len(chances) - 1)
        return [pictures.caption_for(data.pictures[int(row)], chance) for row in rows]

    return draw


def check(sketch: Path) -> None:
    """Raises StudioError where the sketch model's folder is missing."""
    if not (sketch / "model_index.json").exists():
        raise StudioError(
            "The quick sketch model is made from the sketch model, which is not there.",
            f"Make the image model first; it belongs into {sketch}.",
        )


def export(models: torch.nn.ModuleDict, sketch: Path, folder: Path) -> dict[str, float]:
    """Write a student's folder: tokenizer, autoencoder and all else as the sketch model has them.

    Gives the largest difference to torch of each graph that is not copied.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sketch, folder, ignore=shutil.ignore_patterns("unet", "text_encoder"))
    export_image.write_pipeline_files(folder, distil.quick_scheduler())
    text: Any = models["text"]
    length = caption_tokenizer.LENGTH
    return {
        "text_encoder": export_image.export_text_encoder(text, folder / "text_encoder", length),
        "unet": export_image.export_unet(models, folder / "unet", length),
    }


def seconds_a_picture(sketcher: judging.Sketcher, prompt: str) -> float:
    """The least of some runs, from words to pixels; the first one warms up."""
    taken = []
    for seed in range(TIMED + 1):
        began = time.perf_counter()
        sketcher.draw([prompt], seed)
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def compared(
    student: judging.Sketcher, teacher: judging.Sketcher, data: pictures.PictureData
) -> dict[str, float]:
    """What the student's pictures are beside its teacher's, drawn from the same noise."""
    few = judging.Sketcher(
        teacher.folder, teacher.tokenizer, student.steps, teacher.guidance, teacher.threads
    )
    originals = [p for p in data.pictures if not p.shifted]
    rows = np.random.default_rng(1).choice(len(originals), COMPARED, replace=False)
    prompts = [f"{originals[i].caption}, {originals[i].style}" for i in rows]

    def drawn(sketcher: judging.Sketcher) -> pictures.Pixels:
        parts = [sketcher.draw(prompts[i : i + 16], seed=i) for i in range(0, COMPARED, 16)]
        return np.concatenate(parts)

    best = drawn(teacher).astype(np.float32)

    def away(sketcher: judging.Sketcher) -> float:
        return float(np.sqrt(np.square(drawn(sketcher) - best).mean()))

    names = judging.judge_sketches(student, data), judging.judge_sketches(teacher, data)
    steps, whole = student.steps, teacher.steps
    return {
        f"nearest has the name, {steps} steps": names[0]["nearest has the name"],
        f"nearest has the name, the sketch model in {whole} steps": names[1][
            "nearest has the name"
        ],
        f"one of five nearest has it, {steps} steps": names[0]["one of five nearest has it"],
        f"off the sketch model's pictures in {whole} steps, root mean square of 255": away(student),
        f"the sketch model in {steps} steps off them": away(few),
        "seconds a picture on one CPU core": seconds_a_picture(student, prompts[0]),
        f"seconds a picture, the sketch model in {whole} steps": seconds_a_picture(
            teacher, prompts[0]
        ),
    }


def make(order: making.Order) -> dict[str, Any]:
    """Train a student of the sketch model's checkpoint, and export it beside the sketch model.

    Raises StudioError where folder or checkpoint of the sketch model is missing.
    """
    from transformers import CLIPTokenizer

    sketch, folder = (order.out / making.FOLDERS[name] for name in ("image", "quick"))
    check(sketch)
    teacher = distil.load_teacher((order.checkpoints or Path()) / "image-unet.pt")
    data = pictures.load(order.data)
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(sketch / "tokenizer")
    trainee = distil.DistilTrainee(
        distil.DistilConfig(), teacher, captions_of(data),
        lambda texts: image.token_rows(tokenizer, texts),
    )  # fmt: skip
    loop = Loop("image-quick", order.budget, order.checkpoints, resume=order.resume)
    outcome = loop.run(trainee)
    model = trainee.model.eval()
    differences = export(model, sketch, folder)
    loop.say("judging the pictures")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    figures: dict[str, float | str] = {
        "parameters of the UNet": sum(
            p.numel() for part in distil.TRAINED for p in model[part].parameters()
        ),
        "size, MB": size / 1e6,
        "training, minutes on one CPU core": outcome.seconds / 60,
        "pictures of the sketch model learned from": outcome.steps * trainee.config.batch,
        **compared(
            judging.Sketcher(folder, tokenizer, distil.STEPS, 1.0, threads=1),
            judging.Sketcher(sketch, tokenizer, threads=1),
            data,
        ),
        **{f"largest difference to torch, {k}": v for k, v in differences.items()},
    }
    cards.write(folder, cards.QUICK, figures)
    return making.report(folder, {"quick": outcome}, figures)
