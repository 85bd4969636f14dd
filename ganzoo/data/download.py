"""Download one file from the first mirror that delivers it; what arrives wrong never gets its final name."""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ganzoo.checksum import checksum
from ganzoo.data.datasets import Source
from ganzoo.data.store import disk_full, writing_to
from ganzoo.errors import GanzooError
from ganzoo.home import offline
from ganzoo.progress import Progress

BLOCK = 1 << 16
ATTEMPTS = 100  # per mirror, as long as each brings the file further
_MAGIC = {".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b", ".zip": b"PK", ".npz": b"PK", ".xz": b"\xfd7zXZ"}


@dataclass(frozen=True)
class Patience:
    """Seconds without a byte before a mirror is given up, and the speed below which another one is tried."""

    timeout: float = 20
    slow_after: float = 20
    slow_bytes_per_second: float = 100_000


class _MirrorFailed(Exception):
    """Why a mirror did not deliver; ``resumable`` where what arrived so far may be good."""

    def __init__(self, reason: str, *, resumable: bool = True, slow: bool = False):
        super().__init__(reason)
        self.resumable, self.slow = resumable, slow


def download(
    source: Source,
    folder: Path,
    *,
    name: str = "",
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Path:
    """The path of ``source`` in ``folder``: as it is there already if it is right, else downloaded.

    Mirrors are tried in order; partial downloads resume. Size, checksum and kind of content are checked before
    the file gets its name. name: the dataset it belongs to, for the advice in errors.
    """
    target = folder / source.file
    wrong = what_is_wrong(source, target) if target.exists() else ""
    if target.exists() and not wrong:
        return target
    if offline():
        found = f"what lies there has {wrong}, and " if wrong else ""
        raise GanzooError(f"{found}GANZOO_OFFLINE forbids downloading {source.file}; {_by_hand(source, target, name)}")
    import filelock

    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if source.size and shutil.disk_usage(folder).free < source.size:
            raise disk_full(folder, source.size)
        with filelock.FileLock(folder / f".{source.file}.lock"):
            if not target.exists() or what_is_wrong(source, target):
                _from_any_mirror(source, target, name, patience or Patience(), progress)
    return target


def _from_any_mirror(source: Source, target: Path, name: str, patience: Patience, progress: Progress | None) -> None:
    """Each mirror once; then those that were merely slow, however slow."""
    part = target.with_name(f".{target.name}.part")
    failures: dict[str, str] = {}
    unhurried = Patience(patience.timeout, slow_after=float("inf"))
    attempts = [(url, patience) for url in source.mirrors]
    for url, limits in attempts:
        failed = _from_mirror(url, source, part, limits, progress)
        if not failed:
            part.replace(target)
            return
        failures[url] = str(failed)
        if failed.slow:
            attempts.append((url, unhurried))
    tried = "; ".join(f"{url}: {reason}" for url, reason in failures.items()) or "it has no mirrors"
    raise GanzooError(f"could not download {source.file} ({tried}); {_by_hand(source, target, name)}")


def _from_mirror(
    url: str, source: Source, part: Path, patience: Patience, progress: Progress | None
) -> _MirrorFailed | None:
    """Fill ``part`` from one mirror, resuming while that brings it further; None if it is complete and right."""
    for _ in range(ATTEMPTS):
        before = _length(part)
        try:
            if not before or before != source.size:
                _fetch(url, source, part, patience, progress)
        except _MirrorFailed as failure:
            if not failure.resumable:
                part.unlink(missing_ok=True)
            afresh = before and not failure.resumable
            if failure.slow or not (afresh or _length(part) > before):
                return failure
            continue
        reason = what_is_wrong(source, part)
        if not reason:
            return None
        part.unlink()
        if not before:
            return _MirrorFailed(reason)
    return _MirrorFailed("the connection broke again and again")


def _fetch(url: str, source: Source, part: Path, patience: Patience, progress: Progress | None) -> None:
    """One request: the rest of ``part``, or all of it."""
    start = _length(part)
    headers = {"User-Agent": "ganzoo", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience.timeout) as reply:
            resumed = reply.status == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            _check_reply(reply, source, start if resumed else 0)
            with open(part, "ab" if resumed else "wb") as file:
                _copy(reply, file, source, patience, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # the partial file is longer than the mirror's
            raise _MirrorFailed("has a shorter file than an earlier mirror", resumable=False) from error
        raise _MirrorFailed(f"HTTP {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise _MirrorFailed(f"no data for {patience.timeout:g} s") from error
    except urllib.error.URLError as error:
        raise _MirrorFailed(str(error.reason)) from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise _MirrorFailed(f"the connection broke ({type(error).__name__})") from error


def _check_reply(reply: http.client.HTTPResponse, source: Source, start: int) -> None:
    length = reply.headers.get("Content-Length")
    if reply.headers.get_content_type() == "text/html":
        raise _MirrorFailed("sent an HTML page instead of the file")
    if source.size and length and start + int(length) != source.size:
        raise _MirrorFailed(f"offers {start + int(length):,} bytes instead of {source.size:,}")


def _copy(
    reply: http.client.HTTPResponse,
    file: BinaryIO,
    source: Source,
    patience: Patience,
    progress: Progress | None,
) -> None:
    begin, received = time.monotonic(), 0
    position = file.tell()
    end = source.size or position + int(reply.headers.get("Content-Length") or 0)
    while data := reply.read1(BLOCK):
        if position == 0:
            _check_kind(source, data)
        file.write(data)
        received, position = received + len(data), position + len(data)
        if source.size and position > source.size:
            raise _MirrorFailed(f"sends more than {source.size:,} bytes", resumable=False)
        seconds = time.monotonic() - begin
        if seconds > patience.slow_after and received / seconds < patience.slow_bytes_per_second:
            raise _MirrorFailed(f"only {received / seconds / 1000:.0f} kB/s", slow=True)
        if progress:
            progress(f"downloading {source.file}", position, end)
    if position < end:
        raise _MirrorFailed(f"stopped after {position:,} of {end:,} bytes")


def _check_kind(source: Source, start: bytes) -> None:
    if start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _MirrorFailed("sent an HTML page instead of the file")
    magic = _MAGIC.get(Path(source.file).suffix)
    if magic and not start.startswith(magic):
        raise _MirrorFailed(f"sent something that is not a {Path(source.file).suffix} file")


def what_is_wrong(source: Source, path: Path) -> str:
    """What is wrong with a file, empty if it is the right one."""
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        return f"{size:,} bytes instead of {source.size:,}"
    for kind, expected in (("sha256", source.sha256), ("md5", source.md5)):
        if expected and (found := checksum(path, kind)) != expected:
            return f"{kind} {found} instead of {expected}"
    return ""


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _by_hand(source: Source, target: Path, name: str) -> str:
    """What the user can do without ganzoo's download."""
    facts = [f"{source.size:,} bytes"] if source.size else []
    facts += [f"sha256 {source.sha256}"] if source.sha256 else [f"md5 {source.md5}"] if source.md5 else []
    expected = f" (expected: {', '.join(facts)})" if facts else ""
    command = f", or run: ganzoo data prepare {name} --from FILE_OR_FOLDER" if name else ""
    return f"get it by hand and put it at {target}{expected}{command}"
