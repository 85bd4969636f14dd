"""The report page: whole, self-contained, and robust against unfinished runs."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser

import pytest
import torch
import yaml
from entries import entry
from PIL import Image
from tiny import ENLARGING, TRANSLATING

from ganzoo.config import resolve
from ganzoo.registry import GAMES
from ganzoo.report.card import model_card
from ganzoo.report.html import write_report


def page(run) -> str:
    return write_report(run).read_text(encoding="utf-8")


class Links(HTMLParser):
    """Everything a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag != "a":
            self.fetched += [value for name, value in attributes if name in ("src", "href", "data") and value]


def test_the_page_needs_nothing_but_itself(make_run):
    text = page(make_run([entry(step) for step in range(50, 1001, 50)]))
    links = Links()
    links.feed(text)
    assert links.fetched and all(link.startswith(("data:", "#")) for link in links.fetched)
    assert not re.search(r"url\(\s*['\"]?https?:|@import|<script[^>]+src=", text)


def test_the_page_says_what_the_run_was_and_how_it_stands(make_run):
    text = page(make_run([entry(step) for step in range(50, 1001, 50)]))
    assert "Deep convolutional GAN" in text and "mnist-10k" in text and "10,000" in text
    assert "Finished" in text and "prefers-color-scheme: dark" in text
    assert text.count("<svg") >= 6 and text.count("data:image/png") >= 2
    assert "currentColor" in text


def test_a_variant_of_ones_own_may_have_no_paper(make_run):
    run = make_run([entry(50)])
    stored = yaml.safe_load((run / "config.yaml").read_text())
    assert "the paper</a>" in page(run)
    (run / "config.yaml").write_text(yaml.safe_dump(stored | {"config": stored["config"] | {"paper": None}}))
    assert "the paper</a>" not in page(run) and "<dt>paper</dt>" not in page(run)


def test_scores_are_a_curve_with_the_best_one_named(make_run):
    run = make_run([entry(step) for step in range(50, 1001, 50)])
    assert "Scores" not in page(run)
    record = {"title": "FID[mnist-classifier]"}
    scores = [{"step": step, "value": value, "record": record} for step, value in ((400, 90.0), (800, 30), (1000, 45))]
    (run / "scores.jsonl").write_text("".join(json.dumps(each) + "\n" for each in scores) + '{"step": 12')
    text = page(run)
    assert "<h3>Scores</h3>" in text and "FID[mnist-classifier] <b>45</b>" in text
    assert "lowest at step 800" in text and "30 at step 800" in text


def test_verdicts_are_on_the_page(make_run):
    entries = [entry(step, real_accuracy=1.0, fake_accuracy=1.0) for step in range(100, 1001, 100)]
    assert "the discriminator has been right 100% of the time for 900 steps" in page(make_run(entries)).lower()


@pytest.mark.parametrize(
    "entries",
    [[], [entry(50)], [entry(50), entry(100, **{"generator/adversarial": math.nan, "diversity": math.inf})]],
    ids=["nothing logged", "one entry", "not finite"],
)
def test_unfinished_runs_have_a_page_too(make_run, entries):
    text = page(make_run(entries, grids=0, torn=True))
    assert (text.rstrip().endswith("</html>") and "of 1,000" in text) or "Nothing is logged yet" in text


@pytest.mark.parametrize("variant", [*TRANSLATING, *ENLARGING])
def test_what_stands_beside_what_is_told(variant, make_run):
    config = resolve(variant).config
    told = GAMES.get(config.game.name).legend
    run = make_run([entry(50)])
    written = yaml.safe_load((run / "config.yaml").read_text())
    written["config"]["game"] = config.game.name
    (run / "config.yaml").write_text(yaml.safe_dump(written))
    assert told.count(",") >= 2 and f"Each row: {told}<" in page(run)
    assert f"Each row: {told}." in model_card(config, {})


def test_a_long_history_is_thinned(make_run):
    run = make_run([entry(step) for step in range(1, 6001)], steps=6000)
    assert write_report(run).stat().st_size < 1_500_000


def test_names_cannot_inject_markup(make_run):
    run = make_run([entry(50)])
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("Deep convolutional GAN", "<script>alert(1)</script>"))
    assert "<script>alert(1)" not in page(run)


def test_many_large_grids_stay_under_three_megabytes(make_run):
    run = make_run([entry(step) for step in range(50, 1001, 50)], grids=0)
    (run / "samples").mkdir()
    for i in range(1, 21):
        noise = torch.randint(0, 256, (530, 530, 3), generator=torch.Generator().manual_seed(i), dtype=torch.uint8)
        Image.fromarray(noise.numpy()).save(run / "samples" / f"step-{50 * i:08d}.png", compress_level=1)
    text = page(run)
    assert len(text) < 3_000_000
    assert 0 < text.count('alt="Samples at step') <= 13
    assert "step 50<" in text and "step 1,000<" in text


def test_a_damaged_grid_is_left_out(make_run):
    run = make_run([entry(50), entry(100)])
    newest = run / "samples" / "step-00000200.png"
    newest.write_bytes(newest.read_bytes()[:60])
    text = page(run)
    assert "step 100" in text and "Samples at step 200" not in text


def test_spikes_do_not_flatten_a_curve_and_are_admitted(make_run):
    steps = range(10, 1001, 10)
    spiky = [entry(step, **({"generator/adversarial": 1e9} if step == 500 else {})) for step in steps]
    assert "A few values lie outside the frame" in page(make_run(spiky))


def test_how_to_go_on_and_how_to_repeat_it_are_on_the_page(make_run):
    run = make_run([entry(50)])
    text = page(run)
    assert f"ganzoo train --resume {run}" in text
    assert "ganzoo train dcgan --dataset mnist-10k --preset cpu" in text


def test_the_configuration_shows_numbers_as_numbers_and_switches_as_words(make_run):
    text = page(make_run([entry(50)]))
    shown = dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", text))
    assert shown["schedule.discriminator_steps"] == "1" and shown["schedule.lr_decay_start"] == "0"
    assert shown["schedule.ema_ramp"] == "yes" and shown["schedule.clip_gradients"] == "none"
