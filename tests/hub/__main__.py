"""`python -m tests.hub`: the hub by itself, to drive the window by hand or from other processes."""

from __future__ import annotations

import argparse
import json
import sys

from tests.hub.hub import Hub


def main() -> None:
    """Runs until its input ends (a pipe), or until Ctrl+C."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the hub; 0 for any")
    parser.add_argument("--empty", action="store_true", help="with no repositories")
    parser.add_argument("--rate", type=float, default=0, help="bandwidth in MB a second")
    parser.add_argument("--latency", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--buffer", type=int, default=0, help="bytes of the sockets' buffers")
    asked = parser.parse_args()
    with Hub(
        port=asked.port,
        rate=int(asked.rate * 1_000_000),
        latency=asked.latency,
        buffer=asked.buffer,
    ) as hub:
        sys.stdout.write(json.dumps({"endpoint": hub.endpoint, "cdn": hub.cdn}) + "\n")
        sys.stdout.flush()
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
