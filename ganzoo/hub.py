"""Models on the Hugging Face hub, ``hf-hub:org/name`` or ``hf-hub:org/name@revision``: fetched, checked, shared."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, first_line
from ganzoo.home import ganzoo_home, offline
from ganzoo.weights import WEIGHTS, is_bundled

PREFIX = "hf-hub:"
# The weights last: where they are, the others are too.
FILES = ("config.json", "README.md", "samples.png", WEIGHTS)
_NAME = re.compile(
    r"hf-hub:(?P<repo>[A-Za-z0-9][\w.-]{,95}/[A-Za-z0-9][\w.-]{,95})(?:@(?P<revision>[A-Za-z0-9][\w./-]{,95}))?"
)
_log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class Reference:
    """A model on the hub. revision: a branch, tag or commit; None is the main branch."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}{f'@{self.revision}' if self.revision else ''}"

    @property
    def folder(self) -> Path:
        """Where the hub's client keeps all revisions."""
        return models_folder() / f"models--{self.repo.replace('/', '--')}"


def parse(name: str) -> Reference:
    """The reference that a name spells; raises GanzooError for what is none."""
    found = _NAME.fullmatch(name)
    if not found or ".." in name:
        raise GanzooError(f"'{name:.200}' is no model on the hub; write hf-hub:ORGANISATION/NAME or …/NAME@REVISION")
    return Reference(found["repo"], found["revision"])


def models_folder() -> Path:
    """Where models from the hub are kept."""
    return ganzoo_home() / "hub"


def fetch(name: str) -> Path:
    """The model directory of ``hf-hub:org/name``: the cached one if it is there and undamaged, else downloaded.

    ``GANZOO_OFFLINE`` opens no socket; ``ganzoo cache clear org/name`` makes it look for a newer one. Raises
    GanzooError for what cannot be had, and for files that are not what the hub says they are.
    """
    reference = parse(name)
    folder = cached(reference)
    if folder and (bad := damaged(folder)):
        if offline():
            raise GanzooError(
                f"{reference} in the cache is damaged ({bad[0].name}) and GANZOO_OFFLINE forbids fetching it again; "
                "unset it once"
            )
        _discard(bad)
        _log.warning("%s in the cache was damaged (%s) and is fetched again", reference, bad[0].name)
        folder = None
    if folder is None:
        folder = _download(reference)
        if bad := damaged(folder):
            _discard(bad)
            raise GanzooError(f"{bad[0].name} of {reference} did not arrive as the hub has it; try again")
    return folder


def push(source: str | Path, name: str, *, private: bool = False) -> str:
    """Upload a model directory as ``hf-hub:org/name``, made if it is not there yet; returns its address.

    Raises GanzooError where one may not write there, and for what is not a model.
    """
    from ganzoo.zoo import load, save_card, weights_file

    reference = parse(name)
    if reference.revision:
        raise GanzooError(f"a model is pushed to the main branch; leave '@{reference.revision}' out")
    if offline():
        raise GanzooError(f"GANZOO_OFFLINE forbids pushing {reference}; unset it")
    file, model = weights_file(source), load(source)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copyfile(file, folder / WEIGHTS)
        for extra in ("samples.png", "model.onnx"):
            if file.name == WEIGHTS and (file.parent / extra).is_file():
                shutil.copyfile(file.parent / extra, folder / extra)
        model.card = _card(model, str(reference), bundled=is_bundled(file.parent))
        save_card(model, folder)
        with _explained(reference, "pushed"):
            return _upload(folder, reference, private, f"Upload {model.config.name} made with ganzoo")


def cached(reference: Reference) -> Path | None:
    """The folder of a model that was fetched, None if it was not."""
    revision = reference.revision or "main"
    named = reference.folder / "refs" / revision
    commit = named.read_text(encoding="ascii").strip() if named.is_file() else revision
    folder = reference.folder / "snapshots" / commit
    return folder if (folder / WEIGHTS).is_file() else None


def fetched() -> dict[str, Path]:
    """All models that were fetched, by the names that load them."""
    found = {}
    for storage in sorted(models_folder().glob("models--*--*")):
        _, organisation, name = storage.name.split("--", 2)
        for ref in sorted(path for path in (storage / "refs").rglob("*") if path.is_file()):
            revision = ref.relative_to(storage / "refs").as_posix()
            reference = Reference(f"{organisation}/{name}", None if revision == "main" else revision)
            if folder := cached(reference):
                found[str(reference)] = folder
    return found


def damaged(folder: Path) -> list[Path]:
    """The files of a fetched model that are not what the hub had: their blobs are named by their checksums."""
    return [folder / name for name in FILES if (folder / name).exists() and not _intact((folder / name).resolve())]


def _intact(blob: Path) -> bool:
    if blob.parent.name != "blobs":  # a file system without links, where only the size was checked
        return True
    content = blob.read_bytes()
    if len(blob.name) == 64:
        return hashlib.sha256(content).hexdigest() == blob.name
    # What git itself keeps, it names so.
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == blob.name


def _discard(files: list[Path]) -> None:
    for file in files:
        try:
            file.resolve().unlink()
            file.unlink()
        except OSError as error:
            raise GanzooError(f"{file} is damaged and cannot be removed ({error.strerror}); delete it") from error


def _download(reference: Reference) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import EntryNotFoundError, LocalEntryNotFoundError

    if offline():
        raise GanzooError(f"{reference} is not in the cache and GANZOO_OFFLINE forbids downloading it; unset it once")
    options: Any = {"revision": reference.revision, "cache_dir": models_folder(), "endpoint": _endpoint()}
    with _explained(reference, "fetched"):
        for name in FILES:
            try:
                file = hf_hub_download(reference.repo, name, **options)
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError:
                if name == WEIGHTS:
                    raise
    return Path(file).parent


def _upload(folder: Path, reference: Reference, private: bool, message: str) -> str:
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=_endpoint())
    place = hub.create_repo(reference.repo, private=private, exist_ok=True)
    hub.upload_folder(repo_id=reference.repo, folder_path=folder, commit_message=message)
    return str(place)


def _card(model: Any, name: str, *, bundled: bool) -> str:
    """A model's card that says under which name it can be loaded now; otherwise as its maker left it."""
    from ganzoo.report.card import PLACE, model_card

    if bundled or not model.card:
        return model_card(model.config, model.facts, name=name)
    return str(model.card).replace(PLACE, name)


@contextmanager
def _explained(reference: Reference, done: str) -> Iterator[None]:
    """What goes wrong inside becomes one sentence; the client's own remarks on it are not shown."""
    from huggingface_hub.utils import disable_progress_bars

    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    except Exception as error:  # the client's transport, and so its errors, change with its version
        raise GanzooError(f"{reference} cannot be {done}: {_reason(error)}") from error
    finally:
        client.setLevel(level)


def _reason(error: BaseException) -> str:
    from huggingface_hub import utils

    error = error.__cause__ or error if isinstance(error, utils.LocalEntryNotFoundError) else error
    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons: list[tuple[type[Exception], str]] = [
        (utils.GatedRepoError, "its terms must be accepted first, on its page; then log in by `hf auth login`"),
        (utils.RepositoryNotFoundError, "there is none such, or it is private; check the name or run `hf auth login`"),
        (utils.RevisionNotFoundError, "it has no such revision; check what follows the @"),
        (utils.EntryNotFoundError, f"it holds no ganzoo model, for {WEIGHTS} is missing"),
    ]
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    if status in (401, 403):
        return f"the hub does not allow it (HTTP {status}); run `hf auth login` or set HF_TOKEN"
    if status == 404:
        return "the hub has nothing under that address (HTTP 404); check the name, and HF_ENDPOINT if it is set"
    if status:
        return f"the hub answered HTTP {status}; try again later"
    if isinstance(error, OSError) and error.errno and error.filename:
        return f"cannot write {error.filename} ({error.strerror}); set GANZOO_HOME to a folder you can write to"
    return f"{first_line(error)}; check the network and try again"


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None
