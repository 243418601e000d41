"""What was made: files first, a database beside them."""

from studio.library.item import Cursor, Item, ModelUse, Query, Recovered, TrashTicket
from studio.library.library import Library
from studio.library.queue import JobStore, StoredJob

__all__ = [
    "Cursor",
    "Item",
    "JobStore",
    "Library",
    "ModelUse",
    "Query",
    "Recovered",
    "StoredJob",
    "TrashTicket",
]
