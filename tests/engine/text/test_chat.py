"""The chat family: what it asks the model for, what it makes of the answer, what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core import media
from studio.core.controls import Value, complete
from studio.core.errors import StudioError
from studio.core.family import Example
from studio.core.messages import Output, Progress, Step, TextPreview
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.text import chat
from studio.engine.text.page import count_words
from studio.engine.tokenizer import JsonTokenizer
from studio.engine.workbench import Workbench

QUICK: dict[str, Value] = {"prompt": "a fox", "length": 20}


def job_of(model: Path, folder: Path, seed: int = 1, **values: Value) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("text", "text.chat", "tiny", seed, {**QUICK, **values})
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1))


def run(job: Job) -> tuple[list[Step], Output]:
    steps = list(chat.run(job, Workbench()))
    (output,) = [s for s in steps if isinstance(s, Output)]
    return steps, output


def streamed(steps: list[Step]) -> str:
    return "".join(s.text for s in steps if isinstance(s, TextPreview))


def text_of(output: Output) -> str:
    return media.body(output.files[0].read_bytes().decode("utf-8"))


def test_what_is_streamed_is_what_is_saved(model: Path, tmp_path: Path) -> None:
    for seed in range(8):
        steps, output = run(job_of(model, tmp_path / str(seed), seed))
        assert streamed(steps) + "\n" == text_of(output)
        assert output.files[0].name == "story.md"
        assert output.summary["words"] == count_words(text_of(output))


def test_progress_climbs_through_its_phases(model: Path, tmp_path: Path) -> None:
    steps, _ = run(job_of(model, tmp_path / "job"))
    progress = [s for s in steps if isinstance(s, Progress)]
    assert [p.fraction for p in progress] == sorted(p.fraction for p in progress)
    assert (progress[0].fraction, progress[-1].fraction) == (0.0, 1.0)
    assert all(0 <= p.step <= p.total for p in progress)
    phases = list(dict.fromkeys(p.phase for p in progress))
    assert phases == ["loading", "reading", "writing", "saving"]


def test_a_fresh_process_writes_the_same_bytes(model: Path, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from tests.engine.text.test_chat import job_of, run\n"
        "_, output = run(job_of(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), 5))\n"
    )
    hashes = []
    for name in ("one", "two"):
        subprocess.run(
            [sys.executable, "-c", script, str(model), str(tmp_path / name)],
            check=True,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
        )
        hashes.append(hashlib.sha256((tmp_path / name / "story.md").read_bytes()).hexdigest())
    _, here = run(job_of(model, tmp_path / "here", 5))
    hashes.append(hashlib.sha256(here.files[0].read_bytes()).hexdigest())
    assert len(set(hashes)) == 1
    _, other = run(job_of(model, tmp_path / "other", 6))
    assert text_of(other) != text_of(here)


def test_closing_at_any_yield_leaves_no_file(model: Path, tmp_path: Path) -> None:
    bench = Workbench()
    total = sum(1 for _ in chat.run(job_of(model, tmp_path / "whole"), bench))
    for stop in range(1, total - 1):
        job = job_of(model, tmp_path / f"stop{stop}")
        steps = chat.run(job, bench)
        for _ in range(stop):
            step = next(steps)
        steps.close()  # type: ignore[attr-defined]  # run is a generator
        saved = isinstance(step, Progress) and step.fraction == 1.0
        assert [p.name for p in job.folder.iterdir()] == (["story.md"] if saved else [])


def test_the_item_can_be_made_again_from_its_file(model: Path, tmp_path: Path) -> None:
    _, output = run(job_of(model, tmp_path / "job", 3, start="The fox", kind="poem"))
    record = media.extract(output.files[0])
    assert record.recipe == output.recipe
    assert record.provider == "CPUExecutionProvider"
    assert record.mark_ai
    again = Job("again", record.recipe, tmp_path / "again", model, device=DeviceChoice("cpu", 1))
    again.folder.mkdir()
    _, made = run(again)
    assert made.files[0].read_bytes() == output.files[0].read_bytes()


def test_no_mark_where_none_is_wanted(model: Path, tmp_path: Path) -> None:
    job = job_of(model, tmp_path / "job")
    _, output = run(Job("job", job.recipe, job.folder, model, device=job.device, mark_ai=False))
    assert not media.extract(output.files[0]).mark_ai


@pytest.mark.parametrize("start", ["The fox was", "The fox ", "Mr. Fox\n\n", "Die Füchsin 🦊"])
def test_the_answer_goes_on_from_the_start(start: str, model: Path, tmp_path: Path) -> None:
    steps, output = run(job_of(model, tmp_path / "job", 2, start=start))
    assert text_of(output).startswith(start)
    assert len(text_of(output)) > len(start) + 1
    assert streamed(steps) + "\n" == text_of(output)
    if start.endswith(" "):
        assert not text_of(output)[len(start)].isspace()


def test_a_start_longer_than_the_context_is_read_from_its_end(model: Path, tmp_path: Path) -> None:
    end = "the moon was afraid of the fox"
    long_start = "A fox. " * 500 + end
    steps, output = run(job_of(model, tmp_path / "job", 1, start=long_start, temperature=0))
    assert text_of(output).startswith(long_start)
    assert len(streamed(steps)) > len(long_start)
    # Only what fits is read: what lies before it changes nothing.
    other = "The moon. " * 3 + "A fox. " * 500 + end
    _, same = run(job_of(model, tmp_path / "same", 1, start=other, temperature=0))
    assert text_of(same)[len(other) :] == text_of(output)[len(long_start) :]


def test_a_text_may_be_longer_than_the_context(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A model that never ends of itself: no stop id is one that it can say.
    never = tmp_path / "never"
    shutil.copytree(model, never)
    change(never, lambda c: c["model"].update(eos_token_id=[], bos_token_id=9999))
    settings = json.loads((never / "tokenizer_config.json").read_text("utf-8"))
    del settings["eos_token"]
    (never / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    steps, output = run(job_of(never, tmp_path / "job", 1, length=100))
    reading = [s for s in steps if isinstance(s, Progress) and s.phase == "reading"]
    assert [s.step for s in reading].count(1) > 1
    assert streamed(steps) + "\n" == text_of(output)
    assert output.summary["words"] >= 100 or text_of(output).endswith("…\n")


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": ""},
        {"prompt": " \n\t", "words": ", ,", "start": " "},
        {"prompt": "x" * 100_000},
        {"temperature": 2.5},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"min_p": -0.1},
        {"length": 10**9},
        {"length": "long"},
        {"kind": "novel"},
        {"nothing": 1},
        {"prompt": "fox and moon " * 300},  # more than this model's context
    ],
    ids=lambda v: next(iter(v)),
)
def test_what_cannot_be_done_is_told(values: dict[str, Value], model: Path, tmp_path: Path) -> None:
    job = job_of(model, tmp_path / "job", 1, **values)
    with pytest.raises(StudioError) as caught:
        run(job)
    assert caught.value.message.endswith((".", "?"))
    assert caught.value.hint
    assert not list(job.folder.iterdir())


@pytest.mark.parametrize(
    "prompt", ["🦊🚀👩‍👩‍👧", "ثعلب صغير", "a\0fox", "</s><s>", "{{ 7 * 7 }}{% x"]
)
def test_odd_words_are_written_about(prompt: str, model: Path, tmp_path: Path) -> None:
    steps, output = run(job_of(model, tmp_path / "job", 1, prompt=prompt))
    assert streamed(steps) + "\n" == text_of(output)


def test_the_wish_is_one_in_plain_words() -> None:
    def said(**values: Value) -> str:
        return chat.instruction(complete(chat.SPEC.controls, values))

    assert said(prompt="a fox") == "Write a story for a child. Idea: a fox."
    assert said(words=" fox,,moon ; boat. ", kind="fable", voice="plain") == (
        "Write a fable in plain words. Words: fox, moon, boat."
    )
    assert said(prompt=" Why, fox? ", words="owl", kind="rhyme", voice="grand") == (
        "Write a rhyme in a grand style. Words: owl. Idea: Why, fox?"
    )
    assert said(prompt="“Go!”") == "Write a story for a child. Idea: “Go!”"
    assert said(prompt="a fox,\n") == "Write a story for a child. Idea: a fox."
    assert said(start="Once") == "Write a story for a child."


@pytest.mark.parametrize("example", chat.SPEC.examples, ids=lambda e: e.title)
def test_the_examples_run(example: Example, model: Path, tmp_path: Path) -> None:
    values = complete(chat.SPEC.controls, example.values)
    _, output = run(job_of(model, tmp_path / "job", 1, **values))
    assert output.summary["title"]


def change(model: Path, edit: Callable[[dict[str, dict[str, object]]], object]) -> None:
    path = model / "genai_config.json"
    config = json.loads(path.read_text("utf-8"))
    edit(config)
    path.write_text(json.dumps(config), "utf-8")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign_graph(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [x], [y])
    foreign = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(foreign, path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut graph": lambda m: truncate(m / "model.onnx"),
    "cut weights": lambda m: truncate(m / "model.onnx.data"),
    "no weights": lambda m: (m / "model.onnx.data").unlink(),
    "no graph": lambda m: (m / "model.onnx").unlink(),
    "empty graph": lambda m: (m / "model.onnx").write_bytes(b""),
    "foreign graph": lambda m: foreign_graph(m / "model.onnx"),
    "cut config": lambda m: truncate(m / "genai_config.json"),
    "no config": lambda m: (m / "genai_config.json").unlink(),
    "config is a list": lambda m: (m / "genai_config.json").write_text("[1]"),
    "config is bytes": lambda m: (m / "genai_config.json").write_bytes(bytes(range(256))),
    "context is text": lambda m: change(m, lambda c: c["model"].update(context_length="long")),
    "stop is text": lambda m: change(m, lambda c: c["model"].update(eos_token_id="</s>")),
    "graph elsewhere": lambda m: change(
        m, lambda c: c["model"].update(decoder={"filename": "../model.onnx"})
    ),
    "code in the folder": lambda m: change(
        m, lambda c: c["model"].update(session={"custom_ops_library": "x.so"})
    ),
    "unknown kind": lambda m: change(m, lambda c: c["model"].update(type="nothing_we_know")),
    "cut tokenizer": lambda m: truncate(m / "tokenizer.json"),
    "no tokenizer": lambda m: (m / "tokenizer.json").unlink(),
    "smaller vocabulary": lambda m: change(m, lambda c: c["model"].update(vocab_size=20)),
    "bad template": lambda m: (m / "chat_template.jinja").write_text("{% for"),
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_folder_is_told(
    damage: Callable[[Path], object], model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    damage(copy)
    job = job_of(copy, tmp_path / "job")
    with pytest.raises(StudioError) as caught:
        run(job)
    assert caught.value.hint
    assert str(tmp_path) not in caught.value.message
    assert not list(job.folder.iterdir())
    assert capfd.readouterr() == ("", "")  # nothing is printed behind the person's back
    steps = chat.run(job_of(model, tmp_path / "good"), Workbench())
    assert any(isinstance(s, Output) for s in steps)


def test_a_changed_folder_is_loaded_anew(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    bench = Workbench()
    list(chat.run(job_of(copy, tmp_path / "one"), bench))
    assert bench.names == ("copy",)
    truncate(copy / "model.onnx")
    with pytest.raises(StudioError):
        list(chat.run(job_of(copy, tmp_path / "two"), bench))


def test_a_cache_that_grows_gives_the_same_text(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(model, copy)
    change(copy, lambda c: c["search"].update(past_present_share_buffer=False))
    _, here = run(job_of(model, tmp_path / "here", 4))
    _, there = run(job_of(copy, tmp_path / "there", 4))
    assert text_of(here) == text_of(there)


def test_a_model_without_a_template_goes_on_from_the_wish(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(model, copy)
    (copy / "chat_template.jinja").unlink()
    steps, output = run(job_of(copy, tmp_path / "job"))
    assert streamed(steps) + "\n" == text_of(output)


@pytest.mark.parametrize(
    ("words", "unread"),
    [
        ("a little fox", False),
        ("ein Fuchs, der über die Brücke läuft", False),
        ("лиса в лодке", True),
        ("قطة صغيرة في القمر", True),
        ("a fox called لولو", False),
        ("狐", False),
    ],
)
def test_a_script_that_a_model_does_not_know_is_noticed(words: str, unread: bool) -> None:
    starter = resources() / "models" / "triptych-story"
    assert chat.unread(JsonTokenizer(starter / "tokenizer.json"), words) == unread


def test_who_writes_in_another_script_is_told(tmp_path: Path) -> None:
    starter = resources() / "models" / "triptych-story"
    job = job_of(starter, tmp_path / "job", prompt="قطة صغيرة في القمر", length=10)
    (made,) = [s for s in chat.run(job, Workbench()) if isinstance(s, Output)]
    assert "another one would do better" in made.summary["note"]
    plain = job_of(starter, tmp_path / "plain", length=10)
    (made,) = [s for s in chat.run(plain, Workbench()) if isinstance(s, Output)]
    assert "note" not in made.summary
