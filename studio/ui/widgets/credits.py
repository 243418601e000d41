"""Whose work the program stands on, read from what is really installed and shipped."""

from __future__ import annotations

import json
import textwrap
from importlib import metadata
from itertools import chain

from studio.core.paths import resources

PACKAGES = (
    "PySide6_Essentials",
    "onnxruntime-gpu",
    "onnxruntime",
    "onnxruntime-genai-cuda",
    "onnxruntime-genai",
    "torch",
    "diffusers",
    "transformers",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "accelerate",
    "numpy",
    "pillow",
    "soundfile",
    "mido",
    "psutil",
    "platformdirs",
    "PyYAML",
    "tqdm",
)
"""What the program is built on; those that are not installed are left out."""


def credits_text() -> str:
    """Markdown: the libraries with version and licence, the font, the icons, their licences."""
    lines = [
        "### Triptych",
        "Copyright its contributors. Licensed under the Apache License, Version 2.0.",
        "### Libraries",
        *(_packed() or [line for name in PACKAGES if (line := _package(name))]),
        "",
        "Qt and PySide6 are used under the GNU LGPL 3; they are installed unchanged and can be "
        "replaced.",
        "### Font",
        "Inter, copyright The Inter Project Authors, SIL Open Font License 1.1.",
        "### Icons",
        "Lucide, copyright Lucide Contributors, ISC License; parts from Feather, copyright "
        "Cole Bemis, MIT License.",
        "### Starter models",
        "What they were trained on, and under which licences, stands in each model's card: see "
        "Models.",
        "### Licence texts",
    ]
    for name in ("fonts/OFL.txt", "icons/LICENSE"):
        try:
            text = (resources() / name).read_text("utf-8", "replace")
        except OSError:
            continue
        wrapped = (textwrap.wrap(line, 84) or [""] for line in text.splitlines())
        lines += ["```", *chain.from_iterable(wrapped), "```"]
    return "\n\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:])


def _packed() -> list[str]:
    """Everything that an installed program brings, as its packing listed it; else nothing."""
    try:
        listed = json.loads((resources() / "licences" / "index.json").read_text("utf-8"))
    except OSError:
        return []
    return [
        f"- {' '.join(filter(None, (p['name'], p['version'])))}, {p['licence']}" for p in listed
    ]


def _package(name: str) -> str:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    licence = _field(about, "License-Expression") or _classified(about) or _field(about, "License")
    first = licence.strip().splitlines()[0][:80] if licence.strip() else ""
    words = f"- {about['Name']} {about['Version']}"
    return f"{words}, {first}" if first else words


def _field(about: metadata.PackageMetadata, name: str) -> str:
    values = about.get_all(name)
    return str(values[0]) if values else ""


def _classified(about: metadata.PackageMetadata) -> str:
    names = [
        line.rsplit("::", 1)[-1].strip()
        for line in about.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    return ", ".join(n for n in names if n != "OSI Approved")
