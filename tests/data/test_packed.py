import errno
import json
import os
import pickle
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch

from ganzoo.data import packed
from ganzoo.data.packed import PackedDataset, write_pack
from ganzoo.errors import GanzooError

INFO = {
    "name": "toy",
    "label": "toy",
    "registered": False,
    "family": "folder",
    "kind": "labelled",
    "split": "train",
    "classes": ["a", "b", "c"],
    "source": {"signature": "x", "path": "/x", "splits": ["train"]},
}


def write(folder, images, labels=None, replace=False, size=4, **info):
    chunks = [
        (images[i : i + size], None if labels is None else labels[i : i + size]) for i in range(0, len(images), size)
    ]
    classes = {} if labels is not None else {"classes": []}
    return write_pack(folder, chunks, lambda: {**INFO, **classes, **info}, replace=replace)


def test_what_is_written_is_read_back(tmp_path, pixels):
    images, labels = pixels(10, 6, 8, 3), np.array([0, 1] * 5)
    pack = write(tmp_path / "pack", images, labels)
    assert (pack.count, pack.resolution, pack.channels, pack.classes) == (10, (6, 8), 3, ("a", "b", "c"))
    assert pack.images.dtype == torch.uint8 and pack.labels.dtype == torch.int64
    assert np.array_equal(pack.images.numpy(), images) and np.array_equal(pack.labels.numpy(), labels)
    assert pack.info["class_counts"] == {"a": 5, "b": 5, "c": 0}
    again = PackedDataset.open(tmp_path / "pack")
    assert again.fingerprint == pack.fingerprint and torch.equal(again.images, pack.images)


def test_without_labels(tmp_path, pixels):
    pack = write(tmp_path / "pack", pixels(3, 4, 4, 1))
    assert pack.labels is None and not (tmp_path / "pack" / "labels.npy").exists()


def test_tensors_share_the_map_without_warning_or_touching_the_file(tmp_path, pixels):
    images = pixels(5, 4, 4, 1)
    pack = write(tmp_path / "pack", images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pack.images[0] = 0
    assert np.array_equal(PackedDataset.open(tmp_path / "pack").images.numpy(), images)


def test_opening_maps_instead_of_reading(tmp_path):
    write(tmp_path / "pack", np.zeros((200, 256, 256, 3), np.uint8), size=50)
    code = (
        "import sys, resource; from ganzoo.data.packed import PackedDataset; import torch;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak();"
        "PackedDataset.open(sys.argv[1]).images[7].sum(); print((peak() - before) / 1024)"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "pack")]
    grown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert float(grown) < 20  # the array has 39 MB


def test_fingerprint_is_of_content_alone(tmp_path, pixels):
    images, labels = pixels(10, 4, 4, 3), np.arange(10) % 3
    first = write(tmp_path / "a", images, labels)
    assert write(tmp_path / "b", images, labels, size=3, label="other").fingerprint == first.fingerprint
    images[9, 3, 3, 2] ^= 1
    assert write(tmp_path / "c", images, labels).fingerprint != first.fingerprint
    images[9, 3, 3, 2] ^= 1
    assert write(tmp_path / "d", images, labels[::-1]).fingerprint != first.fingerprint
    assert write(tmp_path / "e", images.reshape(10, 2, 8, 3), labels).fingerprint != first.fingerprint


def test_pickles_as_a_path(tmp_path, pixels):
    pack = write(tmp_path / "pack", pixels(100, 32, 32, 3))
    assert pack.images is not None
    data = pickle.dumps(pack)
    assert len(data) < 1000 and pickle.loads(data).fingerprint == pack.fingerprint


def test_an_existing_pack_stays_unless_replaced(tmp_path, pixels):
    first = write(tmp_path / "pack", pixels(4, 4, 4, 1))
    assert write(tmp_path / "pack", pixels(4, 4, 4, 1)).fingerprint == first.fingerprint
    assert write(tmp_path / "pack", pixels(4, 4, 4, 1), replace=True).fingerprint != first.fingerprint
    assert os.listdir(tmp_path) == ["pack"]


def failing(images, error):
    yield images, None
    raise error


@pytest.mark.parametrize("error", [GanzooError("damaged"), KeyboardInterrupt(), OSError("boom")])
def test_nothing_half_written_stays(tmp_path, pixels, error):
    with pytest.raises(type(error)):
        write_pack(tmp_path / "sets" / "pack", failing(pixels(2, 4, 4, 1), error), lambda: INFO, replace=False)
    assert os.listdir(tmp_path / "sets") == []


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path, pixels):
    for name, age in ((".new-old", 2 * packed.ABANDONED_AFTER), (".new-young", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write(tmp_path / "pack", pixels(2, 4, 4, 1))
    assert sorted(os.listdir(tmp_path)) == [".new-young", "pack"]


def test_a_full_disk_is_one_sentence(tmp_path, pixels, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packed, "_to_disk", full)
    with pytest.raises(GanzooError, match=r"no space left.*GANZOO_HOME"):
        write(tmp_path / "pack", pixels(2, 4, 4, 1))
    assert os.listdir(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, pixels):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GanzooError, match=r"cannot write to.*GANZOO_HOME"):
        write(tmp_path / "file" / "pack", pixels(2, 4, 4, 1))


def test_damaged_packs_say_what_to_do(tmp_path, pixels):
    pack = write(tmp_path / "pack", pixels(9, 8, 8, 3))
    with open(pack.folder / "images.npy", "r+b") as file:
        file.truncate(500)
    with pytest.raises(GanzooError, match=r"damaged.*prepare toy again"):
        PackedDataset.open(pack.folder).images  # noqa: B018
    card = json.loads((pack.folder / "dataset.json").read_text())
    (pack.folder / "dataset.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(GanzooError, match="another version"):
        PackedDataset.open(pack.folder)
    (pack.folder / "dataset.json").write_text("{")
    with pytest.raises(GanzooError, match="no readable"):
        PackedDataset.open(pack.folder)
