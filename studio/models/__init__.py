"""What models can be had and what is on disk."""

from studio.models.card import Card
from studio.models.store import InstalledModel, Store, families, fits

__all__ = ["Card", "InstalledModel", "Store", "families", "fits"]
