"""Judging the exported starter models: the figures that stand on their cards."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from studio.core import abc, score
from studio.training import music, stories
from studio.training.diffusion import set_steps
from studio.training.export_image import run_graph_session
from studio.training.pictures import PictureData, Pixels
from studio.training.sampling import Sampler, longest_copies

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

    from studio.training.language import Tokens

Figures = dict[str, float]

TUNE_HEADERS = (
    ("jig", "6/8", "1/8", "G"), ("jig", "6/8", "1/8", "D"), ("reel", "2/2", "1/8", "G"),
    ("reel", "2/2", "1/8", "Ador"), ("hornpipe", "4/4", "1/8", "D"), ("waltz", "3/4", "1/8", "G"),
    ("march", "2/4", "1/16", "D"), ("tune", "2/4", "1/16", "G"), ("slip jig", "9/8", "1/8", "Em"),
    ("tune", "6/8", "1/8", "F"),
)  # fmt: skip
WISH_WORDS = (
    ("fox", "moon"), ("boat", "storm"), ("cat", "hat"), ("king", "ring"), ("bird", "tree"),
    ("dragon", "cake"), ("bear", "honey"), ("frog", "pond"), ("girl", "kite"), ("dog", "ball"),
    ("mouse", "cheese"), ("tree", "apple"), ("rabbit", "garden"), ("train", "hill"),
    ("horse", "farm"), ("star", "night"), ("fish", "sea"), ("lion", "thorn"), ("robot", "flower"),
    ("owl", "forest"),
)  # fmt: skip


def judge_tunes(sampler: Sampler, training: Tokens, each: int = 10) -> Figures:
    """Tunes drawn at temperature 0.7: how many bars and tunes are complete, and how much is
    copied."""
    bars = complete = whole = read = ended = 0
    rows: list[Tokens] = []
    for number, fields in enumerate(TUNE_HEADERS):
        top = music.header(*fields)
        for draw in range(each):
            body, end = sampler.text(top, 100 * draw + number, temperature=0.7)
            ended += end
            ids = sampler.tokenizer.encode(body, add_special_tokens=False).ids
            rows.append(np.array(ids, dtype=np.uint16))
            try:
                tune = abc.parse(top + body)
                judged = score.check(tune)
                whole += music.is_whole(tune, at_least=6)
            except abc.AbcError:
                continue
            read += 1
            bars += judged.bars
            complete += judged.complete
    total = len(rows)
    copies = longest_copies(rows, training)
    return {
        "tunes drawn": total,
        "readable": read / total,
        "ended by themselves": ended / total,
        "bars complete": complete / max(1, bars),
        "tunes whole": whole / total,
        "longest copied run, median tokens": float(np.median(copies)),
        "longest copied run, most tokens": max(copies),
    }


def judge_stories(sampler: Sampler, training: Tokens) -> tuple[Figures, list[str]]:
    """Texts drawn at temperature 0.7, two words asked for: are they in it, does it end, is it
    copied?"""
    hits = asked = ended = 0
    rows: list[Tokens] = []
    texts: list[str] = []
    for number, words in enumerate(WISH_WORDS):
        kind = stories.KINDS[0] if number % 2 == 0 else stories.KINDS[number // 2 % 4]
        style = stories.STYLES[number % 2]
        head = stories.wish(kind, style, list(words), "")
        body, end = sampler.text(head + "\n\n", number, temperature=0.7, top_p=0.95)
        ended += end
        asked += len(words)
        hits += sum(bool(re.search(rf"\b{word}", body.lower())) for word in words)
        ids = sampler.tokenizer.encode(body, add_special_tokens=False).ids
        rows.append(np.array(ids, dtype=np.uint16))
        texts.append(f"{head}\n\n{body}")
    copies = longest_copies(rows, training)
    return {
        "texts drawn": len(rows),
        "asked words used": hits / asked,
        "ended by themselves": ended / len(rows),
        "longest copied run, median tokens": float(np.median(copies)),
        "longest copied run, most tokens": max(copies),
    }, texts


class Draws(Protocol):
    """Whatever draws one picture for each prompt."""

    def draw(self, prompts: list[str], seed: int = 0) -> Pixels:
        """uint8 (n, h, w, 3)."""


@dataclass
class Sketcher:
    """Draws pictures from the exported graphs with the folder's own scheduler, above a guidance of
    1 with a second run that has no words; 0 threads are all."""

    folder: Path
    tokenizer: CLIPTokenizer
    steps: int = 20
    guidance: float = 4.0
    threads: int = 0

    def __post_init__(self) -> None:
        self._text, self._unet, self._decoder = (
            run_graph_session(self.folder / part / "model.onnx", self.threads)
            for part in ("text_encoder", "unet", "vae_decoder")
        )
        config = json.loads((self.folder / "vae_decoder" / "config.json").read_text("utf-8"))
        unet = json.loads((self.folder / "unet" / "config.json").read_text("utf-8"))
        self._factor = float(config["scaling_factor"])
        self._shape = (int(unet["in_channels"]), int(unet["sample_size"]), int(unet["sample_size"]))

    def _context(self, prompts: list[str]) -> npt.NDArray[np.float32]:
        rows = self.tokenizer(prompts, padding="max_length", truncation=True).input_ids
        return np.asarray(self._text({"input_ids": np.asarray(rows, dtype=np.int64)})[0])

    def draw(self, prompts: list[str], seed: int = 0) -> Pixels:
        """One picture for each prompt, uint8 (n, h, w, 3)."""
        import diffusers
        import torch

        copies = 2 if self.guidance > 1 else 1
        context = self._context(prompts)
        if copies == 2:
            context = np.concatenate([context, self._context([""] * len(prompts))])
        config = json.loads(
            (self.folder / "scheduler" / "scheduler_config.json").read_text("utf-8")
        )
        scheduler: Any = getattr(diffusers, config["_class_name"]).from_config(config)
        set_steps(scheduler, self.steps)
        generator = torch.Generator().manual_seed(seed)
        latents = torch.randn((len(prompts), *self._shape), generator=generator)
        latents = latents * scheduler.init_noise_sigma
        for time in scheduler.timesteps:
            feed = {
                "sample": np.concatenate([latents.numpy()] * copies),
                "timestep": np.full(copies * len(prompts), float(time), dtype=np.float32),
                "encoder_hidden_states": context,
            }
            predicted = np.asarray(self._unet(feed)[0])
            if copies == 2:
                wanted, plain = np.split(predicted, 2)
                predicted = plain + self.guidance * (wanted - plain)
            latents = scheduler.step(torch.from_numpy(predicted), time, latents).prev_sample
        pictures = self._decoder({"latent_sample": (latents / self._factor).numpy()})[0]
        scaled = (np.clip(pictures, -1, 1) + 1) * 127.5
        return np.asarray(scaled.round().astype(np.uint8).transpose(0, 2, 3, 1))


def _small(pixels: Pixels, side: int = 16) -> npt.NDArray[np.float32]:
    count, height, width, _ = pixels.shape
    blocks = pixels.reshape(count, side, height // side, side, width // side, 3).astype(np.float32)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(count, -1))


def judge_sketches(sketcher: Draws, data: PictureData, count: int = 96) -> Figures:
    """How often the training picture nearest to a drawn one bears the name that was asked for."""
    originals = [i for i, p in enumerate(data.pictures) if not p.shifted]
    chosen = np.random.default_rng(0).choice(originals, count, replace=False)
    prompts = [f"{data.pictures[i].caption}, {data.pictures[i].style}" for i in chosen]
    drawn = np.concatenate(
        [sketcher.draw(prompts[i : i + 16], seed=i) for i in range(0, count, 16)]
    )
    known, got = _small(data.pixels[originals]), _small(drawn)
    right = 0
    top5 = 0
    for picture, index in zip(got, chosen, strict=True):
        near = np.square(known - picture).mean(axis=1).argsort()[:5]
        names = [data.pictures[originals[j]].caption for j in near]
        right += names[0] == data.pictures[index].caption
        top5 += data.pictures[index].caption in names
    return {"nearest has the name": right / count, "one of five nearest has it": top5 / count}


def contact_sheet(pictures: Pixels, columns: int, scale: int = 2) -> Pixels:
    """Pictures side by side, row by row, each enlarged ``scale`` times; missing places are
    white."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, dtype=np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + height, left : left + width] = picture
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)
