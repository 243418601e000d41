"""`python -m bench [--keep] [PART]… [FOLDER]…`: every part in a process of its own, one after the
other. Parts that judge a model judge the one in FOLDER instead of the starter model.

With --keep the figures go into docs/benchmarks.md, where each part stands as it was last run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import pages, report

PARTS: tuple[str, ...] = (
    "text", "loop", "image", "diffusion", "load", "speech", "music", "library", "window", "smooth",
    "download", "texts", "tunes",
)  # fmt: skip


def main() -> int:
    """Run the parts named, or all of them; the number of parts that failed."""
    keep = "--keep" in sys.argv[1:]
    named = [a for a in sys.argv[1:] if a != "--keep"]
    folders = [a for a in named if a not in PARTS and Path(a).is_dir()]
    wanted = [a for a in named if a not in folders] or list(PARTS)
    unknown = [p for p in wanted if p not in PARTS]
    if unknown:
        print(f"There is no part called {unknown[0]}. There are: {', '.join(PARTS)}.")
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for part in wanted:
            rows = Path(folder, f"{part}.jsonl")
            env = {
                **os.environ,
                report.ROWS: str(rows),
                "ORT_DISABLE_TELEMETRY": "1",
                "HF_HUB_OFFLINE": "1",
                "TOKENIZERS_PARALLELISM": "false",
                "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            }
            print(f"\n== {part}", flush=True)
            fault = subprocess.call([sys.executable, "-m", f"bench.{part}", *folders], env=env) != 0
            failed += fault
            if keep and not fault and rows.exists():
                pages.keep(part, rows.read_text("utf-8").splitlines())
    return failed


if __name__ == "__main__":
    sys.exit(main())
