"""The fault family of the text lane, and a converter that takes its time, in an engine process."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
import types
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from studio.core.messages import Convert, Progress
from studio.engine.convert import registry
from studio.engine.registry import Entry
from tests.engine import faults
from tests.models import makers

STEPS, PACE = 20, 0.05
SPEC = faults.spec("text")
ENTRIES: tuple[Entry, ...] = (Entry(SPEC.id, "text", __name__), *faults.ENTRIES[1:])


def convert(order: Convert) -> Iterator[Progress]:
    """What a converter is: a folder completed, step by step."""
    for step in range(STEPS):
        yield Progress("converting", step, STEPS, step / STEPS)
        (order.folder / f"part-{step}").write_text("half")
        time.sleep(PACE)
    for step in range(STEPS):
        (order.folder / f"part-{step}").unlink()
    model = {"type": "llama", "decoder": {"filename": "model.onnx"}}
    (order.folder / "genai_config.json").write_text(json.dumps({"model": model}))
    makers.onnx(order.folder / "model.onnx")
    (order.folder / faults.MARK).write_text(str(order.options["precision"]))
    yield Progress("converting", STEPS, STEPS, 1.0)


run = partial(faults.run, "text")

if multiprocessing.parent_process() is not None:  # here an engine imports its families
    _module = types.ModuleType(f"{__name__}.slow")
    cast(Any, _module).run = convert
    sys.modules[_module.__name__] = _module
    registry.CONVERTERS = (registry.Line("text.genai", "text", _module.__name__),)
