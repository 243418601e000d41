"""The letters of SpeechT5: `tokenizer.json`, or SentencePiece's `spm_char.model`.

A SentencePiece model of single letters is a list of pieces in protobuf (sentencepiece_model.proto:
ModelProto.pieces = 1, SentencePiece.piece = 1); a piece's place is its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.engine.audio.speech_models.base import read_json, unusable

_MOST = 8 << 20


def read_pieces(folder: Path, size: int) -> dict[str, int]:
    """Letter -> number. Raises StudioError where neither file is there and whole."""
    path = folder / "spm_char.model"
    if path.is_file():
        try:
            if path.stat().st_size > _MOST:
                raise ValueError("too large")
            pieces = [_text(piece) for number, piece in _fields(path.read_bytes()) if number == 1]
            found = {piece: place for place, piece in enumerate(pieces)}
        except (OSError, ValueError, IndexError) as error:
            raise unusable(folder, "spm_char.model cannot be read") from error
    else:
        model = read_json(folder / "tokenizer.json", folder).get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        if isinstance(vocabulary, list):  # Unigram: pairs of a piece and its likelihood
            found = {str(pair[0]): n for n, pair in enumerate(vocabulary) if isinstance(pair, list)}
        else:
            items = vocabulary.items() if isinstance(vocabulary, dict) else ()
            found = {str(k): v for k, v in items if isinstance(v, int)}
    found = {piece: place for piece, place in found.items() if 0 <= place < size}
    if not any(len(piece) == 1 and piece.isalpha() for piece in found):
        raise unusable(folder, "its vocabulary holds no letters")
    return found


def _text(message: bytes) -> str:
    return next(value for number, value in _fields(message) if number == 1).decode("utf-8")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of the fields of a protobuf message; numbers of fixed size come as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, size = key & 7, 0
        if kind == 0:
            _, at = _varint(data, at)
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + size > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number too large")
