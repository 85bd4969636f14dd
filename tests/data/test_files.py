import gzip
import io
import os
import stat
import tarfile
import zipfile

import pytest

from ganzoo.data import files as module
from ganzoo.data.files import open_files, signature
from ganzoo.errors import GanzooError

MEMBERS = {"a/1.txt": b"one", "a/2.txt": b"two" * 1000, "b.txt": b""}


def tarred(path, members, mode="w", **changes):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def make_folder(path, members):
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_container_shows_the_same_files(tmp_path, zipped, home, kind):
    if kind == "folder":
        path = make_folder(tmp_path / "folder", {**MEMBERS, ".hidden": b"x", ".git/config": b"x"})
    elif kind == "zip":
        path = zipped({"b.txt": b"", "__MACOSX/a/._1.txt": b"x", "a/.DS_Store": b"x", **MEMBERS})
    else:
        path = tarred(tmp_path / f"x.{kind}", MEMBERS, "w" if kind == "tar" else f"w:{kind[4:]}")
    files = open_files(path)
    assert list(files.sizes) == sorted(MEMBERS)
    assert {name: files.read(name) for name in files.sizes} == MEMBERS
    assert not home.exists() or os.listdir(home) == []


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\evil.png"])
def test_names_that_leave_the_archive_are_refused(tmp_path, zipped, name):
    for path in (zipped({name: b"x"}), tarred(tmp_path / "x.tar", {name: b"x"})):
        with pytest.raises(GanzooError, match="points out of the archive; refused"):
            open_files(path)
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tars_are_refused(tmp_path, kind):
    path = tarred(tmp_path / "x.tar", {"a.png": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(GanzooError, match="link or device; refused"):
        open_files(path)


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(GanzooError, match="b cannot be read: Permission denied; give access to it"):
        open_files(tmp_path)


def test_links_in_zips_are_refused(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(GanzooError, match=r"link.*refused"):
        open_files(tmp_path / "x.zip")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_decompression_bombs_are_refused(tmp_path, monkeypatch, kind, home):
    monkeypatch.setattr(module, "FREE_BYTES", 100_000)
    bomb = {"bomb.png": bytes(3_000_000)}
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.png", bomb["bomb.png"])
    else:
        tarred(tmp_path / "x.tar.gz", bomb, "w:gz")
    with pytest.raises(GanzooError, match="decompression bomb"):
        open_files(tmp_path / f"x.{kind}")
    assert not home.exists() or os.listdir(home) == []


def test_too_many_members_are_refused(tmp_path, monkeypatch, zipped):
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    members = {f"{i}.png": b"" for i in range(5)}
    for path in (zipped(members), tarred(tmp_path / "x.tar", members)):
        with pytest.raises(GanzooError, match="more than 3 files"):
            open_files(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_truncated_archives_are_one_sentence(tmp_path, zipped, kind):
    data = {"a.png": os.urandom(50_000), "b.png": os.urandom(50_000)}
    path = zipped(data) if kind == "zip" else tarred(tmp_path / "x.tar.gz", data, "w:gz")
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(GanzooError, match="damaged or truncated"):
        open_files(path)


def test_a_damaged_member_is_one_sentence(zipped):
    path = zipped({"a.png": b"A" * 1000})
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"AAAB", 1))
    with pytest.raises(GanzooError, match="damaged"):
        open_files(path).read("a.png")


@pytest.mark.parametrize(
    ("start", "says"),
    [(b"<!DOCTYPE html><p>", "HTML page"), (b"7z\xbc\xaf'\x1c", "unpack it"), (b"nothing", "damaged")],
)
def test_what_only_looks_like_an_archive(tmp_path, start, says):
    (tmp_path / "x.zip").write_bytes(start * 100)
    with pytest.raises(GanzooError, match=says):
        open_files(tmp_path / "x.zip")


def test_protected_zips_are_one_sentence(zipped):
    path = zipped({"a.png": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    path.write_bytes(data)
    with pytest.raises(GanzooError, match="password"):
        open_files(path)


def test_a_missing_path_is_one_sentence(tmp_path):
    with pytest.raises(GanzooError, match="there is no file or folder"):
        open_files(tmp_path / "nowhere")


def test_known_archives_in_a_folder_stand_for_their_members(tmp_path, zipped):
    zipped({"x/1.bin": b"1"}, "one.zip")
    zipped({"x/2.bin": b"2"}, "two.zip")
    files = open_files(tmp_path, ["one.zip", "two.zip", "three.zip"])
    assert {name: files.read(name) for name in files.sizes} == {"x/1.bin": b"1", "x/2.bin": b"2"}


def test_folders_that_link_in_circles_end(tmp_path):
    folder = make_folder(tmp_path / "f", {"a.png": b"x"})
    (folder / "again").symlink_to(folder)
    (folder / "broken.png").symlink_to(tmp_path / "gone")
    assert set(open_files(folder).sizes) == {"a.png", "broken.png"}


def test_a_signature_changes_with_any_file(tmp_path):
    folder = make_folder(tmp_path / "f", MEMBERS)
    first = signature(folder)
    assert signature(folder) == first
    (folder / "b.txt").write_bytes(b"!")
    second = signature(folder)
    (folder / "b.txt").rename(folder / "c.txt")
    assert len({first, second, signature(folder)}) == 3


def test_single_files_count_as_one(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x"))
    assert list(open_files(tmp_path / "a.gz").sizes) == ["a.gz"]
