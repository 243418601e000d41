"""Models that are one graph from a picture to a picture: opened, fed and saved the same way.

The layout is that of transformers.js: `config.json`, `onnx/model.onnx` and, where the model wants
its picture prepared, `preprocessor_config.json`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core import media
from studio.core.controls import Picture, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.files import write_atomic
from studio.core.messages import ImagePreview, Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import device
from studio.engine.image import handover, pictures
from studio.engine.image.layout import read_json
from studio.engine.image.standins import Brake
from studio.engine.sessions import open_session, unreadable
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Pixels = npt.NDArray[np.float32]

LOADED, DRAWN = 0.05, 0.97
"""Parts of a job's progress after loading and after computing."""
PREVIEW_SIDE = 512
"""Pixels on the longer side of a preview."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a picture becomes the graph's input: transformers' image processors, as settings."""

    size: tuple[int, int] | None
    """Height and width that every picture is brought to; None keeps its own."""
    multiple: int
    """Sides are made multiples of it."""
    scale: float
    """What 8-bit values are multiplied by."""
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(slots=True)
class Loaded:
    """An opened model: what stays between jobs."""

    session: Any
    """onnxruntime.InferenceSession."""
    input: str
    dtype: Any
    fixed: tuple[int | None, int | None]
    """Height and width that the graph insists on."""
    preparation: Preparation
    config: Mapping[str, Any]
    provider: str
    brake: Brake


def run(
    job: Job,
    bench: Workbench,
    spec: FamilySpec,
    make: Callable[[Work], Image.Image],
) -> Generator[Step, None, None]:
    """One picture from one picture, computed by `make`. Raises StudioError."""
    work = Work(job, bench, spec)
    yield from handover.steps(partial(work.run, make), work.halt, work.beat)


class Work:
    """One job, from the picture to the file. Works in a thread, is stopped from another."""

    def __init__(self, job: Job, bench: Workbench, spec: FamilySpec) -> None:
        self.job, self.bench, self.spec = job, bench, spec
        self.values = complete(spec.controls, job.recipe.values)
        self.picture: Image.Image
        self.model: Loaded
        self._brake: Brake | None = None
        self._halted = False
        self._last = Progress("starting", 0, 1, 0.0)
        self._emit: Callable[[Step], None] = lambda step: None

    def halt(self) -> None:
        """Stop the graph that runs. Called from the generator's thread."""
        self._halted = True
        if self._brake is not None:
            self._brake.pull()

    def beat(self) -> Step | None:
        """Where we are, again, while a graph runs: a moment at which it can be stopped."""
        return self._last if self._brake is not None and self._brake.busy else None

    def run(self, make: Callable[[Work], Image.Image], emit: Callable[[Step], None]) -> None:
        """Everything a job is, in order."""
        import numpy as np

        self._emit = emit
        self.say("starting", 0, 1, 0.0)
        path = self.job.inputs.get("picture")
        if path is None:
            raise StudioError(
                "There is no picture to start from yet.", "Choose a picture, or drop one here."
            )
        self.picture = pictures.read(path)
        self.say("loading", 0, 1, 0.0)
        self.model = load(self.job, self.bench)
        self._brake = self.model.brake
        if self._halted:  # a moment ago, when there was no brake to pull yet
            self._brake.pull()
        self.say("loading", 1, 1, LOADED)
        result = make(self)
        self.say("saving", 0, 1, DRAWN)
        self._emit(preview(result))
        recipe = replace(self.job.recipe, values=self.values)
        record = Record(recipe, self.model.provider, mark_ai=self.job.mark_ai)
        file = self.job.folder / "picture.png"
        write_atomic(file, media.embed(pictures.png(np.asarray(result)), file.suffix, record))
        source = self.job.recipe.inputs.get("picture")
        name = str(self.values["prompt"]).strip() or (Path(source.name).stem if source else "")
        summary = {"width": result.width, "height": result.height, "title": name[:48]}
        self._emit(Output((file,), recipe, summary))
        self.say("saving", 1, 1, 1.0)

    def say(self, phase: Phase, step: int, total: int, fraction: float) -> None:
        self._last = Progress(phase, step, total, min(1.0, fraction))
        self._emit(self._last)

    def drawn(self, step: int, total: int) -> None:
        """Part `step` of `total` is computed."""
        self.say("drawing", step, total, LOADED + (DRAWN - LOADED) * step / total)

    def show(self, picture: Image.Image) -> None:
        """The result as far as it is known."""
        self._emit(preview(picture))

    def compute(self, pixels: Pixels) -> Pixels:
        """The graph's first output for one picture (height, width, 3) of 8-bit values.

        Gives (height, width, channels), as the graph says it. Raises StudioError where the graph
        gives no picture, MemoryError where memory ran out.
        """
        import numpy as np

        prepared = self.model.preparation
        scaled = pixels * prepared.scale
        scaled = (scaled - np.asarray(prepared.mean)) / np.asarray(prepared.std)
        feed = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=self.model.dtype)
        try:
            outputs = self.model.brake.run(self.model.session, {self.model.input: feed})
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise _odd(self.job.model) from error
        result = outputs[0].astype(np.float32)
        if result.ndim == 3:  # depth models leave the channel out
            result = result[:, None]
        if result.ndim != 4 or len(result) != 1 or result.shape[1] not in (1, 3):
            raise _odd(self.job.model)
        if not np.isfinite(result).all():
            raise StudioError(
                "The model gave no usable numbers; its files may be damaged.",
                "Install the model again, or choose another one.",
            )
        made: Pixels = result[0].transpose(1, 2, 0)
        return made


def load(job: Job, bench: Workbench) -> Loaded:
    """The model of a job, from the bench where it is held, its brake off.

    Raises StudioError naming the file that is missing or cannot be used.
    """
    key = (
        "onegraph",
        job.model.name,
        folder_stamp(job.model),
        tuple(device.providers(job.device)),
        device.threads(job.device),
    )
    model = bench.take(key, lambda: _open(job, bench), folder_size(job.model))
    bench.provider = model.provider
    model.brake.release()
    return model


def _open(job: Job, bench: Workbench) -> Loaded:
    import numpy as np

    path = graph_of(job)
    session = open_session(job, path, bench)
    inputs = session.get_inputs()
    types = {
        "tensor(float)": np.float32,
        "tensor(float16)": np.float16,
        "tensor(uint8)": np.uint8,
    }
    if len(inputs) != 1 or inputs[0].type not in types or len(inputs[0].shape) != 4:
        raise _odd(job.model)
    shape = inputs[0].shape
    if isinstance(shape[1], int) and shape[1] != 3:
        raise _odd(job.model)
    fixed = tuple(n if isinstance(n, int) and n > 0 else None for n in shape[2:])
    dtype = types[inputs[0].type]
    prepared = _preparation(job.model, raw=dtype == np.uint8)
    return Loaded(
        session=session,
        input=inputs[0].name,
        dtype=dtype,
        fixed=(fixed[0], fixed[1]),
        preparation=prepared,
        config=read_json(job.model, "config.json"),
        provider=bench.provider,
        brake=Brake(),
    )


def graph_of(job: Job) -> Path:
    """The graph to open: half precision on a GPU where there is one, whole precision otherwise.

    Raises StudioError where there is none.
    """
    on_gpu = device.providers(job.device)[0] != device.CPU
    names = ["model.onnx", "model_fp16.onnx", "model_quantized.onnx", "model_int8.onnx"]
    if on_gpu:
        names.insert(0, names.pop(1))
    for name in names:
        for folder in (job.model / "onnx", job.model):
            if (folder / name).is_file():
                return folder / name
    others = sorted((job.model / "onnx").glob("*.onnx")) or sorted(job.model.glob("*.onnx"))
    if others:
        return others[0]
    raise StudioError(
        f"The model “{job.model.name}” is not complete: onnx/model.onnx is missing.",
        f"Install the model “{job.model.name}” again.",
    )


def _preparation(folder: Path, *, raw: bool) -> Preparation:
    """What preprocessor_config.json asks for; values of 0 to 1 in their own size without one."""
    name = "preprocessor_config.json"
    found = read_json(folder, name) if (folder / name).is_file() else {}
    try:
        size = None
        if found.get("do_resize", bool(found.get("size"))):
            size = _size(found.get("size"))
        normal = found.get("do_normalize", "image_mean" in found)
        mean = tuple(float(m) for m in found["image_mean"]) if normal else (0.0,)
        std = tuple(float(s) for s in found["image_std"]) if normal else (1.0,)
        rescale = found.get("do_rescale", True) and not raw
        scale = float(found.get("rescale_factor", 1 / 255)) if rescale else 1.0
        pads = found.get("do_pad", False)
        multiple = int(
            found.get("ensure_multiple_of")
            or found.get("size_divisor")
            or (found.get("pad_size") or 8 if pads else 1)
        )
        if len(mean) not in (1, 3) or len(std) != len(mean) or 0.0 in std:
            raise ValueError("image_mean and image_std do not fit")
        if not 1 <= multiple <= 256:
            raise ValueError("a side cannot be a multiple of that")
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(folder / name, folder) from error
    return Preparation(size, multiple, scale, mean, std)


def _size(given: object) -> tuple[int, int] | None:
    """Height and width out of the ways in which image processors write them."""
    if isinstance(given, Mapping):
        short = given.get("shortest_edge")
        given = (given.get("height", short), given.get("width", short))
    elif isinstance(given, int):
        given = (given, given)
    if given is None:
        return None
    if not isinstance(given, tuple | list):
        raise ValueError("size is neither a number nor a pair")
    height, width = given
    if not all(isinstance(n, int) and 8 <= n <= 4096 for n in (height, width)):
        raise ValueError("size is out of bounds")
    return height, width


def preview(picture: Image.Image) -> ImagePreview:
    """A picture as it is shown while the job runs; what is transparent is white."""
    from PIL import Image

    small = picture.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, "white")
        ground.alpha_composite(small)
        small = ground
    small = small.convert("RGB")
    return ImagePreview(0, small.width, small.height, small.tobytes())


PICTURE = Picture(
    name="picture", label="Picture", help="The picture that the new one is made from."
)
NAME = Text(
    name="prompt",
    label="Name",
    help="What the result is called in the library; empty takes the picture's name.",
    max_length=200,
    placeholder="as the picture",
)


def warm() -> None:
    """Import what a job needs."""
    importlib.import_module("onnxruntime")
    importlib.import_module("PIL.Image")


def _odd(folder: Path) -> StudioError:
    return StudioError(
        f"“{folder.name}” does not make one picture from one picture.", "Choose another model."
    )
