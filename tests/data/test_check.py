import json

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.check import check
from ganzoo.errors import GanzooError


@pytest.fixture
def odd(tmp_path, pixels):
    """One image of every odd kind, in two class folders."""
    cats, dogs = tmp_path / "odd" / "cat", tmp_path / "odd" / "dog"
    cats.mkdir(parents=True)
    dogs.mkdir()
    for index in range(12):
        Image.fromarray(pixels(16, 16, 3)).save(cats / f"{index:02}.png")
    Image.fromarray(pixels(16, 16)).save(cats / "gray.png")
    Image.fromarray(pixels(16, 16, 4), "RGBA").save(cats / "alpha.png")
    Image.fromarray(pixels(16, 16, 3)).convert("P").save(cats / "palette.png")
    Image.fromarray(np.full((16, 16), 4000, np.uint16)).save(cats / "deep.png")
    Image.new("CMYK", (16, 16)).save(cats / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 16)).save(cats / "turned.jpg", exif=exif)
    (cats / "copy.png").write_bytes((cats / "00.png").read_bytes())
    (cats / "cut.png").write_bytes((cats / "01.png").read_bytes()[:300])
    (dogs / "text.png").write_text("no image")
    Image.fromarray(pixels(16, 16, 3)).save(dogs / "0.png")
    (tmp_path / "odd" / "readme.txt").write_text("hello")
    return tmp_path / "odd"


def test_everything_odd_is_found(odd):
    report = check(odd)
    assert (report.files, report.images, report.splits) == (23, 22, {"train": 22})
    assert report.classes == {"cat": 20, "dog": 2}
    assert report.modes["L"] == report.modes["RGBA"] == report.modes["P"] == report.modes["CMYK"] == 1
    assert report.modes["I;16"] == 1 and report.formats["JPEG"] == 2 and report.rotated == 1
    assert report.sizes == {"16x16": 20, "16x32": 1} and report.aspect_ratios == {"1:1": 20, "1:2": 1}
    assert set(report.unreadable) == {"cat/cut.png", "dog/text.png"}
    assert report.duplicates == [["cat/00.png", "cat/copy.png"]]


def test_warnings_and_plan_are_in_words(odd):
    report = check(odd)
    warnings, plan = "\n".join(report.warnings), "\n".join(report.plan)
    for text in ("2 unreadable", "exact copies", "unbalanced", "2 images are stored lossily", "fewer than 1,000"):
        assert text in warnings
    for text in (
        "learn from 20 images",
        "2 class folders as labels",
        "keeping the centre square of 1",
        "in colour",
        "put 1 images with transparency on white",
        "scale 1 images of 16",
        "convert 1 CMYK",
        "turn 1 images",
        "skip 2 unreadable",
    ):
        assert text in plan


def test_the_report_is_json(odd):
    assert json.loads(json.dumps(check(odd).as_dict()))["images"] == 22


def test_clean_images_have_a_short_plan(photos):
    report = check(photos[0])
    assert report.plan[:3] == [
        "learn from 5 images",
        "use 2 class folders as labels",
        "keep 16x16 unless --resolution says otherwise",
    ]
    assert not report.unreadable and not report.duplicates


def test_nothing_to_check_is_one_sentence(tmp_path):
    with pytest.raises(GanzooError, match="no images in"):
        check(tmp_path)
