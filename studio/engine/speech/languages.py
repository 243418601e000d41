"""Codes of languages: models name them in three letters, rules for numbers and sentences in two."""

from __future__ import annotations

_TWO: dict[str, str] = {
    "afr": "af", "amh": "am", "ara": "ar", "asm": "as", "azj": "az", "bel": "be", "ben": "bn",
    "bul": "bg", "cat": "ca", "ces": "cs", "cym": "cy", "dan": "da", "deu": "de", "ell": "el",
    "eng": "en", "epo": "eo", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr",
    "gle": "ga", "guj": "gu", "hau": "ha", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu",
    "hye": "hy", "ind": "id", "isl": "is", "ita": "it", "jav": "jv", "jpn": "ja", "kan": "kn",
    "kat": "ka", "kaz": "kk", "khm": "km", "kor": "ko", "lao": "lo", "lav": "lv", "lit": "lt",
    "mal": "ml", "mar": "mr", "mkd": "mk", "mlt": "mt", "mon": "mn", "mya": "my", "nep": "ne",
    "nld": "nl", "nob": "no", "nor": "no", "pan": "pa", "pol": "pl", "por": "pt", "ron": "ro",
    "rus": "ru", "slk": "sk", "slv": "sl", "spa": "es", "sqi": "sq", "srp": "sr", "swe": "sv",
    "swh": "sw", "tam": "ta", "tel": "te", "tgl": "fil", "tha": "th", "tur": "tr", "ukr": "uk",
    "urd": "ur", "uzb": "uz", "vie": "vi", "yor": "yo", "zho": "zh", "cmn": "zh",
}  # fmt: skip


def short(code: str) -> str:
    """A code as "en" or "en-gb": lower case, two letters where the language has them."""
    language, _, region = code.lower().replace("_", "-").partition("-")
    language = _TWO.get(language, language)
    return f"{language}-{region}" if region and len(region) < 4 else language


def is_english(code: str) -> bool:
    return short(code).partition("-")[0] == "en"
