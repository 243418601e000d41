"""The token loop: its numbers are those of transformers, and its text is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine import genai
from studio.engine.tokenizer import Detokenizer, JsonTokenizer, Tokenizer
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import tokenizers


@pytest.fixture(scope="module")
def loaded(model: Path) -> genai.Loaded:
    job = Job("", Recipe("text", "", "", 0), model, model, device=DeviceChoice("cpu", 1))
    return genai.load(job, Workbench())


def tokens(
    loaded: genai.Loaded, ids: list[int], most: int, seed: int = 1, temperature: float = 1.0
) -> list[int]:
    steps = genai.generate(loaded, ids, seed=seed, max_new_tokens=most, temperature=temperature)
    return [t for t in steps if t is not None]


def test_greedy_tokens_are_those_of_transformers(loaded: genai.Loaded, source: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    for text in ("The fox", "Once upon a time there was a little moon. " * 5, "b"):
        ids = [1, *loaded.tokenizer.encode(text)]
        with torch.inference_mode():
            answer = theirs.generate(
                torch.tensor([ids]), max_new_tokens=40, do_sample=False, pad_token_id=0
            )
        expected = answer[0, len(ids) :].tolist()
        ours = tokens(loaded, ids, 40, temperature=0)
        assert ours == [t for t in expected if t not in loaded.stops]
        assert len(ours) > 3


def test_the_tokenizer_is_that_of_transformers(loaded: genai.Loaded, source: Path) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(source)
    for text in ("The fox and the moon.", "<s>A fox</s>", "שלום 🦊\n\n"):
        ids = loaded.tokenizer.encode(text)
        assert ids == theirs.encode(text, add_special_tokens=False)
        assert loaded.tokenizer.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    assert 2 not in loaded.tokenizer.encode_plain("a</s>b")
    assert loaded.tokenizer.decode(loaded.tokenizer.encode_plain("a</s>b")) == "a</s>b"
    assert loaded.tokenizer.without_markers("a<</s>/s>b<s>") == "ab"


def test_the_prompt_is_read_in_pieces_that_can_be_cancelled(loaded: genai.Loaded) -> None:
    ids = [5] * (genai.CHUNK * 3 + 1)
    steps = genai.generate(loaded, ids, seed=1, max_new_tokens=3)
    assert [next(steps) for _ in range(4)] == [None] * 4
    assert next(steps) is not None


def test_the_text_ends_with_the_context(loaded: genai.Loaded) -> None:
    for count in (loaded.context - 1, loaded.context - 5):
        made = tokens(loaded, [70] * count, 1000, temperature=1.5)
        assert len(made) <= loaded.context - count
    with pytest.raises(StudioError) as caught:
        tokens(loaded, [70] * loaded.context, 1)
    assert caught.value.hint


def test_tokens_of_another_model_are_told(loaded: genai.Loaded) -> None:
    for ids in ([], [loaded.vocabulary], [-1]):
        with pytest.raises(StudioError):
            tokens(loaded, ids, 1)


def test_the_first_token_can_be_bound(loaded: genai.Loaded) -> None:
    spaced = loaded.tokenizer.spaced()
    assert len(spaced)
    for seed in range(20):
        token = next(
            t
            for t in genai.generate(loaded, [1, 70], seed=seed, max_new_tokens=1, first=spaced)
            if t is not None
        )
        assert loaded.tokenizer.decode([token]).startswith(" ")


def test_seeds_are_kept_and_differ(loaded: genai.Loaded) -> None:
    one, again, other = (tokens(loaded, [1, 70, 90], 30, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


NAMES = ("model", "decoder", "filename", "context_length", "vocab_size", "eos_token_id", "search")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["model.onnx", "../model.onnx", "C:\\x", "a\0b"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES), inner, max_size=7),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=JSON,
    parts=st.dictionaries(st.sampled_from(NAMES[2:6]), JSON, max_size=4),
    search=JSON,
)
def test_any_config_is_read_or_told(
    whole: object, parts: dict[str, object], search: object, model: Path, tmp_path: Path
) -> None:
    good = json.loads((model / "genai_config.json").read_text("utf-8"))
    graph = {"filename": parts.pop("filename", "model.onnx")}
    nearly = {"model": {**good["model"], "decoder": graph, **parts}, "search": search}
    (tmp_path / "model.onnx").write_bytes(b"x")
    for config in (whole, nearly):
        (tmp_path / "genai_config.json").write_text(json.dumps(config), "utf-8")
        try:
            read = genai._read_config(tmp_path)
        except StudioError:
            continue
        assert 0 < read["model"]["context_length"] < 2**31
        assert (tmp_path / read["model"]["decoder"]["filename"]).parent == tmp_path


def metaspace() -> tokenizers.Tokenizer:
    """A tokenizer that writes spaces as ▁ and unknown characters as bytes, as Llama 2's does."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    vocabulary = {"<unk>": 0, "▁": 1, "▁the": 2, "▁fox": 3, "a": 4, "es": 5, "\n": 6}
    vocabulary |= {f"<0x{byte:02X}>": 7 + byte for byte in range(256)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


@pytest.fixture(scope="module")
def metaspace_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    metaspace().save(str(path))
    return path


def joined(tokenizer: Tokenizer, ids: list[int], before: list[int]) -> str:
    reader = Detokenizer(tokenizer, before)
    return "".join(reader.push(token) for token in ids)


@settings(deadline=None)
@given(text=st.text(max_size=60), before=st.sampled_from(["", "The fox", "🦊 ", "\n\n"]))
def test_pieces_of_text_are_whole(loaded: genai.Loaded, text: str, before: str) -> None:
    tokenizer = loaded.tokenizer
    whole = joined(tokenizer, tokenizer.encode_plain(text), tokenizer.encode_plain(before))
    # U+FFFD itself cannot be told from bytes that are still to come, at the very end.
    assert whole == text or (text.endswith("�") and text.startswith(whole))


@settings(deadline=None)
@given(ids=st.lists(st.integers(1, 6), max_size=12), tail=st.sampled_from(["é", "🦊", "狐", ""]))
def test_a_tokenizer_that_strips_the_first_space_loses_none(
    metaspace_file: Path, ids: list[int], tail: str
) -> None:
    tokenizer = JsonTokenizer(metaspace_file)
    ids = [*ids, *(7 + byte for byte in tail.encode("utf-8"))]
    start = [3, 5]  # " foxes"
    whole = tokenizer.decode([*start, *ids])
    assert "foxes" + joined(tokenizer, ids, start) == whole


def test_long_positions_are_used_as_far_as_they_hold(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "phi"
    shutil.copytree(model, copy)
    config = json.loads((copy / "genai_config.json").read_text("utf-8"))
    config["model"] |= {"type": "phi3", "context_length": 131_072}
    (copy / "genai_config.json").write_text(json.dumps(config), "utf-8")
    job = Job("", Recipe("text", "", "", 0), copy, copy, device=DeviceChoice("cpu", 1))
    assert genai.load(job, Workbench()).context == 4096


def test_a_turn_ends_where_its_family_ends_it(chatty: Path, tmp_path: Path) -> None:
    copy = tmp_path / "forgetful"
    shutil.copytree(chatty, copy)
    config = json.loads((copy / "genai_config.json").read_text("utf-8"))
    config["model"] |= {"eos_token_id": [], "bos_token_id": 9999}
    (copy / "genai_config.json").write_text(json.dumps(config), "utf-8")
    settings = json.loads((copy / "tokenizer_config.json").read_text("utf-8"))
    (copy / "tokenizer_config.json").write_text(
        json.dumps({k: v for k, v in settings.items() if k != "eos_token"}), "utf-8"
    )
    job = Job("", Recipe("text", "", "", 0), copy, copy, device=DeviceChoice("cpu", 1))
    loaded = genai.load(job, Workbench())
    assert loaded.stops == {9999, loaded.tokenizer.id_of("<|im_end|>")}
