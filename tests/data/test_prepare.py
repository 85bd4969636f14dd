import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganzoo.data import packing
from ganzoo.data.prepare import open_dataset, prepare
from ganzoo.errors import GanzooError, UnknownName


def save(folder, files, encode, kind="PNG"):
    for name, array in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode(array, "JPEG" if name.endswith(".jpg") else kind))
    return folder


def test_class_folders_are_labels(photos):
    folder, images = photos
    pack = open_dataset(folder)
    assert np.array_equal(pack.images.numpy(), images)
    assert pack.classes == ("cat", "dog") and pack.labels.tolist() == [0, 0, 0, 1, 1]
    assert (pack.kind, pack.family, pack.label, pack.split) == ("labelled", "folder", "photos", "train")


def test_flat_folders_have_no_labels(tmp_path, pixels, encode):
    folder = save(tmp_path / "flat", {f"{i}.png": pixels(8, 8) for i in range(3)}, encode)
    pack = open_dataset(folder)
    assert pack.labels is None and pack.kind == "images" and pack.classes == () and pack.channels == 1


def test_folders_zips_and_tars_pack_alike(tmp_path, photos):
    folder, _ = photos
    first = open_dataset(folder)
    for kind in ("zip", "tar", "gztar"):
        pack = open_dataset(shutil.make_archive(str(tmp_path / "p"), kind, tmp_path, "photos"))
        assert pack.fingerprint == first.fingerprint and pack.classes == first.classes


@pytest.mark.parametrize("named", ["celeba", "mnist-10k"])
def test_a_split_a_named_dataset_never_had_is_named_before_its_source_is_missed(named, home):
    with pytest.raises(GanzooError, match=f"{named} has no split 'dev'; it has train"):
        open_dataset(named, split="dev")


def test_splits_with_classes_inside(tmp_path, pixels, encode):
    files = {f"wrap/{split}/{label}/0.png": pixels(8, 8, 3) for split in ("train", "val", "test") for label in "ab"}
    folder = save(tmp_path / "sets", files, encode)
    packs = {pack.split: pack for pack in prepare(folder)}
    assert list(packs) == ["train", "val", "test"]
    for split, pack in packs.items():
        expected = np.stack([files[f"wrap/{split}/{label}/0.png"] for label in "ab"])
        assert np.array_equal(pack.images.numpy(), expected) and pack.labels.tolist() == [0, 1]
    assert open_dataset(folder, split="test").fingerprint == packs["test"].fingerprint
    with pytest.raises(GanzooError, match="no split 'dev'; it has train, val, test"):
        open_dataset(folder, split="dev")


def test_numbered_classes_sort_as_numbers(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {f"{label}/0.png": pixels(8, 8) for label in (10, 9, 1)}, encode)
    assert open_dataset(folder).classes == ("1", "9", "10")


def test_one_wrapping_folder_is_not_a_class(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {f"download/images/{i}.png": pixels(8, 8) for i in range(2)}, encode)
    assert open_dataset(folder).labels is None


def test_the_pack_is_cached_until_an_image_changes(photos, monkeypatch):
    folder, images = photos
    first = open_dataset(folder)
    written = first.folder.stat().st_mtime_ns
    assert open_dataset(folder).folder.stat().st_mtime_ns == written
    images[0, 0, 0, 0] ^= 1
    Image.fromarray(images[0]).save(folder / "cat" / "0.png")
    changed = open_dataset(folder)
    assert changed.fingerprint != first.fingerprint
    assert np.array_equal(changed.images.numpy(), images)


def test_resolution_is_derived_from_the_originals_even_when_they_are_gone(photos, tmp_path):
    folder, _ = photos
    direct = prepare(folder, resolution=8)[0]
    native = open_dataset(folder)
    assert direct.resolution == (8, 8) and native.resolution == (16, 16)
    packed_folder = native.folder
    folder.rename(tmp_path / "gone")
    derived = open_dataset(packed_folder, resolution=8)
    assert derived.fingerprint == direct.fingerprint
    assert "resized to 8x8" in derived.info["transform"]
    with pytest.raises(GanzooError, match="resized already"):
        open_dataset(derived.folder, resolution=4)


@pytest.mark.parametrize(("channels", "mean"), [(1, 76), (3, 85)])
def test_channels_convert(tmp_path, encode, channels, mean):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    folder = save(tmp_path / "f", {"0.png": red}, encode)
    pack = open_dataset(folder, channels=channels)
    assert pack.channels == channels and round(pack.images.float().mean().item()) == mean


def test_gray_images_replicate(tmp_path, pixels, encode):
    image = pixels(8, 8)
    pack = open_dataset(save(tmp_path / "f", {"0.png": image}, encode), channels=3)
    assert all(np.array_equal(pack.images[0, :, :, channel].numpy(), image) for channel in range(3))


def test_mixed_sizes_need_a_resolution(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {"0.png": pixels(8, 12, 3), "1.png": pixels(20, 20, 3)}, encode)
    with pytest.raises(GanzooError, match=r"not all of one square size.*--resolution"):
        open_dataset(folder)
    assert open_dataset(folder, default_resolution=8).resolution == (8, 8)
    packs = {fit: open_dataset(folder, resolution=8, fit=fit) for fit in ("crop", "pad", "stretch")}
    assert len({pack.fingerprint for pack in packs.values()}) == 3
    assert packs["pad"].images[0, 0].max() == 0


def test_unreadable_images_are_skipped_and_told(photos):
    folder, images = photos
    (folder / "cat" / "1.png").write_bytes((folder / "cat" / "1.png").read_bytes()[:200])
    (folder / "dog" / "z.jpg").write_text("not an image")
    with pytest.raises(GanzooError, match=r"unreadable image.*cat/1.png.*--strict"):
        prepare(folder, strict=True)
    pack = open_dataset(folder)
    assert np.array_equal(pack.images.numpy(), images[[0, 2, 3, 4]]) and pack.labels.tolist() == [0, 0, 1, 1]
    assert pack.info["skipped"]["count"] == 2
    assert [name.split(":")[0] for name in pack.info["skipped"]["files"]] == ["cat/1.png", "dog/z.jpg"]
    with pytest.raises(GanzooError, match="2 unreadable"):
        prepare(folder, strict=True)


def test_nothing_readable_is_an_error(tmp_path, home):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.png").write_text("x")
    with pytest.raises(GanzooError, match=r"none of the 1 images could be read"):
        open_dataset(tmp_path / "f", resolution=8)
    assert not list(home.rglob("*.npy"))


@pytest.mark.parametrize("files", [{}, {"a.txt": b"x", "b.csv": b"y"}])
def test_empty_folders_say_what_is_expected(tmp_path, files):
    folder = tmp_path / "f"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(GanzooError) as caught:
        open_dataset(folder)
    message = str(caught.value)
    assert str(folder) in message and ".png .jpg" in message and "one folder per class" in message
    assert ("1 .csv" in message) if files else ("it is empty" in message)


def test_unpaired_folders_are_no_images(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {f"train{side}/0.png": pixels(8, 8, 3) for side in "AB"}, encode)
    with pytest.raises(GanzooError, match="unpaired"):
        open_dataset(folder, kinds=("images", "labelled"))


def test_unknown_names_and_missing_paths():
    with pytest.raises(UnknownName, match="cifar10"):
        open_dataset("cifar-10")
    with pytest.raises(GanzooError, match=r"there is no file or folder.*nowhere"):
        open_dataset("./nowhere")
    with pytest.raises(GanzooError, match=r"there is no file or folder.*x.zip to prepare mnist from"):
        prepare("mnist", source="x.zip")


@pytest.mark.parametrize(
    ("options", "says"),
    [({"resolution": 0}, "resolution 0"), ({"channels": 2}, "2 channels"), ({"fit": "zoom"}, "crop, pad, stretch")],
)
def test_bad_requests_are_refused(options, says):
    with pytest.raises(GanzooError, match=says):
        open_dataset("mnist-10k", **options)


def cifar_folder(root, pixels, encode, suffix=".png", count=2):
    names = ("truck", "airplane", "Automobile")
    files = {f"train/{n}/{i}{suffix}": pixels(32, 32, 3) for n in names for i in range(count)}
    return save(root, files, encode)


def test_images_of_a_named_dataset_take_its_classes(tmp_path, pixels, encode):
    (pack,) = prepare("cifar10", source=cifar_folder(tmp_path / "f", pixels, encode))
    assert pack.classes[9] == "truck" and pack.labels.tolist() == [1, 1, 0, 0, 9, 9]
    assert (pack.name, pack.family, pack.label) == ("cifar10", "cifar", "cifar10-6")
    assert open_dataset("cifar10").fingerprint == pack.fingerprint
    assert open_dataset("cifar10-6").fingerprint == pack.fingerprint


def test_strange_class_folders_of_a_named_dataset_are_refused(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {"truck/0.png": pixels(32, 32, 3), "tram/0.png": pixels(32, 32, 3)}, encode)
    with pytest.raises(GanzooError, match="tram"):
        prepare("cifar10", source=folder)


def test_lossy_copies_are_labelled_so(tmp_path, pixels, encode):
    (pack,) = prepare("cifar10", source=cifar_folder(tmp_path / "f", pixels, encode, ".jpg"))
    assert pack.label == "cifar10-6-jpeg" and pack.name == "cifar10"


def test_a_full_lossy_copy_is_called_jpeg_only(tmp_path, pixels, encode, monkeypatch):
    from dataclasses import replace

    from ganzoo.registry import DATASETS

    small = replace(DATASETS.get("cifar10"), counts={"train": 6, "test": 1})
    monkeypatch.setitem(DATASETS._components, "cifar10", small)
    prepare("cifar10", source=cifar_folder(tmp_path / "jpeg", pixels, encode, ".jpg"))
    assert open_dataset("cifar10").label == "cifar10-jpeg"
    prepare("cifar10", source=cifar_folder(tmp_path / "png", pixels, encode))
    assert open_dataset("cifar10").label == "cifar10"  # the real thing is preferred
    assert open_dataset("cifar10-jpeg").label == "cifar10-jpeg"


def test_jpeg_celeba_is_no_lossy_copy_but_a_subset_is_told(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {f"{i:06}.jpg": pixels(218, 178, 3) for i in range(3)}, encode)
    (pack,) = prepare("celeba", source=folder)
    assert pack.label == "celeba-3" and pack.resolution == (64, 64) and pack.labels is None
    assert pack.info["transform"] == "centre square kept, resized to 64x64 (Lanczos)"
    with pytest.raises(GanzooError, match="there is no file"):
        prepare("celeba", source=tmp_path / "g")
    folder.rename(tmp_path / "gone")
    with pytest.raises(
        GanzooError, match=r"source .* is gone; run: ganzoo data prepare celeba --from .*--resolution 32"
    ):
        open_dataset("celeba", resolution=32)


def test_small_celeba_copies_keep_their_size(tmp_path, pixels, encode):
    folder = save(tmp_path / "f", {f"{i}.jpg": pixels(32, 32, 3) for i in range(2)}, encode)
    assert prepare("celeba", source=folder)[0].resolution == (32, 32)


def test_a_new_copy_replaces_the_old_one_of_the_same_label(tmp_path, pixels, encode):
    old = cifar_folder(tmp_path / "old", pixels, encode)
    prepare("cifar10", source=old)
    small = prepare("cifar10", source=old, resolution=16)[0]
    (new,) = prepare("cifar10", source=cifar_folder(tmp_path / "new", pixels, encode))
    assert open_dataset("cifar10").fingerprint == new.fingerprint
    assert not small.folder.exists()
    assert open_dataset("cifar10", resolution=16).fingerprint != small.fingerprint


def test_somebodys_folder_called_like_a_dataset_is_not_it(tmp_path, pixels, encode, monkeypatch):
    folder = save(tmp_path / "mnist-10k", {"0.png": pixels(28, 28)}, encode)
    assert open_dataset(folder).count == 1
    monkeypatch.chdir(tmp_path)
    assert open_dataset("mnist-10k").count == 10_000
    assert open_dataset("./mnist-10k").count == 1


def test_too_small_a_disk_is_noticed_before_writing(photos, monkeypatch, home):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(GanzooError, match=r"no space left.*GANZOO_HOME"):
        open_dataset(photos[0])
    assert not list(home.rglob("*.npy"))


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_home_that_cannot_be_made_is_one_sentence(photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(GanzooError, match=r"cannot write to.*GANZOO_HOME"):
        open_dataset(photos[0])


def test_progress_reaches_the_total(photos):
    calls = []
    open_dataset(photos[0], progress=lambda *call: calls.append(call))
    assert ("packing train", 5, 5) in calls and ("looking at", 5, 5) in calls


def test_two_processes_at_once_agree(photos, home):
    code = (
        "import sys; from ganzoo.data.prepare import open_dataset as o; print(o(sys.argv[1], resolution=8).fingerprint)"
    )
    run = [sys.executable, "-c", code, str(photos[0])]
    processes = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate()[0] for process in processes}
    assert len(outputs) == 1 and all(process.returncode == 0 for process in processes)
    assert len(list(home.rglob("images.npy"))) == 1 and not list(home.rglob(".new-*"))
