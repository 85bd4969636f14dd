"""Two-sided data: pairs side by side or in parallel folders, and unpaired folders."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import random
from ganzoo.data.check import check
from ganzoo.data.loader import Loader, to_float
from ganzoo.data.prepare import open_dataset, prepare
from ganzoo.errors import GanzooError
from ganzoo.registry import DATASETS

PAIRS = ["facades", "maps", "edges2shoes", "edges2handbags", "cityscapes", "night2day"]
UNPAIRED = ["horse2zebra", "apple2orange", "summer2winter", "monet2photo"]


def write(folder, files):
    """Name → pixels."""
    for name, pixels in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def halves(pixels):
    """Four A|B pairs of 16x16 halves."""
    return [(pixels(16, 16, 3), pixels(16, 16, 3)) for _ in range(4)]


@pytest.fixture
def side_by_side(tmp_path, halves):
    return write(tmp_path / "joined", {f"train/{i}.png": np.concatenate(pair, 1) for i, pair in enumerate(halves)})


@pytest.fixture
def unpaired(tmp_path, pixels):
    sides = {"trainA": 5, "trainB": 3, "testA": 2, "testB": 1}
    files = {f"{side}/{side}{i}.png": pixels(16, 16, 3) for side, n in sides.items() for i in range(n)}
    return write(tmp_path / "unpaired", files)


def same_pairs(dataset, halves):
    return all(
        torch.equal(dataset.images_a[i], torch.from_numpy(a)) and torch.equal(dataset.images_b[i], torch.from_numpy(b))
        for i, (a, b) in enumerate(halves)
    )


def test_halves_of_an_image_are_a_pair(side_by_side, halves):
    dataset = open_dataset(side_by_side, kinds=("pairs",))
    assert (dataset.kind, dataset.count, dataset.resolution) == ("pairs", 4, (16, 16))
    assert dataset.images_a.shape == dataset.images_b.shape == (4, 16, 16, 3)
    assert same_pairs(dataset, halves)


@pytest.mark.parametrize("places", [("A/{}", "B/{}"), ("trainA/{}", "trainB/{}"), ("A/train/{}_A", "B/train/{}_B")])
def test_parallel_folders_are_pairs_by_name(places, tmp_path, halves):
    files = {f"{p.format(i)}.png": half for i, pair in enumerate(halves) for p, half in zip(places, pair, strict=True)}
    folder = write(tmp_path / "parallel", files)
    assert same_pairs(open_dataset(folder, kinds=("pairs",)), halves)
    assert open_dataset(folder).kind == "pairs"


def test_each_half_is_resized_by_itself(tmp_path):
    white_and_black = np.concatenate([np.full((20, 30), 255, np.uint8), np.zeros((20, 30), np.uint8)], 1)
    folder = write(tmp_path / "wide", {f"{i}.png": white_and_black for i in range(2)})
    for fit in ("crop", "stretch"):
        dataset = open_dataset(folder, resolution=8, fit=fit, kinds=("pairs",))
        assert dataset.images_a.min() == 255 and dataset.images_b.max() == 0


def test_other_sizes_are_derived_from_the_packed_original(side_by_side, halves):
    large = open_dataset(side_by_side, kinds=("pairs",))
    small = open_dataset(side_by_side, resolution=8, channels=1, kinds=("pairs",))
    assert small.images_a.shape == (4, 8, 8, 1) and small.panels == 2
    expected = Image.fromarray(halves[0][1]).convert("L").resize((8, 8), Image.Resampling.LANCZOS)
    assert torch.equal(small.images_b[0, :, :, 0], torch.from_numpy(np.asarray(expected).copy()))
    assert large.fingerprint != small.fingerprint


def test_sides_of_different_sizes(unpaired):
    (train, test) = prepare(unpaired)
    assert (train.kind, len(train.images_a), len(train.images_b)) == ("unpaired", 5, 3)
    assert (len(test.images_a), len(test.images_b)) == (2, 1)
    assert train.info["class_counts"] == {"A": 5, "B": 3} and train.classes == ()
    first = np.asarray(Image.open(unpaired / "trainB" / "trainB0.png"))
    assert torch.equal(train.images_b[0], torch.from_numpy(first.copy()))


def test_the_same_folder_may_be_read_in_several_ways(side_by_side):
    plain, pairs = open_dataset(side_by_side, resolution=16), open_dataset(side_by_side, kinds=("pairs",))
    assert (plain.kind, pairs.kind) == ("images", "pairs")
    again = open_dataset(side_by_side, resolution=16, kinds=("images", "labelled"))
    assert again.folder == plain.folder and open_dataset(pairs.folder, kinds=("pairs",)).kind == "pairs"


def test_an_unreadable_half_leaves_the_pair_out(tmp_path, halves):
    files = {f"{side}/{i}.png": half for i, pair in enumerate(halves) for side, half in zip("AB", pair, strict=True)}
    folder = write(tmp_path / "torn", files)
    (folder / "B" / "1.png").write_bytes(b"no image")
    dataset = open_dataset(folder, kinds=("pairs",))
    assert dataset.count == 3 and dataset.info["skipped"]["count"] == 1
    assert same_pairs(dataset, [halves[0], *halves[2:]])


# What is refused.


@pytest.mark.parametrize(
    ("shape", "sentence"), [((16, 33), "33 pixels wide, which is odd"), ((16, 16), "16x16, which is no pair")]
)
def test_images_that_are_no_pairs(shape, sentence, side_by_side, pixels):
    write(side_by_side, {"train/odd.png": pixels(*shape, 3)})
    with pytest.raises(GanzooError, match=rf"'train/odd\.png'.* {sentence}") as error:
        open_dataset(side_by_side, kinds=("pairs",))
    assert "\n" not in str(error.value)


def test_missing_halves_are_named(tmp_path, pixels):
    folder = write(tmp_path / "f", {name: pixels(8, 8) for name in ("A/0.png", "A/1.png", "B/0.png")})
    with pytest.raises(GanzooError, match=r"'A/1\.png'.* no partner of the same name on side B \(1 such"):
        open_dataset(folder, kinds=("pairs",))


def test_a_missing_side_is_named(tmp_path, pixels):
    folder = write(tmp_path / "f", {"trainA/0.png": pixels(8, 8), "testB/0.png": pixels(8, 8)})
    with pytest.raises(GanzooError, match="no images on side B"):
        open_dataset(folder, kinds=("unpaired", "pairs"))


def test_unpaired_images_are_no_pairs(unpaired):
    with pytest.raises(GanzooError, match="has no partner"):
        open_dataset(unpaired, kinds=("pairs",))


@pytest.mark.parametrize(
    ("name", "kinds", "sentence"),
    [
        ("horse2zebra", ("pairs",), "unpaired images of two kinds, but what is wanted here is pairs"),
        ("mnist-10k", ("pairs",), "labelled images, but what is wanted here is pairs"),
        ("facades", ("images", "labelled"), "pairs of images, but what is wanted"),
    ],
)
def test_named_sets_of_another_kind_are_refused_before_they_are_downloaded(name, kinds, sentence):
    with pytest.raises(GanzooError, match=sentence):
        open_dataset(name, kinds=kinds)


# Named datasets.


@pytest.mark.parametrize("name", PAIRS + UNPAIRED)
def test_named_datasets_say_what_a_user_must_know(name):
    dataset = DATASETS.get(name)
    assert dataset.name == name and dataset.kind == ("pairs" if name in PAIRS else "unpaired")
    assert dataset.licence and dataset.accepts and dataset.homepage.startswith("https://")
    assert bool(dataset.manual) == (name == "cityscapes") and dataset.sources
    for source in dataset.sources:
        assert dataset.manual or all("berkeley.edu" in mirror for mirror in source.mirrors)
        assert (source.sha256 is not None) == (name in UNPAIRED)


def test_a_copy_of_ones_own_prepares_a_named_set(side_by_side, halves):
    (pack,) = prepare("facades", source=side_by_side)
    assert (pack.name, pack.label, pack.kind) == ("facades", "facades-4", "pairs") and same_pairs(pack, halves)
    assert open_dataset("facades", kinds=("pairs",)).fingerprint == pack.fingerprint


# Batches.


def test_fields_that_belong_together_change_together(side_by_side):
    dataset = open_dataset(side_by_side, kinds=("pairs",))
    twin = type("Twin", (), {"images_a": dataset.images_a, "images_b": 255 - dataset.images_a})
    data = Loader(twin, ["images_a", "images_b"], 4, mirror=True, jitter=1.25)
    for number in range(5):
        with random.drawing_from(random.Stream(0, str(number), 4, 4)):
            batch = data.batch(number)
        torch.testing.assert_close(batch["images_a"], -batch["images_b"], rtol=0, atol=1e-5)


def test_independent_fields_go_their_own_ways(unpaired):
    dataset = open_dataset(unpaired)
    data = Loader(dataset, ["images_a", "images_b"], 15, independent=True)
    counts = [torch.bincount(data.index(0, field)).tolist() for field in ("images_a", "images_b")]
    assert counts == [[3] * 5, [5] * 3]
    pairs = Loader(
        type("Same", (), {"images_a": dataset.images_a, "images_b": dataset.images_a}),
        ["images_a", "images_b"],
        5,
        independent=True,
    )
    assert pairs.index(0, "images_a").tolist() != pairs.index(0, "images_b").tolist()


def test_jitter_cuts_windows_out_of_an_enlarged_image():
    ramp = torch.arange(64, dtype=torch.uint8).expand(200, 64, 64)[..., None].contiguous()
    data = Loader(type("Ramp", (), {"images": ramp}), ["images"], 200, jitter=1.25)
    with random.drawing_from(random.Stream(0, "data", 200, 200)):
        images = data.batch(0)["images"]
    assert images.shape == (200, 1, 64, 64) and images.is_contiguous(memory_format=torch.channels_last)
    rows = (images[:, 0, 0] + 1) * 127.5
    slope = rows.diff(dim=1)[:, 10:50].mean()
    assert slope.item() == pytest.approx(0.8, abs=0.01), "enlarged by 1.25"
    starts = rows[:, 0]
    assert starts.min() < 1 and 12 < starts.max() < 14, "from one border to the other"


def test_jitter_does_not_depend_on_how_a_batch_is_cut(side_by_side):
    dataset = open_dataset(side_by_side, kinds=("pairs",))
    data = Loader(dataset, ["images_a", "images_b"], 4, mirror=True, jitter=1.25)

    def rows(offset, count):
        with random.drawing_from(random.Stream(0, "data", count, 4, offset)):
            return data.batch(0, offset, count)["images_b"]

    assert torch.equal(torch.cat([rows(0, 2), rows(2, 2)]), rows(0, 4))


def test_no_jitter_is_the_image_itself(side_by_side):
    dataset = open_dataset(side_by_side, kinds=("pairs",))
    data = Loader(dataset, ["images_a", "images_b"], 4)
    assert torch.equal(data.batch(0)["images_b"], to_float(dataset.images_b[data.index(0)]))


# Looking at it first.


def test_check_says_what_training_will_do(side_by_side, unpaired, cli):
    assert any("halves A|B" in line and "pix2pix" in line for line in check(side_by_side).plan)
    assert "take the halves A|B of each as pairs" in check(side_by_side, kind="pairs").plan
    report = check(unpaired)
    assert report.classes == {"A": 7, "B": 4} and any("translate between" in line for line in report.plan)
    said = cli("data", "check", side_by_side, "--kind", "pairs", "--json")
    assert json.loads(said.out)["images"] == 4


def test_preparing_and_describing_from_the_command_line(side_by_side, cli):
    result = cli("data", "prepare", side_by_side, "--kind", "pairs")
    assert result.code == 0 and "4 images 16x16x3" in result.out
    assert "pairs" in cli("data", "list").out
    assert "cyclegan" not in cli("data", "info", "horse2zebra").out.split("sha256")[0].split("\n")[0]
