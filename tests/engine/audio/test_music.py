"""Music from words: the same codes and sound as transformers on torch, and what is told."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import AudioPreview, Output, Progress, Step
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import delay, music, music_model, music_writer, waves
from studio.engine.sampling import Sampler
from studio.engine.workbench import Workbench
from tests.engine import tiny_music
from tests.engine.tiny_music import HOP, RATE

BENCH = Workbench()
GREEDY: dict[str, Value] = {"prompt": "a slow fox", "seconds": 1, "temperature": 0.0}
MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("music")
    return {
        "mono": tiny_music.make(folder / "mono"),
        "stereo": tiny_music.make(folder / "stereo", channels=2),
        "script": tiny_music.make_script(folder / "script"),
        "cache": folder / "cache",
    }


@pytest.fixture
def make_job(folders: dict[str, Path], tmp_path: Path) -> MakeJob:
    count = iter(range(1000))

    def make(form: str | Path, values: Mapping[str, Value], sound: Path | None = None) -> Job:
        folder = tmp_path / f"job{next(count)}"
        folder.mkdir()
        recipe = Recipe("audio", "audio.music", "tiny", 7, values)
        model = folders[form] if isinstance(form, str) else form
        return Job(
            "job", recipe, folder, model, inputs={} if sound is None else {"sound": sound},
            device=DeviceChoice("cpu", 1), cache=folders["cache"],
        )  # fmt: skip

    return make


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of stereo noise at another rate than the model's."""
    noise = np.random.default_rng(3).normal(0, 0.2, (2 * 4_000, 2)).astype(np.float32)
    path = tmp_path / "clip.wav"
    path.write_bytes(waves.to_wav((noise * 32767).astype(np.int16), 4_000))
    return path


def outputs(job: Job) -> list[Output]:
    return [s for s in music.run(job, BENCH) if isinstance(s, Output)]


def model_of(job: Job) -> music_model.Model:
    return music_model.load(job, BENCH, lambda fraction: None)


def composed(
    model: music_model.Model, given: Any, frames: int, guidance: float, prompt: str = "a slow fox"
) -> Any:
    condition = model.condition(model.ids(prompt)[0], guided=guidance > 1)
    sampler = Sampler(0, temperature=0.0)
    *_, codes = music_writer.compose(model, condition, sampler, guidance, given, frames)
    return codes


def sounded(model: music_model.Model, codes: Any) -> Any:
    step = model.channels
    return np.stack([np.concatenate(list(model.decode(codes[c::step]))) for c in range(step)])


def on_torch(channels: int, frames: int, guidance: float, **given: Any) -> Any:
    import torch

    ids = tiny_music.ids("a slow fox")
    with torch.no_grad():
        made = tiny_music.module(channels).generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            guidance_scale=guidance, max_new_tokens=frames + 3, **given,
        )  # fmt: skip
    return made[0].numpy()


@pytest.mark.parametrize("form", ["mono", "stereo", "script"])
@pytest.mark.parametrize("guidance", [3.0, 1.0])
def test_the_sound_is_that_of_transformers(form: str, guidance: float, make_job: MakeJob) -> None:
    model = model_of(make_job(form, {}))
    codes = composed(model, np.zeros((model.books, 0), np.int64), 60, guidance)
    theirs = on_torch(model.channels, 60, guidance)
    assert len(np.unique(codes)) > 16
    assert theirs.std() > 0.01
    assert theirs.shape == (model.channels, 60 * HOP)
    assert np.abs(sounded(model, codes) - theirs).max() <= 1e-5


@pytest.mark.parametrize("form", ["mono", "stereo"])
def test_so_is_what_goes_on_from_a_sound(form: str, make_job: MakeJob) -> None:
    import torch

    job = make_job(form, {})
    model = model_of(job)
    music_model.open_ears(job, BENCH, model, lambda fraction: None)
    # Long enough to be read in more than one go.
    noise = np.random.default_rng(1).normal(0, 0.3, (model.channels, 90 * HOP)).astype(np.float32)
    given = np.empty((model.books, 90), np.int64)
    for channel in range(model.channels):
        given[channel :: model.channels] = model.codec.encode(noise[channel])
    codes = composed(model, given, 20, 3.0)
    theirs = on_torch(model.channels, 20, 3.0, input_values=torch.from_numpy(noise)[None])
    assert (codes[:, :90] == given).all()
    assert np.abs(sounded(model, codes) - theirs).max() <= 1e-5


@pytest.mark.parametrize("frames", [5, 30, 243, 600])
def test_the_codec_in_pieces_is_the_codec_in_one(frames: int, make_job: MakeJob) -> None:
    import torch

    job = make_job("mono", {})
    model = model_of(job)
    music_model.open_ears(job, BENCH, model, lambda fraction: None)
    theirs = tiny_music.module().audio_encoder
    random = np.random.default_rng(frames)
    codes = random.integers(0, tiny_music.CODES, (4, frames))
    noise = random.normal(0, 0.3, frames * HOP + HOP // 2).astype(np.float32)
    with torch.no_grad():
        sound = theirs.decode(torch.from_numpy(codes)[None, None], [None]).audio_values[0, 0]
        heard = theirs.encode(torch.from_numpy(noise[: frames * HOP])[None, None]).audio_codes[0, 0]
    assert np.abs(np.concatenate(list(model.codec.decode(codes))) - sound.numpy()).max() <= 1e-5
    assert (model.codec.encode(noise) == heard.numpy()).all()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("given", [0, 3])
def test_the_delay_pattern_is_that_of_transformers(channels: int, given: int) -> None:
    import torch

    decoder = tiny_music.module(channels).decoder
    prompt = np.arange(4 * channels * given).reshape(4 * channels, given) % 50
    columns = delay.lay(prompt, 9, channels, pad=64)
    start = torch.full((4 * channels, 1), 64)
    _, theirs = decoder.build_delay_pattern_mask(
        torch.cat([start, torch.from_numpy(prompt)], dim=1), 64, columns.shape[1]
    )
    assert (columns == theirs.numpy()).all()
    assert (delay.pick(columns, given, channels) == prompt).all()
    assert [delay.whole(columns, n, channels) for n in (0, 4, 5, 6, 13)] == [0, 0, 1, 2, 9]


def test_a_piece_longer_than_a_window_goes_on(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(make_job("mono", {}))
    none = np.zeros((model.books, 0), np.int64)
    short = composed(model, none, 50, 3.0)
    monkeypatch.setattr(music_writer, "WINDOW", 1.0)  # 50 frames
    monkeypatch.setattr(music_writer, "KEPT", 0.4)
    long = composed(model, none, 130, 3.0)
    assert long.shape == (4, 130)
    assert (long[:, :50] == short).all()
    again = composed(model, short[:, -20:], 30, 3.0)
    assert (long[:, 50:80] == again[:, 20:]).all()


def test_the_seed_decides_and_the_likeliest_needs_none(make_job: MakeJob) -> None:
    model = model_of(make_job("mono", {}))
    condition = model.condition(model.ids("a fox")[0], guided=True)
    none = np.zeros((model.books, 0), np.int64)

    def drawn(seed: int, **how: Any) -> Any:
        *_, codes = music_writer.compose(
            model, condition, Sampler(seed, **how), 3.0, none, 20
        )  # fmt: skip
        return codes

    assert (drawn(1, top_k=20) == drawn(1, top_k=20)).all()
    assert (drawn(1, top_k=20) != drawn(2, top_k=20)).any()
    assert (drawn(1, top_k=1) == drawn(2, temperature=0.0)).all()


def test_the_file_holds_the_given_sound_and_what_follows(make_job: MakeJob, clip: Path) -> None:
    import soundfile

    steps = list(music.run(make_job("stereo", GREEDY | {"heard": 1}, clip), Workbench()))
    (made,) = [s for s in steps if isinstance(s, Output)]
    samples, rate = soundfile.read(made.files[0])
    assert (rate, samples.shape) == (RATE, (3 * RATE, 2))
    assert made.summary["seconds"] == 3.0
    assert made.summary["title"] == "a slow fox"
    assert len(made.summary["peaks"]) == 200
    given, _ = waves.read(clip)
    given = waves.resample(given, 4_000, RATE)
    ratio = samples[100:5_000] / np.where(np.abs(given[100:5_000]) > 0.01, given[100:5_000], np.nan)
    assert np.nanstd(ratio) < 0.1 * np.nanmean(ratio)  # the same but for its level
    phases = [s.phase for s in steps if isinstance(s, Progress)]
    order = ["starting", "loading", "reading", "composing", "sounding", "saving"]
    assert sorted(set(phases), key=phases.index) == order


def test_what_is_heard_on_the_way_is_nearly_what_comes_out(make_job: MakeJob) -> None:
    job = make_job("mono", GREEDY | {"seconds": 3})
    shown = [s for s in music.run(job, BENCH) if isinstance(s, AudioPreview)]
    heard = np.frombuffer(b"".join(s.samples for s in shown), "<i2") / 32767
    assert len(heard) == 2 * RATE
    assert {s.sample_rate for s in shown} == {RATE}
    model = model_of(job)
    whole = sounded(model, composed(model, np.zeros((4, 0), np.int64), 150, 3.0))[0, : 2 * RATE]
    # The LSTM that remembers all remembers a little less there.
    assert np.abs(heard - np.clip(whole, -1, 1)).max() < 0.02


def test_weights_of_older_names_are_known(
    make_job: MakeJob, folders: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folders["mono"], tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    old = {
        name.replace(".parametrizations.weight.original0", ".weight_g").replace(
            ".parametrizations.weight.original1", ".weight_v"
        ): value
        for name, value in load_file(path).items()
    }
    assert any(n.endswith("weight_g") for n in old)
    save_file(old, path, {"format": "pt"})
    codes = np.arange(200).reshape(4, 50) % tiny_music.CODES
    now, then = (sounded(model_of(make_job(m, {})), codes) for m in ("mono", tmp_path / "model"))
    assert (now == then).all()


def test_a_long_prompt_is_cut_and_that_is_said(make_job: MakeJob) -> None:
    (made,) = outputs(make_job("mono", GREEDY | {"prompt": "a fox " * 100}))
    assert "left out" in made.summary["note"]


@pytest.mark.parametrize("written", [b"no sound", b"RIFF\x00\x00\x00\x00WAVEfmt ", b""])
def test_a_file_that_is_no_sound_is_told(make_job: MakeJob, tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(written)
    with pytest.raises(StudioError, match=r"odd\.wav"):
        outputs(make_job("mono", GREEDY, path))


def test_a_sound_that_is_too_short_is_told(make_job: MakeJob, tmp_path: Path) -> None:
    path = tmp_path / "blip.wav"
    path.write_bytes(waves.to_wav(np.ones((100, 1), np.int16), 4_000))
    with pytest.raises(StudioError, match="too short"):
        outputs(make_job("mono", GREEDY, path))


def test_a_form_without_an_encoder_says_so(make_job: MakeJob, clip: Path) -> None:
    with pytest.raises(StudioError, match="cannot go on from a sound"):
        outputs(make_job("script", GREEDY, clip))


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _half_the_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _set(*path: str, to: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        place = config
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to
        (folder / "config.json").write_text(json.dumps(config), "utf-8")

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _no_tokenizer,
        _half_the_weights,
        _no_weights,
        _set("decoder", to=3),
        _set("audio_encoder", "normalize", to=True),
        _set("decoder", "num_codebooks", to=7),
        _set("decoder", "hidden_size", to="wide"),
        _set("decoder", "ffn_dim", to=64),
        _set("audio_encoder", "num_filters", to=-4),
        _set("decoder", "num_hidden_layers", to=10**9),
    ],
)
def test_a_model_that_is_not_right_is_told(
    spoil: Callable[[Path], None], make_job: MakeJob, folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["mono"], tmp_path / "model")
    spoil(tmp_path / "model")
    job = make_job(tmp_path / "model", GREEDY)
    with pytest.raises(StudioError) as caught:
        outputs(job)
    assert caught.value.hint
    assert not list(job.folder.iterdir())


def test_closing_at_every_yield_leaves_nothing(make_job: MakeJob, clip: Path) -> None:
    values = GREEDY | {"seconds": 1, "heard": 1}
    whole = list(music.run(make_job("mono", values, clip), BENCH))
    before = set(threading.enumerate())
    for stop in [*range(1, 12), *range(12, len(whole), 15), len(whole) - 1]:
        job = make_job("mono", values, clip)
        steps = music.run(job, BENCH)
        taken = [step for _, step in zip(range(stop), steps, strict=False)]
        steps.close()
        given_over = {f for s in taken if isinstance(s, Output) for f in s.files}
        assert set(job.folder.iterdir()) == given_over
        assert set(threading.enumerate()) <= before


@pytest.mark.timeout(60)
def test_a_long_graph_can_be_stopped_in_the_middle(
    make_job: MakeJob, folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["script"], tmp_path / "model")
    _endless(tmp_path / "model" / "onnx" / "text_encoder.onnx")
    job, before = make_job(tmp_path / "model", GREEDY), set(threading.enumerate())
    steps = music.run(job, Workbench())
    taken: list[Step] = []
    for step in steps:
        taken.append(step)
        if len(taken) > 2 and taken[-1] == taken[-2] == taken[-3]:
            break  # it says where it is while the graph runs
    assert isinstance(taken[-1], Progress)
    assert taken[-1].phase == "reading"
    steps.close()
    assert set(threading.enumerate()) <= before


def _endless(path: Path) -> None:
    """The same graph, but that it multiplies for hours before it gives its output."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path)
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["soon" if n == output else n for n in node.output]
    step = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("MatMul", ["seen", "eye"], ["next"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("seen", TensorProto.FLOAT, [64, 64]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [64, 64]),
        ],
    )
    model.graph.initializer.extend(
        [
            helper.make_tensor("times", TensorProto.INT64, [], [10**9]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
            helper.make_tensor("none", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("eye", TensorProto.FLOAT, [64, 64], np.eye(64).ravel()),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("Loop", ["times", "yes", "eye"], ["last"], body=step),
            helper.make_node("ReduceSum", ["last"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "none"], ["nothing"]),
            helper.make_node("Add", ["soon", "nothing"], [output]),
        ]
    )
    onnx.save(model, path)
