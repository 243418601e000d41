"""docs/benchmarks.md: the figures of each part as it was last run, with the machine."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.engine.device import versions
from studio.engine.gpus import processor

DOCS = Path(__file__).resolve().parents[1] / "docs"
DATA = DOCS / "benchmarks.json"
PAGE = DOCS / "benchmarks.md"
HEAD = (
    "# Benchmarks\n"
    "`make bench` prints these on your machine; `python -m bench --keep PART…` brings this page up"
    " to date. Each figure stands beside its peer's from the same run, at the same number of"
    " threads (one, unless it says otherwise). A ratio above 1 means that Triptych is faster."
    " Models have the published shapes and random weights: speed does not depend on what the"
    " weights say. The parts “texts” and “tunes” are no speeds: there the starter models are judged"
    " by what a person gets from them, beside what people wrote.\n"
)


def keep(part: str, lines: Sequence[str]) -> None:
    """Put the rows of one part in the place of those that were there."""
    kept: dict[str, Any] = json.loads(DATA.read_text("utf-8")) if DATA.exists() else {}
    kept[part] = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "rows": [json.loads(line) for line in lines],
    }
    DATA.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(kept), "utf-8")


def machine() -> str:
    """The processor and what runs the models, in a line."""
    cores = os.cpu_count() or 1
    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{processor()}, {cores} cores, {platform.system()}; {found}"


def page(kept: dict[str, Any]) -> str:
    """The whole page, as Markdown."""
    notes = DOCS / "benchmarks-notes.md"
    parts = [HEAD]
    for name, part in kept.items():
        parts.append(f"## {name}\n{part['date']}, {part['machine']}.\n")
        table = [
            "| what | Triptych | peer | its figure | ratio | wanted |",
            "|---|---|---|---|---|---|",
        ]
        for row in part["rows"]:
            wanted = row.get("wanted", "") if row["bar"] is None else f"{row['bar']:.2f}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            theirs = "" if row["theirs"] is None else f"{_figure(row['theirs'])} {row['unit']}"
            table.append(
                f"| {row['what']} | {_figure(row['ours'])} {row['unit']} | {row['peer']} |"
                f" {theirs} | {ratio} | {wanted} |"
            )
        parts.append("\n".join(table) + "\n")
    if notes.exists():
        parts.append(notes.read_text("utf-8"))
    return "\n".join(parts)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
