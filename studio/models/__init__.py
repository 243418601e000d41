"""What models can be had and what is on disk.

Here stands what every start needs. What brings models in is imported where it is used: the window
does not wait for it.
"""

from studio.core.card import Card
from studio.models.extras import extras
from studio.models.ready import as_made, moved_on, ready
from studio.models.store import InstalledModel, Store, families, fits

__all__ = [
    "Card",
    "InstalledModel",
    "Store",
    "as_made",
    "extras",
    "families",
    "fits",
    "moved_on",
    "ready",
]
