"""Images with captions: lists, text files, the bundled digits, and what a batch gets of them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import random
from ganzoo.data.captioned_digits import COLOURS, PLACES, caption, draw, scenes
from ganzoo.data.check import check
from ganzoo.data.loader import Loader
from ganzoo.data.prepare import open_dataset, prepare
from ganzoo.errors import GanzooError
from ganzoo.text import decode, encode

TEXTS = {"0": ["A red bird", "a bird  that is red"], "1": ["ein grüner Vogel"], "2": ["a blue bird", "blue", "bird"]}
WANTED = {name: [" ".join(text.lower().split()) for text in texts] for name, texts in TEXTS.items()}


@pytest.fixture
def birds(tmp_path, pixels):
    """Three images in images/, without captions."""
    (tmp_path / "birds" / "images").mkdir(parents=True)
    for name in TEXTS:
        Image.fromarray(pixels(16, 16, 3)).save(tmp_path / "birds" / "images" / f"{name}.png")
    return tmp_path / "birds"


def jsonl(folder, texts, where="captions.jsonl"):
    lines = [
        {"file": f"{name}.png"} | ({"captions": t} if len(t) > 1 else {"caption": t[0]}) for name, t in texts.items()
    ]
    (folder / where).write_text("\n".join(map(json.dumps, lines)) + "\n")
    return folder


def captions_of(dataset):
    return {str(i): [text for text in decode(rows.numpy()) if text] for i, rows in enumerate(dataset.captions)}


def test_text_is_bytes_without_capitals_and_surplus_blanks():
    codes = encode(["A  red\tbird ", "", "grün"])
    assert codes.dtype == np.uint8 and codes.shape == (3, 10) and not codes[1].any()
    assert decode(codes) == ["a red bird", "", "grün"]
    assert encode([]).shape == (0, 1)


@pytest.mark.parametrize("where", ["captions.jsonl", "images/captions.jsonl"])
def test_a_list_in_json_lines(birds, where):
    dataset = open_dataset(jsonl(birds, TEXTS, where), kinds=("captions",))
    assert (dataset.kind, dataset.count, dataset.classes, dataset.labels) == ("captions", 3, (), None)
    assert captions_of(dataset) == WANTED
    assert dataset.info["captions"] == 6
    first = np.asarray(Image.open(birds / "images" / "0.png"))
    assert torch.equal(dataset.images[0], torch.from_numpy(first.copy()))


def test_a_list_as_a_table(birds):
    rows = [f'images/{name}.png,"{text}"' for name, texts in TEXTS.items() for text in texts]
    (birds / "captions.csv").write_text("\n".join(["file,caption", *rows]))
    assert captions_of(open_dataset(birds)) == WANTED


@pytest.mark.parametrize(
    ("images", "texts"), [("images/{}.a/", "text/{}.a/"), ("jpg/", "text_c10/class_{}/"), ("images/", "images/")]
)
def test_a_text_file_for_each_image(tmp_path, pixels, images, texts):
    for name, lines in TEXTS.items():
        for folder in (images, texts):
            (tmp_path / "set" / folder.format(name)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(16, 16, 3)).save(tmp_path / "set" / images.format(name) / f"{name}.png")
        (tmp_path / "set" / texts.format(name) / f"{name}.txt").write_text("\n".join(lines) + "\n\n")
    assert captions_of(open_dataset(tmp_path / "set", kinds=("captions",))) == WANTED


def test_text_files_of_one_name_belong_to_the_class_folders(tmp_path, pixels):
    for kind in ("cat", "dog"):
        for folder in ("images", "text"):
            (tmp_path / "set" / folder / kind).mkdir(parents=True)
        Image.fromarray(pixels(16, 16, 3)).save(tmp_path / "set" / "images" / kind / "1.png")
        (tmp_path / "set" / "text" / kind / "1.txt").write_text(f"a {kind}")
    assert captions_of(open_dataset(tmp_path / "set")) == {"0": ["a cat"], "1": ["a dog"]}


def test_splits_and_unreadable_images_keep_their_captions(tmp_path, pixels):
    for split, names in (("train", "abc"), ("test", "de")):
        (tmp_path / "set" / split).mkdir(parents=True)
        for name in names:
            Image.fromarray(pixels(16, 16, 3)).save(tmp_path / "set" / split / f"{name}.png")
        jsonl(tmp_path / "set" / split, {name: [f"the letter {name}"] for name in names})
    (tmp_path / "set" / "train" / "b.png").write_bytes(b"no image")
    train, test = prepare(tmp_path / "set")
    assert captions_of(train) == {"0": ["the letter a"], "1": ["the letter c"]}
    assert captions_of(test) == {"0": ["the letter d"], "1": ["the letter e"]}


def test_other_sizes_keep_the_captions_and_they_count_for_the_fingerprint(birds):
    large = open_dataset(jsonl(birds, TEXTS))
    small = open_dataset(birds, resolution=8, kinds=("captions",))
    assert small.resolution == (8, 8) and torch.equal(small.captions, large.captions)
    jsonl(birds, TEXTS | {"1": ["ein gelber Vogel"]})
    assert open_dataset(birds).fingerprint != large.fingerprint


def test_captioned_images_are_images_too(birds):
    jsonl(birds, TEXTS)
    assert open_dataset(birds).kind == "captions"
    assert open_dataset(birds, kinds=("images", "labelled")).count == 3


def test_check_counts_captions(birds):
    report = check(jsonl(birds, TEXTS))
    assert "learn from 6 captions of up to 18 bytes" in "; ".join(report.plan)


def test_check_counts_texts_of_no_image(tmp_path, pixels):
    for name in ("a", "b"):
        Image.fromarray(pixels(16, 16, 3)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(f"the letter {name}")
    (tmp_path / "about").mkdir()
    (tmp_path / "about" / "README.txt").write_text("letters")
    assert not any("text files" in warning for warning in check(tmp_path, kind="captions").warnings)
    (tmp_path / "c.txt").write_text("the letter c")
    assert "1 text files are of no image, e.g. c.txt" in check(tmp_path, kind="captions").warnings


def test_a_batch_has_one_caption_of_each_image_another_each_time(birds):
    loader = Loader(open_dataset(jsonl(birds, TEXTS)), ("images", "captions"), 3)
    seen = {name: set() for name in TEXTS}
    for number in range(40):
        with random.drawing_from(random.Stream(0, f"{number}", 3, 3)):
            batch = loader.batch(number)
        assert batch["captions"].shape == (3, max(len(text.encode()) for texts in WANTED.values() for text in texts))
        for row, text in zip(loader.index(number).tolist(), decode(batch["captions"].numpy()), strict=True):
            seen[str(row)].add(text)
    assert seen == {name: set(texts) for name, texts in WANTED.items()}


def test_examples_have_the_longest_caption(birds):
    examples = open_dataset(jsonl(birds, TEXTS)).example_captions(2)
    assert examples == ["a red bird", "a blue bird", "a bird that is red"]


def test_bundled_digits_show_what_their_captions_say():
    dataset, digits = open_dataset("captioned-digits", resolution=32), open_dataset("mnist-10k")
    assert (dataset.kind, dataset.count, dataset.channels) == ("captions", 10_000, 3)
    texts, rows = dataset.captions[:200], scenes(10_000)[:200]
    for image, lines, label, row in zip(dataset.images, texts, digits.labels, rows, strict=False):
        assert decode(lines.numpy())[0] == caption("a {colour} {word} {place}", int(label), row[0], row[1])
        weight = image.float().sum(2)
        x, y = (weight.sum(axis) @ torch.arange(32.0) / weight.sum() - 15.5 for axis in (0, 1))
        place = list(PLACES.values())[row[1]][1]
        assert abs(2 * float(x) - place[0]) < 7 and abs(2 * float(y) - place[1]) < 7
        brightest = image.reshape(-1, 3)[int(weight.argmax())].float()
        colour = torch.tensor(list(COLOURS.values())[row[0]]).float()
        assert torch.cosine_similarity(brightest, colour, 0) > 0.99
    combinations = {tuple(row) for row in np.concatenate([digits.labels[:, None], scenes(10_000)[:, :2]], 1).tolist()}
    assert len(combinations) == 300
    assert draw(np.full((28, 28), 255, np.uint8), 5, 4, 0, 0).shape == (64, 64, 3)


# What is refused, in one sentence.


def refusal(folder, **options):
    with pytest.raises(GanzooError) as error:
        open_dataset(folder, kinds=("captions",), **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_images_without_captions(birds):
    assert "has no captions; expected captions.jsonl" in refusal(birds)
    jsonl(birds, {"0": ["a bird"], "1": [" "]})
    assert "'images/1.png'" in refusal(birds) and "has no caption (2 such images)" in refusal(birds)


def test_captions_without_images(birds):
    jsonl(birds, TEXTS | {"7": ["a bird that flew"]})
    assert "has a caption for '7.png', which is no image there (1 such captions)" in refusal(birds)


GOOD = '{"file": "0.png", "caption": "a bird\u2028of two lines"}\n\n'


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("captions.jsonl", '{"file": "0.png", "caption"', 1),
        ("captions.jsonl", GOOD + '{"file": "0.png", "caption": 7}', 3),
        ("captions.jsonl", GOOD + '{"file": "0.png", "captions": "a bird"}', 3),
        ("captions.jsonl", GOOD + '{"file": "0.png", "captions": null}', 3),
        ("captions.jsonl", GOOD + '{"file": "0.png"}', 3),
        ("captions.jsonl", GOOD + '{"file": 0, "caption": "a bird"}', 3),
        ("captions.jsonl", '["0.png"]', 1),
        ("captions.csv", "name,text\n0.png,a bird", 1),
        ("captions.csv", "", 1),
    ],
)
def test_lists_that_are_none(birds, name, content, line):
    (birds / name).write_text(content)
    said = refusal(birds)
    assert f"line {line} of '{name}' in {birds} cannot be read; expected" in said and "Error" not in said


def test_captions_of_no_images(birds):
    jsonl(birds, TEXTS)
    for image in (birds / "images").iterdir():
        image.unlink()
    assert "no images in" in (said := refusal(birds)) and "expected captions.jsonl" in said


def test_text_that_is_no_text(birds):
    (birds / "captions.csv").write_bytes(b"file,caption\n0.png,\xff\xfe")
    assert "is not UTF-8 text" in refusal(birds)
    (birds / "captions.csv").write_text("file,caption\n0.png," + "a" * 5000)
    assert "has a caption of 5,000 characters; at most 4,096" in refusal(birds)


def test_data_without_captions(photos):
    assert "mnist-10k is a set of labelled images, but what is wanted here is images with captions" in refusal(
        "mnist-10k"
    )
    assert "has no captions" in refusal(photos[0])
