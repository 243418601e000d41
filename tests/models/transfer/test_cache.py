"""What was downloaded serves other programs from the same cache, and what they did serves us."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from studio.models.transfer.part import NOTE, PART
from tests.engine.tiny_transformers import make_gpt2
from tests.hub import Hub, Noise, Repo
from tests.models.transfer.world import Program, plan_of

pytestmark = pytest.mark.usefixtures("hasty")

MB = 1_000_000


def sane(program: Program) -> None:
    """huggingface_hub finds nothing to complain about."""
    from huggingface_hub import scan_cache_dir

    found = scan_cache_dir(program.cache)
    assert not found.warnings
    assert not found.incomplete_files


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gpt2(tmp_path_factory.mktemp("gpt2"))


def test_transformers_loads_what_was_downloaded(
    hub: Hub, program: Program, gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants
    from transformers import AutoModelForCausalLM, AutoTokenizer

    repo = hub.add(Repo.of_folder("tiny/gpt2", gpt2))
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    where = {"cache_dir": str(program.cache), "local_files_only": True}
    # Even so it would ask the hub for an adapter.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = AutoModelForCausalLM.from_pretrained("tiny/gpt2", **where)
    tokenizer = AutoTokenizer.from_pretrained("tiny/gpt2", **where)
    ids = tokenizer("The fox", return_tensors="pt").input_ids
    assert model(ids).logits.shape[:2] == ids.shape
    program.assert_right(repo)
    sane(program)


def test_diffusers_loads_what_was_downloaded(hub: Hub, program: Program, tmp_path: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "made")
    repo = hub.add(Repo.of_folder("tiny/ddpm", tmp_path / "made"))
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    pipeline = DDPMPipeline.from_pretrained(
        "tiny/ddpm", cache_dir=program.cache, local_files_only=True
    )
    assert pipeline(num_inference_steps=1, output_type="np").images.shape == (1, 8, 8, 3)
    sane(program)


def test_onnxruntime_loads_what_was_downloaded(hub: Hub, program: Program, tmp_path: Path) -> None:
    import onnxruntime as ort
    from huggingface_hub import hf_hub_download

    from tests.engine.tiny_onegraph import make_upscaler

    repo = hub.add(Repo.of_folder("tiny/upscaler", make_upscaler(tmp_path / "made")))
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    name = next(p for p in repo.head.files if p.endswith(".onnx"))
    path = hf_hub_download("tiny/upscaler", name, cache_dir=program.cache, local_files_only=True)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()
    sane(program)


def test_huggingface_hub_finds_the_snapshot(hub: Hub, program: Program) -> None:
    from huggingface_hub import scan_cache_dir, snapshot_download

    repo = hub.add("owner/name", {"a/b.onnx": Noise(MB, 1), "config.json": "{}"})
    repo.tag("v1")
    assert program.get(plan_of(repo, program.cache, ref="v1")).state == "done"
    found = snapshot_download(
        "owner/name", revision="v1", cache_dir=program.cache, local_files_only=True
    )
    assert Path(found) == program.snapshot(repo)
    (kept,) = scan_cache_dir(program.cache).repos
    (revision,) = kept.revisions
    assert (revision.commit_hash, revision.refs) == (repo.head.sha, frozenset({"v1"}))
    assert kept.size_on_disk == MB + 2
    hub.log.clear()
    snapshot_download("owner/name", cache_dir=program.cache, endpoint=hub.endpoint)
    assert hub.log.sent() == 0, "huggingface_hub fetched what is here"
    sane(program)


def test_what_huggingface_hub_downloaded_is_used(hub: Hub, program: Program) -> None:
    from huggingface_hub import hf_hub_download

    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1), "b.onnx": Noise(MB, 2)})
    hf_hub_download("owner/name", "a.onnx", cache_dir=program.cache, endpoint=hub.endpoint)
    hub.log.clear()
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert hub.log.sent(path="a.onnx") == 0
    program.assert_right(repo)
    sane(program)


def test_what_is_there_but_damaged_is_fetched_anew(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1), "b.onnx": Noise(MB, 2)})
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    blob = program.blobs(repo) / repo.head.files["a.onnx"].etag
    data = bytearray(blob.read_bytes())
    data[500] ^= 1
    blob.write_bytes(data)
    hub.log.clear()
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert hub.log.sent() == MB
    program.assert_right(repo)


def test_another_program_at_the_same_file_is_waited_for(hub: Hub, program: Program) -> None:
    from huggingface_hub import hf_hub_download

    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1), "b.onnx": Noise(1000, 2)})
    hub.rate = MB
    theirs = threading.Thread(
        target=hf_hub_download,
        args=("owner/name", "a.onnx"),
        kwargs={"cache_dir": program.cache, "endpoint": hub.endpoint},
    )
    theirs.start()
    while not hub.log.sent(path="a.onnx"):
        pass
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    waiting = program.until(plan.id, lambda d: bool(d.message))
    assert "Another program" in waiting.message
    hub.rate = 0
    assert program.ended(plan.id).state == "done"
    theirs.join()
    assert hub.log.sent(path="a.onnx") == MB
    program.assert_right(repo)
    sane(program)


def test_both_at_once_end_well(hub: Hub, program: Program) -> None:
    from huggingface_hub import snapshot_download

    repo = hub.add("owner/name", {f"{n}.onnx": Noise(300_000, n) for n in range(8)})
    hub.rate = 4 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    theirs = snapshot_download("owner/name", cache_dir=program.cache, endpoint=hub.endpoint)
    assert program.ended(plan.id).state == "done"
    assert Path(theirs) == program.snapshot(repo)
    program.assert_right(repo)
    sane(program)
    assert hub.log.twice() == 0


def test_a_download_in_work_looks_sane_to_others(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1)})
    hub.rate = MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > 200_000)
    sane(program)
    assert not program.snapshot(repo).exists()
    hub.rate = 0
    assert program.ended(plan.id).state == "done"


def test_without_links_the_files_themselves_lie_there(
    hub: Hub, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*args: object, **more: object) -> None:
        raise OSError("links are not allowed here")

    monkeypatch.setattr(Path, "symlink_to", impossible)
    shared = Noise(MB, 1)
    repo = hub.add("owner/name", {"a.onnx": shared, "b/a.onnx": shared, "c.txt": "c"})
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert not any(p.is_symlink() for p in program.cache.rglob("*"))
    assert not list(program.blobs(repo).iterdir())
    program.assert_right(repo)
    hub.log.clear()
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert hub.log.sent() == 0
    (program.snapshot(repo) / "c.txt").write_text("d")
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    program.assert_right(repo)


def test_blobs_of_the_shared_store_are_used(hub: Hub, program: Program) -> None:
    """huggingface_hub keeps what came by Xet once for all repositories, and links to it."""
    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1)})
    blob = program.blobs(repo) / repo.head.files["a.onnx"].etag
    store = program.cache / "blobs" / "ab" / ("ab" + "0" * 62)
    store.parent.mkdir(parents=True)
    (program.cache / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    store.write_bytes(repo.head.files["a.onnx"].content.read())
    blob.parent.mkdir(parents=True)
    blob.symlink_to(Path("../../blobs/ab") / store.name)
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert hub.log.sent() == 0
    assert blob.is_symlink()
    program.assert_right(repo)
    sane(program)
    store.write_bytes(b"x" * MB)  # damaged: it is not ours to mend for others
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert store.read_bytes() == b"x" * MB
    program.assert_right(repo)


@pytest.mark.parametrize("hurt", ["note gone", "note torn", "hash wrong", "cut short", "garbage"])
def test_a_damaged_beginning_is_not_believed(hub: Hub, program: Program, hurt: str) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(2 * MB, 1)})
    hub.rate = 2 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > MB)
    program.transfers.pause(plan.id)
    blob = program.blobs(repo) / plan.files[0].blob
    hub.log.idle()
    program.transfers.close()
    part, note = blob.with_name(blob.name + PART), blob.with_name(blob.name + NOTE)
    assert part.exists()
    assert note.exists()
    match hurt:
        case "note gone":
            note.unlink()
        case "note torn":
            note.write_bytes(note.read_bytes()[:20])
        case "hash wrong":
            note.write_text(note.read_text().replace('"hash": "', '"hash": "0'))
        case "cut short":
            part.write_bytes(part.read_bytes()[:1000])
        case _:
            data = bytearray(part.read_bytes())
            data[100:200] = b"\0" * 100
            part.write_bytes(data)
    hub.rate = 0
    with Program(hub, program.cache.parent) as again:
        again.transfers.resume(plan.id)
        assert again.ended(plan.id).state == "done"
        again.assert_right(repo)
