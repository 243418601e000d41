"""Opens the window of Triptych; with words behind it, does the same jobs without one."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from pathlib import Path


def main() -> int:
    """The program. Imports stand inside, so that an engine process does not pay for them."""
    # macOS gives a double-clicked program a process serial number; it is no command.
    words = [w for w in sys.argv[1:] if not w.startswith("-psn")]
    if words[:1] == ["--export-graph"]:
        # The engine's exporter, where the program is packed and there is no `python -m`.
        from studio.engine.graphs_export import main as export

        export(Path(words[1]))
        return 0
    # `open FILE…`, or files alone, as a desktop starts a program that they were dropped on.
    files = words[1:] if words[:1] == ["open"] else words
    if files is words and not all(Path(w).is_absolute() for w in words):
        try:
            from studio.cli import run as run_command
        except KeyboardInterrupt:  # heard before anything could be begun
            sys.stderr.write("\nCancelled.\n")
            return 130
        return run_command(words)
    # Nothing becomes rubbish while the window is being built: looking for it would take a
    # twentieth of the start. The window turns it on when it stands.
    gc.disable()
    from studio.ui.app import run as run_window

    return run_window(files)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
