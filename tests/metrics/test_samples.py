"""Where scored images come from: the same pixels from memory and from files, and one line for what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from ganzoo.errors import GanzooError
from ganzoo.metrics.samples import Images, of_folder, of_model, of_pack, open_model
from ganzoo.sampling import save_samples


def all_of(images, size=16):
    return torch.cat(list(images.batches(size)))


def test_samples_in_memory_are_those_written_as_png(tiny_model, digits, tmp_path):
    folder = save_samples(tiny_model, tmp_path / "samples", n=20, seed=3)
    assert torch.equal(all_of(of_folder(folder)), all_of(of_model(tiny_model, 20, digits, seed=3)))


def test_gray_and_colour_png_round_trip_exactly(pngs, noise):
    for channels in (1, 3):
        images = noise(9, channels)
        found = of_folder(pngs(images, f"png{channels}"))
        assert torch.equal(all_of(found, 4), images)
        assert found.facts["resolution"] == [32, 32] and found.facts["channels"] == channels and not found.notes


def test_images_of_several_sizes_come_in_batches_of_one(pngs, noise):
    folder = pngs(noise(3, size=16))
    for number, file in enumerate(sorted(pngs(noise(2, size=20), "larger").iterdir())):
        file.rename(folder / f"{number:05d}x.png")
    assert [tuple(batch.shape) for batch in of_folder(folder).batches(8)] == [
        (1, 3, 16, 16), (1, 3, 20, 20), (1, 3, 16, 16), (1, 3, 20, 20), (1, 3, 16, 16)
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "count"), [(40, 10), (40, 40)])
def test_the_first_of_many_are_not_those_whose_names_come_first(pngs, n, count, monkeypatch):
    monkeypatch.setattr("ganzoo.metrics.samples.MOST_IN_ORDER", 30)
    brightness = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 3, 16, 16)
    found = all_of(of_folder(pngs(brightness), count).first(10))[:, 0, 0, 0]
    assert len(set(found.tolist())) == 10 and found.max() >= 20


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_are_scored_and_folders_that_are_called_like_models(kind, pngs, noise, tmp_path, monkeypatch):
    folder = pngs(noise(5, 1, 16), "dcgan-mnist")
    archive = Path(shutil.make_archive(str(tmp_path / "made"), kind, folder))
    assert open_model(archive) is None and torch.equal(all_of(of_folder(archive)), all_of(of_folder(folder)))
    monkeypatch.chdir(tmp_path)
    assert open_model("dcgan-mnist") is None
    folder.rename(tmp_path / "other")
    assert open_model("dcgan-mnist").config.name == "dcgan"


def test_class_folders_are_labels(pngs, noise):
    for name in ("cat", "owl"):
        pngs(noise(2), name)
    images = of_folder(pngs(noise(1), "new").parent)
    assert images.classes == ("cat", "new", "owl") and sorted(images.labels.tolist()) == [0, 0, 1, 2, 2]


def test_the_first_of_class_folders_are_of_all_classes(pngs, noise, tmp_path):
    for name in ("cat", "dog", "owl"):
        pngs(noise(12), name)
    some, all_ = of_folder(tmp_path, 18), of_folder(tmp_path)
    assert all_.labels.bincount().tolist() == [12, 12, 12] and some.labels.bincount().min() >= 3
    assert torch.equal(some.labels, all_.labels[:18]) and torch.equal(all_of(some), all_of(all_)[:18])


def test_jpegs_and_strangers_are_noted(pngs, noise):
    folder = pngs(noise(3), suffix=".jpg")
    (folder / "README.md").write_text("made by a GAN")
    notes = " ".join(of_folder(folder).notes)
    assert "3 images" in notes and "JPEG" in notes and "save samples as PNG" in notes
    assert "1 files" in notes and "not images" in notes


def test_images_beside_the_folders_of_a_split_are_noted(pngs, noise):
    folder = pngs(noise(3))
    pngs(noise(2), "samples/val")
    images = of_folder(folder)
    assert images.count == 2 and not any("not images" in note for note in images.notes)
    assert "3 images outside the train, val and test folders left out" in images.notes[0]


def test_what_a_folder_lacks_is_said(pngs, noise, tmp_path):
    folder = pngs(noise(3))
    with pytest.raises(GanzooError, match="holds 3 images, not 5"):
        of_folder(folder, 5)
    (folder / "00001.png").write_bytes((folder / "00001.png").read_bytes()[:60])
    with pytest.raises(GanzooError, match=r"00001\.png.*cannot be read"):
        all_of(of_folder(folder))
    (tmp_path / "empty").mkdir()
    with pytest.raises(GanzooError, match="no images in"):
        of_folder(tmp_path / "empty")


def test_labels_follow_the_data_or_are_balanced(conditional_model, digits):
    info = digits.info | {"class_counts": {"cat": 900, "dog": 100, "owl": 0}}
    digits.info = info
    drawn = of_model(conditional_model, 500, digits)
    shares = drawn.labels.bincount(minlength=3) / 500
    assert shares[0] > 0.8 and shares[2] == 0 and drawn.facts["labels"] == "data"
    assert of_model(conditional_model, 9, digits, labels="balanced").labels.bincount().tolist() == [3, 3, 3]
    digits.info = info | {"class_counts": {"other": 5}}
    assert of_model(conditional_model, 9, digits).facts["labels"] == "uniform"
    assert len(all_of(drawn, 250)) == 500


def test_a_data_sets_images_are_a_seeded_draw(digits):
    some, more = of_pack(digits, 50), of_pack(digits, 100)
    assert torch.equal(all_of(some), all_of(more)[:50])
    assert torch.equal(all_of(of_pack(digits, 50, skip=50)), all_of(more)[50:])
    assert not torch.equal(all_of(some), all_of(of_pack(digits, 50, seed=1)))
    with pytest.raises(GanzooError, match="has 10,000 images to take from"):
        of_pack(digits, 10_001)


def test_the_first_of_some_images_are_all_that_is_read(noise):
    images, read = noise(10), []

    def batches(size):
        for part in images.split(size):
            read.append(len(part))
            yield part

    some = Images(10, batches, labels=torch.arange(10), facts={"count": 10, "seed": 0})
    few = some.first(5)
    assert torch.equal(all_of(few, 4), images[:5]) and read == [4, 4]
    assert (few.count, few.labels.tolist(), few.facts) == (5, [0, 1, 2, 3, 4], {"count": 5, "seed": 0})
    assert some.first(10) is some


def test_samples_that_are_not_numbers_are_refused(tiny_model, digits):
    for parameter in tiny_model.game.parameters():
        parameter.fill_(torch.nan)
    with pytest.raises(GanzooError, match="not numbers"):
        all_of(of_model(tiny_model, 4, digits))


def test_a_path_is_a_model_or_images(tiny_model_dir, tmp_path):
    assert open_model(tiny_model_dir) is not None
    assert open_model(tmp_path) is None
    (tmp_path / "config.yaml").write_text("config: {}")
    with pytest.raises(GanzooError, match="holds no model"):  # and is no folder of images
        open_model(tmp_path)
    with pytest.raises(GanzooError, match="unknown model or path"):
        open_model(tmp_path / "nowhere")
