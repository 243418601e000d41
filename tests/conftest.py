"""What every test stands on."""

from __future__ import annotations

import os

import hypothesis

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# No deadline: the first example pays for imports, and no test asserts a time.
hypothesis.settings.register_profile("studio", deadline=None)
hypothesis.settings.load_profile("studio")
