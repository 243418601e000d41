"""Text to token ids and back, through a folder's `tokenizer.json`; and back piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Tokenizer(Protocol):
    """Text to token ids and back."""

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Ids of `text`, markers of special tokens in it (`</s>`) read as what they mark.

        With `special`, framed as the model wants a whole text (for instance `<s>` before it).
        """
        ...

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a person's words: nothing in them is taken for a special token."""
        ...

    def encode_on(self, text: str) -> list[int]:
        """Like `encode_plain`, for words that follow on others: no space is put before them."""
        ...

    def without_markers(self, text: str) -> str:
        """A person's words without what would be read as a special token."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids` without special tokens; U+FFFD where bytes make no character (yet)."""
        ...

    def id_of(self, token: str) -> int | None:
        """The id of one token as it stands in the vocabulary."""
        ...

    def spaced(self) -> npt.NDArray[np.intp]:
        """Ids of the tokens that begin with a space."""
        ...


class JsonTokenizer:
    """A `tokenizer.json` through the tokenizers library, which is imported in 30 ms."""

    def __init__(self, source: Path | str) -> None:
        """`source`: the file, or the text that would stand in it."""
        from tokenizers import Tokenizer as Rust

        text = source if isinstance(source, str) else source.read_text("utf-8")
        self._rendered = Rust.from_str(text)
        self._plain = Rust.from_str(text)
        self._plain.encode_special_tokens = True
        for tokenizer in (self._rendered, self._plain):
            # A folder may ask for a fixed length; a text has the length it has.
            tokenizer.no_padding()
            tokenizer.no_truncation()

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        return list(self._rendered.encode(text, add_special_tokens=special).ids)

    def encode_plain(self, text: str) -> list[int]:
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def encode_on(self, text: str) -> list[int]:
        # SentencePiece puts a space before what it is given, where the text has its own.
        if text.startswith(" "):
            first = self._plain.id_to_token(self.encode_plain("a")[0]) or ""
            text = text[1:] if first[:1] in ("▁", "Ġ") else text
        return self.encode_plain(text)

    def without_markers(self, text: str) -> str:
        markers = [
            added.content
            for added in self._rendered.get_added_tokens_decoder().values()
            if added.special and added.content
        ]
        before = ""
        while before != text:  # taking one out may put another together
            before = text
            for marker in markers:
                text = text.replace(marker, "")
        return text

    def id_of(self, token: str) -> int | None:
        found: int | None = self._rendered.token_to_id(token)
        return found

    def spaced(self) -> npt.NDArray[np.intp]:
        import numpy as np

        # Byte-level vocabularies write the space as Ġ, SentencePiece's as ▁.
        vocabulary = self._rendered.get_vocab(with_added_tokens=False)
        return np.array(sorted(i for t, i in vocabulary.items() if t[:1] in "Ġ▁ "), dtype=np.intp)

    def size(self) -> int:
        """How many tokens there are."""
        return int(self._rendered.get_vocab_size())

    def special(self) -> list[int]:
        """Ids that stand for no words, as that of `</s>`."""
        found = self._rendered.get_added_tokens_decoder()
        return [i for i, token in found.items() if token.special]

    def continued(self) -> npt.NDArray[np.intp]:
        """Ids of the tokens that go on within a word."""
        import numpy as np

        vocabulary = self._rendered.get_vocab(with_added_tokens=False)
        if len(spaced := self.spaced()):
            every = np.array(sorted(vocabulary.values()), dtype=np.intp)
            return np.setdiff1d(every, [*spaced, *self.special()])
        # WordPiece marks them instead of those that begin a word.
        inner = sorted(i for t, i in vocabulary.items() if t.startswith("##"))
        return np.array(inner, dtype=np.intp)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._rendered.decode(list(ids), skip_special_tokens=True))


class Detokenizer:
    """Turns tokens into text piece by piece: the pieces joined are the text of all tokens.

    A piece is held back while its last bytes make no whole character. Each new token is decoded
    together with those of the piece before, since a tokenizer may add or drop a space at the
    start of what it decodes (the method of text-generation-inference and vLLM).
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int] = ()) -> None:
        """`before`: what the text follows on; only its end matters."""
        self._tokenizer = tokenizer
        self._ids: list[int] = list(before[-8:])
        self._known = len(self._ids)
        """So many of the ids are known to the reader already."""

    def push(self, token: int) -> str:
        """The text that `token` completes; often empty."""
        self._ids.append(token)
        old = self._tokenizer.decode(self._ids[: self._known])
        new = self._tokenizer.decode(self._ids)
        if len(new) <= len(old) or new.endswith("�"):
            return ""
        del self._ids[: self._known]
        self._known = len(self._ids)
        return new[len(old) :]
