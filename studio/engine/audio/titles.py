"""Titles in the manner of the old collections, drawn from a small list of our own words."""

from __future__ import annotations

from random import Random

_PLACES = (
    "Strand", "Hill", "Bridge", "Mill", "Green", "Harbour", "Crossroads", "Glen", "Ford", "Orchard",
    "Meadow", "Quay", "Lighthouse", "Market", "Well", "Moor", "Island", "Lake", "Garden", "Gate",
)  # fmt: skip
_PEOPLE = (
    "Miller", "Ferryman", "Weaver", "Piper", "Shepherd", "Baker", "Lamplighter", "Tinker", "Carter",
    "Fisher", "Clockmaker", "Gardener", "Drummer", "Widow", "Schoolmaster", "Cooper", "Bell-Ringer",
)  # fmt: skip
_THINGS = (
    "Lark", "Heron", "Rose", "Lantern", "Silver Button", "Kettle", "Oak Tree", "Fox", "Wren",
    "Apple Tree", "Blue Ribbon", "Candle", "Swallow", "Hazel", "Grey Goose", "Moth", "Red Shawl",
)  # fmt: skip
_BRIGHT = (
    "Merry", "Golden", "Dancing", "Laughing", "Bonny", "Early", "Summer", "Green", "Lucky",
    "Sunday", "Morning", "Rambling",
)  # fmt: skip
_DARK = (
    "Lonely", "Parting", "Winter", "Silent", "Fallen", "Moonlit", "Distant", "Grey", "Last",
    "Wandering", "Autumn", "Faded",
)  # fmt: skip
_BRIGHT_ACTS = ("Joy", "Return", "Fancy", "Delight", "Welcome", "Favourite", "Holiday", "Wedding")
_DARK_ACTS = ("Farewell", "Dream", "Sorrow", "Journey", "Promise", "Letter", "Goodbye", "Memory")


def title(kind: str, dark: bool, random: Random) -> str:
    """A title for a tune of some kind (`kind` as in its R: field); `dark` for minor keys."""
    mood = random.choice(_DARK if dark else _BRIGHT)
    act = random.choice(_DARK_ACTS if dark else _BRIGHT_ACTS)
    thing, place, person = (random.choice(words) for words in (_THINGS, _PLACES, _PEOPLE))
    name = kind.title() if kind and kind != "tune" else "Air"
    patterns = (
        f"The {person}’s {act}",
        f"The {person}’s {name}",
        f"The {mood} {person}",
        f"The {thing} by the {place}",
        f"The {mood} {place}",
        f"{act} to the {place}"
        if act in ("Farewell", "Welcome", "Return")
        else f"The {mood} {thing}",
        f"{mood} {name}" if mood in ("Winter", "Autumn", "Summer") else f"The {place} {name}",
        f"The Road to the {place}",
    )
    return random.choice(patterns)
