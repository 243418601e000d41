"""Phonemes of many languages from espeak-ng, where a person has added it.

espeak-ng is under the GPL and so no part of the studio: `pip install "triptych[espeak]"` brings
its library in the package espeakng-loader, and it is called here through its own C interface.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import threading
from functools import lru_cache
from pathlib import Path

from studio.core.errors import StudioError

_SYNCHRONOUS, _DONT_EXIT, _UTF8, _IPA = 2, 0x8000, 1, 0x02
_TIED = 0x80 | (ord("^") << 8)
_MARKS = re.compile(r"[.,;:!?…—。、！？]+[\"”)]*(?=\s|$)|[。、！？]")
_lock = threading.Lock()


def present() -> bool:
    """Whether espeak-ng can be asked."""
    return importlib.util.find_spec("espeakng_loader") is not None


def phonemes(text: str, voice: str, *, tied: bool = False) -> str:
    """A text in espeak-ng's IPA, stress marked, punctuation kept in its places.

    `voice` is espeak-ng's name of a language, as "de" or "en-us"; `tied` puts ^ between letters
    that are one sound. Raises StudioError where espeak-ng is missing or does not know the language.
    """
    if not present():
        raise missing(voice)
    with _lock:
        library = _library()
        if not _choose(library, voice):
            raise StudioError(
                f"espeak-ng does not know the language “{voice[:20]}”.", "Choose another voice."
            )
        mode = _IPA | (_TIED if tied else 0)
        said, at = "", 0
        for mark in [*_MARKS.finditer(text), None]:
            piece = text[at : mark.start()] if mark else text[at:]
            sound = _clause(library, piece, mode)
            said += (" " if said and sound else "") + sound
            if mark:
                said, at = said + mark[0][:1], mark.end()
    return said


def missing(voice: str) -> StudioError:
    """What is said of a language that only espeak-ng can read."""
    return StudioError(
        f"This voice reads phonemes of the language “{voice[:20]}”, which need espeak-ng.",
        'Add it with: pip install "triptych[espeak]" (it is under the GPL), or choose a voice that '
        "reads letters.",
    )


class _Voice(ctypes.Structure):
    """espeak_VOICE of espeak-ng's speak_lib.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


def _choose(library: ctypes.CDLL, voice: str) -> bool:
    """Speak this language from now on: by its own name, or as what another one also stands for."""
    name = voice.encode("utf-8")
    if library.espeak_SetVoiceByName(name) == 0:
        return True
    wanted = _Voice(languages=name)
    if library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0:
        return False
    # Where it knows no better it takes any voice: its language, after a byte of rank, tells.
    current = library.espeak_GetCurrentVoice().contents.languages or b""
    return bool(current[1:3] == name[:2])


def _clause(library: ctypes.CDLL, text: str, mode: int) -> str:
    if not any(c.isalnum() for c in text):
        return ""
    raw = ctypes.create_string_buffer(text.encode("utf-8"))
    place = ctypes.c_void_p(ctypes.addressof(raw))
    parts = []
    while place.value:
        found = library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, mode)
        if found:
            parts.append(found.decode("utf-8", "replace"))
    # Words of another language are announced in brackets.
    return " ".join(re.sub(r"\([a-z-]+\)", "", " ".join(parts)).split())


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int
    ]  # fmt: skip
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_Initialize.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int
    ]  # fmt: skip
    library.espeak_GetCurrentVoice.restype = ctypes.POINTER(_Voice)
    data = Path(espeakng_loader.get_data_path())
    for folder in (data.parent, data):
        if library.espeak_Initialize(_SYNCHRONOUS, 0, str(folder).encode(), _DONT_EXIT) > 0:
            return library
    raise StudioError(
        "espeak-ng cannot be started.", 'Install it again: pip install "triptych[espeak]"'
    )
