"""``ganzoo cache``"""

from __future__ import annotations

import json

import pytest
import torch

from ganzoo.data.prepare import open_dataset
from ganzoo.tensors import save_tensors


@pytest.fixture
def full(home, tmp_path):
    """A home with data, statistics, weights and a model in it."""
    open_dataset("mnist-10k", resolution=16)
    save_tensors(home / "statistics" / "mnist-train.safetensors", {"mean": torch.zeros(3)}, {"count": 3})
    (home / "weights").mkdir()
    (home / "weights" / "some.pth").write_bytes(b"weights")
    storage = home / "hub" / "models--org--cats"
    (storage / "blobs").mkdir(parents=True)
    (storage / "snapshots" / "abc").mkdir(parents=True)
    name = "9e107d9d" * 8
    (storage / "blobs" / name).write_bytes(b"not what its name says")
    (storage / "snapshots" / "abc" / "model.safetensors").symlink_to(storage / "blobs" / name)
    return home


def state(cli):
    rows = [line.split(None, 2) for line in cli("cache", "verify").out.splitlines()[1:]]
    return {name: said for _, name, said in rows}


def test_everything_kept_is_listed_with_its_size(cli, full):
    items = json.loads(cli("cache", "list", "--json").out)
    assert {(item["kind"], item["name"]) for item in items} == {
        ("data", "mnist-10k"), ("statistics", "mnist-train"), ("weights", "some.pth"), ("model", "org/cats"),
    }  # fmt: skip
    sizes = {item["name"]: item["bytes"] for item in items}
    assert sizes["mnist-10k"] > 10_000 * 16 * 16 and sizes["some.pth"] == 7
    out = cli("cache", "list", "mnist*").out
    assert "mnist-10k" in out and "2.6 MB" in out and "org/cats" not in out and str(full) in out


def test_what_is_damaged_is_found(cli, full):
    assert state(cli) == {
        "mnist-10k": "good", "mnist-train": "good", "some.pth": "good", "org/cats": "model.safetensors is damaged",
    }  # fmt: skip
    (images,) = full.glob("datasets/mnist-10k/*/images.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    (full / "statistics" / "mnist-train.safetensors").write_bytes(b"no")
    found = state(cli)
    assert "not the contents it had" in found["mnist-10k"] and "not a safetensors file" in found["mnist-train"]
    result = cli("cache", "verify")
    assert result.code == 1 and result.err == "ganzoo: 3 of 4 are damaged; run: ganzoo cache clear mnist-10k\n"
    assert cli("cache", "verify", "some*").code == 0


def test_a_download_that_broke_off_is_found(cli, full):
    snapshot = full / "hub" / "models--org--cats" / "snapshots" / "abc"
    (snapshot / "model.safetensors").rename(snapshot / "README.md")
    assert state(cli)["org/cats"] == "README.md is damaged, its download broke off before model.safetensors"


def test_what_is_named_is_removed(cli, full):
    assert "removed model org/cats" in cli("cache", "clear", "org/cats").out
    assert not (full / "hub" / "models--org--cats").exists()
    assert "did you mean mnist-10k" in cli("cache", "clear", "mnist-10").sentence()
    assert "add --yes" in cli("cache", "clear").sentence()
    assert cli("cache", "clear", "--yes").code == 0
    assert json.loads(cli("cache", "list", "--json").out) == []


def test_what_cannot_be_removed_is_one_sentence(cli, full, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    assert "cannot remove" in cli("cache", "clear", "org/cats").sentence()


def test_an_empty_home_is_no_mistake(cli, home):
    assert cli("cache", "list").out == f"0.0 MB in {home}\n"
    assert cli("cache", "verify").code == 0 and cli("cache", "clear").code == 0


def test_listing_imports_nothing_heavy(python, full):
    done = python(
        "-c", "import sys, ganzoo.cache as c; c.kept(); print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    assert done.stdout.strip() == "set()", done.stderr
