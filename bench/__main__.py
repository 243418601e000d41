"""`python -m bench [PART]…`: every part in a process of its own, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys

PARTS = ("text", "image", "load", "library", "window", "smooth")


def main() -> int:
    """Run the parts named, or all of them; the number of parts that failed."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [p for p in wanted if p not in PARTS]
    if unknown:
        print(f"There is no part called {unknown[0]}. There are: {', '.join(PARTS)}.")
        return 2
    env = {
        **os.environ,
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    failed = 0
    for part in wanted:
        print(f"\n== {part}", flush=True)
        failed += subprocess.call([sys.executable, "-m", f"bench.{part}"], env=env) != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
