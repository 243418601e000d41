"""Writes the list of families in the README, from the registry: `python packaging/families.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- families: begin -->", "<!-- families: end -->"


def table() -> str:
    """The list as Markdown: what each family is, which models it runs, how that was proved."""
    from studio.core.family import Unavailable
    from studio.engine.registry import FAMILIES, load

    lines = ["| family | what it does | made for | proved on |", "|---|---|---|---|"]
    for entry in FAMILIES:
        family = load(entry)
        if isinstance(family, Unavailable):
            raise SystemExit(f"{entry.id}: {family.reason}")
        spec = family.SPEC
        lines.append(f"| `{spec.id}` | {spec.title} | {spec.models} | {spec.proved} |")
    return "\n".join(lines)


def filled(readme: str) -> str:
    """The README with the list as it has to be."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
