"""Opens the window of Triptych; with words behind it, does the same jobs without one."""

from __future__ import annotations

import gc
import multiprocessing
import sys


def main() -> int:
    """The program. Imports stand inside, so that an engine process does not pay for them."""
    # macOS gives a double-clicked program a process serial number; it is no command.
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-psn"):
        from studio.cli import run as run_command

        return run_command(sys.argv[1:])
    # Nothing becomes rubbish while the window is being built: looking for it would take a
    # twentieth of the start. The window turns it on when it stands.
    gc.disable()
    from studio.ui.app import run as run_window

    return run_window(sys.argv[1:])


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
