"""The room that runs models, in a process of its own; the supervisor is its only door."""

from __future__ import annotations

import os

# ONNX Runtime's wheels send telemetry unless told not to before their first import; whoever comes
# to a model comes through this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# What it warns of is for those who write programs; a person's terminal is for our own words.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
