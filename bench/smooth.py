"""How smooth the window runs while a text, a picture and a tune are made at once.

The gaps of a 5 ms timer on the main thread, model loading included, beside those of an idle window.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile


def main() -> None:
    for _ in range(3):
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [sys.executable, "-m", "tests.whole", home],
                capture_output=True,
                text=True,
                check=True,
            )
        report = json.loads(done.stdout.splitlines()[-1])
        print(f"{'busy: text, picture and tune at once':<44} {report['gaps']}")
        print(f"{'idle':<44} {report['idle']}")


if __name__ == "__main__":
    main()
