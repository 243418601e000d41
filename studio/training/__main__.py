"""``python -m studio.training``."""

from __future__ import annotations

import sys

from studio.training.cli import main

sys.exit(main())
