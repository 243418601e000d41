"""What a model's licence means, in one plain sentence."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate


def licence_name(licence: str) -> str:
    """A licence's identifier as people write it."""
    known = {
        "apache-2.0": "Apache 2.0",
        "mit": "MIT",
        "bsd-3-clause": "BSD (3 clauses)",
        "bsd-2-clause": "BSD (2 clauses)",
        "cc0-1.0": "CC0 1.0",
        "cc-by-4.0": "CC BY 4.0",
        "cc-by-sa-4.0": "CC BY-SA 4.0",
        "cc-by-nc-4.0": "CC BY-NC 4.0",
        "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
        "openrail": "OpenRAIL",
        "openrail++": "OpenRAIL++",
        "creativeml-openrail-m": "CreativeML OpenRAIL-M",
    }
    if _unstated(licence):
        return translate("Licences", "Not stated")
    return known.get(licence.strip().lower(), licence)


def licence_words(licence: str) -> str:
    """What one may do with a model under a licence, in short; no legal advice, and it says so
    where the licence is unknown."""
    key = licence.strip().lower()
    if _unstated(licence):
        return translate(
            "Licences", "Nobody says what you may do with it. Ask its maker before you publish."
        )
    if key in ("cc0-1.0", "unlicense", "public-domain"):
        return translate("Licences", "Use it for anything; nothing is asked of you.")
    if key in ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc"):
        return translate(
            "Licences",
            "Use it for anything, also to earn money. Keep the notice if you pass the model on.",
        )
    if "-nc" in key or "noncommercial" in key or "non-commercial" in key:
        return translate("Licences", "Not for earning money. Name its makers.")
    if key.startswith("cc-by-sa"):
        return translate(
            "Licences",
            "Use it for anything if you name its makers. What you build on the model itself "
            "goes out under the same licence.",
        )
    if key.startswith("cc-by"):
        return translate("Licences", "Use it for anything if you name its makers.")
    if "rail" in key:
        return translate(
            "Licences",
            "Use it, also to earn money, but not for the harmful purposes that its text lists.",
        )
    if key.startswith(("gpl", "agpl", "lgpl")):
        return translate(
            "Licences", "Use it for anything. What you build on the model itself stays open."
        )
    return translate(
        "Licences", "Its maker has terms of their own. Read them in the model card below."
    )


def _unstated(licence: str) -> bool:
    return licence.strip().lower() in ("", "not stated", "unknown", "other")
