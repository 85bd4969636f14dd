import gzip
import io
import struct
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from ganzoo.data.prepare import open_dataset, prepare
from ganzoo.errors import GanzooError
from ganzoo.registry import DATASETS


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def mnist_files(folder, pixels, zipped=True, train=6, test=4):
    folder.mkdir(parents=True)
    arrays = {}
    for part, count in (("train", train), ("t10k", test)):
        arrays[part] = pixels(count, 28, 28), np.arange(count, dtype=np.uint8) % 10
        for kind, dims, array in (("images", 3, arrays[part][0]), ("labels", 1, arrays[part][1])):
            data = idx(array)
            name = f"{part}-{kind}-idx{dims}-ubyte"
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)
    return arrays


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_from_idx_files_anywhere_in_a_folder(tmp_path, pixels, zipped):
    arrays = mnist_files(tmp_path / "my" / "MNIST" / "raw", pixels, zipped)
    train, test = prepare("mnist", source=tmp_path / "my")
    assert (train.split, test.split) == ("train", "test")
    for pack, (images, labels) in ((train, arrays["train"]), (test, arrays["t10k"])):
        assert np.array_equal(pack.images.numpy()[..., 0], images)
        assert np.array_equal(pack.labels.numpy(), labels)
    assert train.label == "mnist-6" and train.kind == "labelled" and train.family == "mnist"


def test_a_truncated_idx_file_is_one_sentence_and_leaves_nothing(tmp_path, pixels, home):
    mnist_files(tmp_path / "my", pixels, zipped=False)
    path = tmp_path / "my" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GanzooError, match=r"train-images-idx3-ubyte.*damaged or truncated"):
        prepare("mnist", source=tmp_path / "my")
    assert not list(home.glob("datasets/*/*"))


def test_labels_that_do_not_fit_are_refused(tmp_path, pixels):
    mnist_files(tmp_path / "my", pixels, zipped=False)
    path = tmp_path / "my" / "train-labels-idx1-ubyte"
    path.write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(GanzooError, match="5 labels for 6 images"):
        prepare("mnist", source=tmp_path / "my")
    path.write_bytes(idx(np.full(6, 10, np.uint8)))
    with pytest.raises(GanzooError, match="outside the 10 classes"):
        prepare("mnist", source=tmp_path / "my")


def test_bundled_digits_need_no_network(monkeypatch):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    pack = open_dataset("mnist-10k")
    assert (pack.count, pack.resolution, pack.channels, pack.split) == (10_000, (28, 28), 1, "train")
    assert pack.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert pack.info["class_counts"]["1"] == 1135 and pack.label == "mnist-10k"
    assert 33 < pack.images.float().mean() < 34  # MNIST's test digits: 0.1325 of 255


def tarred(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("name", "header", "files"), [
    ("cifar10", 1, {"data_batch_1.bin": 3, "data_batch_2.bin": 2, "test_batch.bin": 2}),
    ("cifar100", 2, {"train.bin": 5, "test.bin": 2}),
])  # fmt: skip
def test_cifar_binary_archives(tmp_path, pixels, name, header, files):
    members, rows = {}, {}
    for file, count in files.items():
        rows[file] = np.concatenate([pixels(count, header) % 10, pixels(count, 3072)], 1)
        members[f"{name}-binary/{file}"] = rows[file].tobytes()
    # stored out of order, as tars may be
    path = tarred(tmp_path / "cifar.tar.gz", dict(reversed(members.items())))
    train, test = prepare(name, source=path)
    expected = np.concatenate([row for file, row in rows.items() if "test" not in file])
    assert np.array_equal(train.images.permute(0, 3, 1, 2).reshape(-1, 3072).numpy(), expected[:, header:])
    assert np.array_equal(train.labels.numpy(), expected[:, header - 1])
    assert test.count == 2 and train.label.startswith(f"{name}-5")


def test_pickled_cifar_is_not_unpickled(tmp_path):
    path = tarred(tmp_path / "x.tar.gz", {"cifar-10-batches-py/data_batch_1": b"cos\nsystem\n(S'touch /tmp/evil'\ntR."})
    with pytest.raises(GanzooError, match=r"pickled.*cifar-10-binary.tar.gz"):
        prepare("cifar10", source=path)


def test_stl10_planes_are_column_major(tmp_path, pixels):
    images = {split: pixels(n, 96, 96, 3) for split, n in (("train", 3), ("test", 2), ("unlabeled", 4))}
    members = {f"stl10_binary/{s}_X.bin": a.transpose(0, 3, 2, 1).tobytes() for s, a in images.items()}
    members["stl10_binary/train_y.bin"] = bytes([1, 10, 5])
    members["stl10_binary/test_y.bin"] = bytes([2, 3])
    packs = {pack.split: pack for pack in prepare("stl10", source=tarred(tmp_path / "stl.tar.gz", members))}
    assert all(np.array_equal(packs[split].images.numpy(), array) for split, array in images.items())
    assert packs["train"].labels.tolist() == [0, 9, 4]
    assert packs["unlabeled"].labels is None and packs["unlabeled"].kind == "images"


def test_imagenet32_npz_batches_in_numeric_order(tmp_path, pixels):
    folder = tmp_path / "downloads"
    folder.mkdir()
    data = {index: pixels(2, 3072) for index in (1, 2, 10)}
    with zipfile.ZipFile(folder / "Imagenet32_train_npz.zip", "w") as archive:
        for index, rows in data.items():
            buffer = io.BytesIO()
            np.savez(buffer, data=rows, labels=np.array([index, 1000]), mean=rows[0])
            archive.writestr(f"train_data_batch_{index}.npz", buffer.getvalue())
    (pack,) = prepare("imagenet32", source=folder)
    assert pack.labels.tolist() == [0, 999, 1, 999, 9, 999]
    expected = np.concatenate(list(data.values())).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(pack.images.numpy(), expected)


def test_npz_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "val_data.npz", data=np.zeros((1, 3072), np.uint8), labels=np.array([{}], object))
    with pytest.raises(GanzooError, match="no array of labels"):
        prepare("imagenet32", source=tmp_path)


def test_a_download_is_prepared_end_to_end(tmp_path, pixels, monkeypatch):
    """The registered addresses are never asked: what lies in the downloads folder is right already."""
    import hashlib

    from ganzoo.data.store import downloads_folder

    folder = downloads_folder("mnist")
    mnist_files(folder, pixels)
    dataset = DATASETS.get("mnist")
    facts = {file.name: file.read_bytes() for file in folder.iterdir()}
    sources = tuple(
        replace(s, size=len(facts[s.file]), sha256=hashlib.sha256(facts[s.file]).hexdigest()) for s in dataset.sources
    )
    monkeypatch.setitem(DATASETS._components, "mnist", replace(dataset, sources=sources))
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    assert open_dataset("mnist", split="test").count == 4


@pytest.mark.parametrize("name", ["imagenet32", "ffhq", "afhq", "lsun-bedroom"])
def test_datasets_to_fetch_by_hand_say_where_and_what_then(name):
    with pytest.raises(GanzooError, match=rf"https?://.*ganzoo data prepare {name} --from .*--resolution 64"):
        prepare(name, resolution=64)


def test_offline_downloads_say_what_to_do(monkeypatch):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    with pytest.raises(GanzooError, match=r"GANZOO_OFFLINE.*sha256.*ganzoo data prepare cifar10 --from"):
        open_dataset("cifar10")
