"""`python -m tests.hub`: the hub by itself, to drive the window by hand or from other processes.

    python -m tests.hub --port 8800 --rate 12
    HF_ENDPOINT=http://127.0.0.1:8800 python main.py

It has some seventy repositories that look like well-known ones; `--models FOLDER` adds one for each
folder of models in FOLDER, as those that the studio comes with, and `--tiny FOLDER` a tiny model
for each family that really runs, made in FOLDER the first time. The token that it knows is in
`tests.hub.catalogue.TOKEN`. It ends with its input; `--stay` keeps it until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path

from tests.hub import catalogue
from tests.hub.content import DIGESTS, REMEMBERED
from tests.hub.hub import Hub
from tests.hub.repos import Repo


def main() -> None:
    """Runs until its input ends (a pipe), or until Ctrl+C."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hub",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="of the hub; 0 for any")
    parser.add_argument("--empty", action="store_true", help="with no repositories")
    parser.add_argument("--models", type=Path, help="a folder with folders of models to add")
    parser.add_argument("--tiny", type=Path, help="a folder for models that really run")
    parser.add_argument("--stay", action="store_true", help="until it is stopped")
    parser.add_argument("--rate", type=float, default=0, help="bandwidth in MB a second")
    parser.add_argument("--latency", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--buffer", type=int, default=0, help="bytes of the sockets' buffers")
    parser.add_argument("--digests", action="store_true", help="hash new large files, and end")
    asked = parser.parse_args()
    if asked.digests:
        remember()
        return
    with Hub(
        port=asked.port,
        rate=int(asked.rate * 1_000_000),
        latency=asked.latency,
        buffer=asked.buffer,
    ) as hub:
        for repo in () if asked.empty else catalogue.repositories():
            hub.add(repo)
        for folder in sorted(asked.models.iterdir()) if asked.models else ():
            if folder.is_dir():
                hub.add(Repo.of_folder(f"triptych/{folder.name}", folder))
        if asked.tiny:
            from tests.hub import real  # the libraries that models are made with

            for repo in real.repositories(asked.tiny):
                hub.add(repo)
        seen = [r.id for r in hub.repos if r.private or r.gated]
        hub.user(catalogue.TOKEN, "ann", *seen)
        sys.stdout.write(json.dumps({"endpoint": hub.endpoint, "cdn": hub.cdn}) + "\n")
        sys.stdout.flush()
        try:
            threading.Event().wait() if asked.stay else sys.stdin.read()
        except KeyboardInterrupt:
            pass


def remember() -> None:
    """Writes down the sha256 of the catalogue's large files, those that were not known yet."""
    known: dict[str, str] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    large = {
        blob.content.mark: blob.content
        for repo in catalogue.repositories()
        for blob in repo.head.files.values()
        if blob.content.size >= REMEMBERED
    }
    digests = {mark: known.get(mark) or held.sha256 for mark, held in sorted(large.items())}
    DIGESTS.write_text(json.dumps(digests, indent=0) + "\n")


if __name__ == "__main__":
    main()
