"""Runs first in every process of the packed program: where its libraries are, a clean household.

The bootloader leaves its own library path in the environment. Programs that the studio opens for
a person (a file manager, a browser) would load our libraries through it, and fail.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_bundle = Path(getattr(sys, "_MEIPASS", Path(sys.executable).parent))
sys.path.insert(1, str(_bundle / "packages"))

for _name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
    _before = os.environ.pop(f"{_name}_ORIG", None)
    if _before is not None:
        os.environ[_name] = _before
    elif str(_bundle) in os.environ.get(_name, "").split(os.pathsep):
        del os.environ[_name]
