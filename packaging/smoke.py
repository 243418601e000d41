"""Tries an installed program without a screen, on any system: `python packaging/smoke.py PROGRAM`.

It says its version, makes a text, a picture and a tune, makes the picture again byte for byte, and
its window stands. Plain standard library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STANDS = 20.0
"""Seconds that the window has to live before it is asked to end."""


def say(program: Path, home: str, *words: str) -> str:
    """One command of the program; gives what it prints."""
    done = subprocess.run(
        [str(program), *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "TRIPTYCH_HOME": home},
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    program = Path(sys.argv[1])
    window = Path(sys.argv[2]) if len(sys.argv) > 2 else program
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        print(say(program, home, "--version").strip())
        about = json.loads(say(program, home, "doctor", "--json"))
        assert "CPUExecutionProvider" in about["providers"], about
        assert not about["unavailable"], about
        made: dict[str, list[str]] = {}
        for kind, wish in (("text", "a little fox"), ("image", "red apple"), ("audio", "a jig")):
            made[kind] = json.loads(say(program, home, "make", kind, wish, "--json"))["files"]
            assert all(Path(f).stat().st_size for f in made[kind])
            print(f"{kind}: {', '.join(Path(f).suffix for f in made[kind])}")
        again = json.loads(say(program, home, "again", made["image"][0], "--json"))
        assert again["identical"], again
        print("the same picture again, byte for byte")
        environment = {**os.environ, "TRIPTYCH_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        process = subprocess.Popen([str(window)], env=environment)
        time.sleep(STANDS)
        assert process.poll() is None, f"the window ended with {process.returncode}"
        process.terminate()
        process.wait(60)
        print("the window stands")


if __name__ == "__main__":
    main()
