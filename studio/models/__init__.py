"""What models can be had and what is on disk."""

from studio.core.card import Card
from studio.models.add import Staged, StoppedError, already, finish, install, stage, sweep
from studio.models.extras import extras
from studio.models.plan import Plan
from studio.models.recognise import recognise
from studio.models.store import InstalledModel, Store, families, fits

__all__ = [
    "Card",
    "InstalledModel",
    "Plan",
    "Staged",
    "StoppedError",
    "Store",
    "already",
    "extras",
    "families",
    "finish",
    "fits",
    "install",
    "recognise",
    "stage",
    "sweep",
]
