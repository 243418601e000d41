"""The folder that a job runs a model of a cache from: the snapshot itself under a name for people,
or a folder of links to the files of one variant where others lie between them.

They lie in the repository's own folder and go with it; none of them is needed for long.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path, PurePosixPath

from studio.core.errors import StudioError
from studio.models.cache import OWN, payload, repository_folder
from studio.models.inspect import WEIGHTS
from studio.models.installed import InstalledModel
from studio.models.plan import model_id

VIEWS = "views"


def folder_for(model: InstalledModel) -> Path:
    """Where the engine finds this model and nothing else. Makes links where they are needed.

    Raises StudioError where its files cannot be brought together.
    """
    if not model.repo or not model.revision or model.place is None:
        return model.path
    view = _view(model)
    scattered = _scattered(model, repository_folder(model.place, model.repo))
    try:
        if not scattered and _alone(model):
            return _whole(view, model.path)
        return _files(view, model, hard=scattered)
    except OSError as error:
        if not scattered and _alone(model):
            return model.path  # runs as well, only its name is a hash
        raise StudioError(
            f"“{model.id}” cannot be run: its files lie among others, and links to them cannot be "
            f"made in {view.parent} ({error.strerror or error}).",
            "Move the model to a disk that can be written to.",
        ) from error


def drop(model: InstalledModel) -> None:
    """Away with what was made for running this model. Never raises."""
    view = _view(model)
    try:
        if view.is_symlink():
            view.unlink()
        elif view.is_dir():
            shutil.rmtree(view, ignore_errors=True)
        for folder in (view.parent, view.parent.parent, view.parent.parent.parent):
            folder.rmdir()
    except OSError:
        pass  # there are others


def sweep(repository: Path) -> None:
    """Away with views of revisions that are not here any more. Never raises."""
    try:
        revisions = {p.name[:12] for p in (repository / "snapshots").iterdir()}
        for home in (repository / OWN / VIEWS).iterdir():
            if home.name not in revisions:
                shutil.rmtree(home, ignore_errors=True)
    except OSError:
        pass


def _view(model: InstalledModel) -> Path:
    """The name under which a model is run."""
    assert model.place is not None
    name = model_id("-".join(p for p in (model.repo.rpartition("/")[2], model.variant) if p))
    home = repository_folder(model.place, model.repo) / OWN / VIEWS
    return home / model.revision[:12] / name


def _alone(model: InstalledModel) -> bool:
    """Whether there are no weights in the model's folder but its own."""
    mine = set(model.files)
    for where, _, names in os.walk(model.path):
        weights = [n for n in names if PurePosixPath(n).suffix.lower() in WEIGHTS]
        below = {(Path(where) / name).relative_to(model.path).as_posix() for name in weights}
        if below - mine:
            return False
    return True


def _scattered(model: InstalledModel, repository: Path) -> bool:
    """Whether graphs may have weights where ONNX Runtime does not read them.

    It reads from the graph's own folder and from the one in which the graph really lies; in a
    cache whose repositories share blobs, each blob lies in a folder of its own.
    """
    if not any(name.endswith(".onnx") for name in model.files):
        return False
    blobs = repository / "blobs"
    links = [model.path / name for name in model.files if (model.path / name).is_symlink()]
    return any(payload(blobs / Path(os.readlink(link)).name) is not None for link in links)  # noqa: PTH115


def _whole(view: Path, folder: Path) -> Path:
    target = os.path.relpath(folder, view.parent)
    if view.is_symlink() and os.readlink(view) == target:  # noqa: PTH115
        return view
    view.parent.mkdir(parents=True, exist_ok=True)
    if view.is_dir() and not view.is_symlink():
        shutil.rmtree(view)
    part = view.with_name(f".{uuid.uuid4().hex[:8]}")
    part.symlink_to(target, target_is_directory=True)
    part.replace(view)
    return view


def _files(view: Path, model: InstalledModel, *, hard: bool) -> Path:
    """A folder of links; `hard` makes the files themselves appear in it."""
    if not view.is_symlink() and _same(view, model):
        return view
    part = view.with_name(f".{uuid.uuid4().hex[:8]}")
    try:
        for name in model.files:
            link, target = part / name, model.path / name
            link.parent.mkdir(parents=True, exist_ok=True)
            _link(link, target, hard=hard)
        if view.is_symlink():
            view.unlink()
        elif view.exists():
            shutil.rmtree(view)
        part.rename(view)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return view


def _link(link: Path, target: Path, *, hard: bool) -> None:
    if not hard and target.is_symlink():
        try:
            link.symlink_to(os.path.relpath(target, link.parent))
            return
        except OSError:
            pass  # the system has no such links, or does not let everybody make them
    os.link(os.path.realpath(target), link)


def _same(view: Path, model: InstalledModel) -> bool:
    """Whether the view has just these files."""
    if not view.is_dir():
        return False
    found = {p.relative_to(view).as_posix() for p in view.rglob("*") if not p.is_dir()}
    return found == set(model.files) and all(
        (view / name).exists() and (view / name).samefile(model.path / name) for name in found
    )
