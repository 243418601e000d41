"""What a model's licence means, in the language of the window."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from studio.core.licences import Sell, licence

translate = QCoreApplication.translate


def licence_name(said: str) -> str:
    """A licence's identifier as people write it."""
    return licence(said).name or translate("Licences", "Not stated")


def licence_words(said: str) -> str:
    """What one may do with a model under a licence, in short; no legal advice, and it says so
    where the licence is unknown."""
    return translate("Licences", licence(said).words)


def sell_words(sell: Sell) -> str:
    """May I sell what I make? In a word or two."""
    return {
        "yes": translate("Licences", "Yes"),
        "conditions": translate("Licences", "Yes, with conditions"),
        "no": translate("Licences", "No"),
        "ask": translate("Licences", "Ask its maker"),
    }[sell]
