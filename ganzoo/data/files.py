"""The files of a folder, zip, tar or single file by relative name; archives are read in place, never unpacked.

Archives are hostile input: absolute names, names that climb out, links, devices, too many members and too much
uncompressed data are refused before anything is read.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from ganzoo.data.store import writing_to
from ganzoo.errors import GanzooError
from ganzoo.home import ganzoo_home

MAX_MEMBERS = 5_000_000
MAX_RATIO = 100  # of uncompressed to compressed size, beyond FREE_BYTES
FREE_BYTES = 4 << 30
MAX_FILE_IN_MEMORY = 2 << 30
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile)


@dataclass(frozen=True)
class Files:
    """Relative names (sorted, with sizes in bytes) and how to open each."""

    path: Path
    sizes: dict[str, int]
    opener: Callable[[str], IO[bytes]]
    lock: threading.Lock | None = None  # held while reading, where the archive cannot be read by two threads

    def matching(self, pattern: str) -> list[str]:
        """Names whose last part matches the regular expression."""
        compiled = re.compile(pattern)
        return [name for name in self.sizes if compiled.fullmatch(name.rpartition("/")[2])]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """The bytes of one file as a stream."""
        with _explained(self.path), self.opener(name) as file:
            yield file

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        if self.sizes[name] > MAX_FILE_IN_MEMORY:
            raise GanzooError(f"'{name}' in {self.path} has {self.sizes[name] / 1e9:.1f} GB; refused")
        with self.lock or threading.Lock(), self.open(name) as file:
            return file.read()


def open_files(path: Path, archives_within: Iterable[str] = ()) -> Files:
    """Look at a folder, archive or single file.

    archives_within: names of archives that stand for their members where a folder holds them.
    """
    if not path.exists():
        raise GanzooError(f"there is no file or folder {path}")
    if path.is_dir():
        inner = [path / name for name in archives_within if (path / name).is_file() and is_archive_name(name)]
        if inner:
            return _merged(path, [open_files(archive) for archive in inner])
        return _lmdb(path, found) if (found := sorted(path.glob("**/data.mdb"))) else _folder(path)
    with _explained(path):
        if zipfile.is_zipfile(path):
            return _zip(path)
        if tarfile.is_tarfile(path):
            return _tar(path)
    return _single(path)


def signature(path: Path) -> str:
    """Identifies a file's or folder's content by names, sizes and modification times; reads no file."""
    digest = hashlib.sha256()
    root = path if path.is_dir() else path.parent
    for file in sorted(_walk(path)) if path.is_dir() else [path]:
        try:
            status = file.stat()
        except OSError:
            continue
        name = file.relative_to(root).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _folder(path: Path) -> Files:
    names = {}
    for file in sorted(_walk(path)):
        try:
            names[file.relative_to(path).as_posix()] = file.stat().st_size
        except OSError:  # a broken link: opening it will say so
            names[file.relative_to(path).as_posix()] = 0
    return Files(path, names, lambda name: open(path / name, "rb"))


def _walk(path: Path) -> Iterator[Path]:
    """Every file below a folder, through links but never round in circles; hidden ones are left out."""
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        reason = error.strerror or "unreadable"
        raise GanzooError(f"{error.filename} cannot be read: {reason}; give access to it, or move it away") from error

    for folder, subfolders, files in os.walk(path, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        subfolders[:] = [] if real in seen else [name for name in subfolders if not name.startswith(".")]
        if real in seen:
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _lmdb(path: Path, databases: list[Path]) -> Files:
    """LSUN's databases of encoded images; their folders' names tell train from val."""
    try:
        import lmdb
    except ImportError:
        raise GanzooError(f"{path} holds LMDB databases; to read them run: pip install lmdb") from None
    transactions, owner = {}, {}
    for file in databases:
        split = "val" if "val" in file.parent.name else "train"
        database = lmdb.open(str(file.parent), readonly=True, lock=False, readahead=False)
        transactions[split] = database.begin()
        keys = transactions[split].cursor().iternext(values=False)
        owner.update({f"{split}/{key.decode()}.webp": (split, bytes(key)) for key in keys})

    def opener(name: str) -> IO[bytes]:
        split, key = owner[name]
        return io.BytesIO(transactions[split].get(key))

    return Files(path, dict.fromkeys(sorted(owner), 0), opener, threading.Lock())


def _single(path: Path) -> Files:
    with open(path, "rb") as file:
        start = file.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise GanzooError(f"{path} is an HTML page, not data; download it again (its address wanted a login?)")
    if start.startswith((b"7z\xbc\xaf", b"rar!")):
        raise GanzooError(f"{path} is a 7z or RAR archive; unpack it and give the folder")
    if is_archive_name(path.name):
        raise GanzooError(f"{path} is a damaged or truncated archive; download it again")
    return Files(path, {path.name: path.stat().st_size}, lambda name: open(path, "rb"))


def _zip(path: Path) -> Files:
    archive = zipfile.ZipFile(path)
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        _check_name(path, member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise GanzooError(f"{path} holds the link '{member.filename}'; refused, as links can point anywhere")
        if member.flag_bits & 1:
            raise GanzooError(f"{path} is protected by a password; unpack it and give the folder")
    _check_sizes(path, [member.file_size for member in members])
    return Files(path, _sorted({m.filename: m.file_size for m in members}), archive.open)


def _tar(path: Path) -> Files:
    archive = tarfile.open(fileobj=_uncompressed(path))  # noqa: SIM115
    members = {}
    for count, member in enumerate(archive):
        _check_name(path, member.name)
        if member.islnk() or member.issym() or not (member.isfile() or member.isdir()):
            raise GanzooError(f"{path} holds '{member.name}', which is a link or device; refused")
        if count >= MAX_MEMBERS:
            _check_sizes(path, [0] * (count + 1))
        members[member.name] = member
    files = {name.removeprefix("./"): member for name, member in members.items() if member.isfile()}
    _check_sizes(path, [member.size for member in files.values()])

    def opener(name: str) -> IO[bytes]:
        file = archive.extractfile(files[name])
        assert file is not None  # only regular files are listed
        return file

    return Files(path, _sorted({n: m.size for n, m in files.items()}), opener, threading.Lock())


def _uncompressed(path: Path) -> BinaryIO:
    """The tar itself, or its uncompressed bytes in a nameless temporary file, so that members are quick to find."""
    openers: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open, b"BZ": bz2.open}
    with open(path, "rb") as file:
        start = file.read(2)
    if start not in openers:
        return open(path, "rb")
    home = ganzoo_home()
    with writing_to(home):
        home.mkdir(parents=True, exist_ok=True)
        spooled = tempfile.TemporaryFile(dir=home)  # noqa: SIM115
        with openers[start](path) as compressed:
            _copy_limited(path, compressed, spooled)
    spooled.seek(0)
    return spooled


def _copy_limited(path: Path, source: IO[bytes], target: IO[bytes]) -> None:
    limit, total = _size_limit(path), 0
    while data := source.read(1 << 20):
        total += len(data)
        if total > limit:
            _check_sizes(path, [total])
        target.write(data)


def _merged(path: Path, parts: list[Files]) -> Files:
    owner = {name: part for part in parts for name in part.sizes}
    locks = [part.lock for part in parts if part.lock]
    sizes = _sorted({name: part.sizes[name] for name, part in owner.items()})
    return Files(path, sizes, lambda name: owner[name].opener(name), locks[0] if locks else None)


def _sorted(sizes: dict[str, int]) -> dict[str, int]:
    """Hidden files and macOS's resource forks are no data."""
    return {name: sizes[name] for name in sorted(sizes) if not re.search(r"(^|/)(\.|__MACOSX/)", name)}


def _check_name(path: Path, name: str) -> None:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise GanzooError(f"{path} holds '{name}', a name that points out of the archive; refused")


def _check_sizes(path: Path, sizes: list[int]) -> None:
    if len(sizes) > MAX_MEMBERS:
        raise GanzooError(f"{path} holds more than {MAX_MEMBERS:,} files; refused")
    if sum(sizes) > _size_limit(path):
        raise GanzooError(
            f"{path} would unpack to {sum(sizes) / 1e9:.1f} GB or more, over {MAX_RATIO} times its size; refused as "
            "a decompression bomb (unpack it yourself if you trust it, and give the folder)"
        )


def _size_limit(path: Path) -> int:
    return max(FREE_BYTES, MAX_RATIO * path.stat().st_size)


def is_archive_name(name: str) -> bool:
    """Whether a file is called as a zip or tar is."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise GanzooError(
            f"{path} is damaged or truncated ({error or type(error).__name__}); download or copy it again"
        ) from error
