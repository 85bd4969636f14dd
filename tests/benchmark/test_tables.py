"""Tables: what is averaged, what is best, what is refused, and how it looks in each format."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made import data_row, result, score, stored

from ganzoo.benchmark.formats import as_csv, latex, markdown, measured
from ganzoo.benchmark.leaderboard import html
from ganzoo.benchmark.results import Words, write_words
from ganzoo.benchmark.tables import Value, mean, reported, tables
from ganzoo.errors import GanzooError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def made(*results):
    return tables((Path(f"{each.name}.json"), each) for each in results)


def lines(*results):
    """The rows of the Markdown table by their first cell."""
    text = markdown(made(*results))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in cells}


def test_seeds_are_averaged():
    assert lines(*(result(seed=seed, fid=fid) for seed, fid in enumerate((9.0, 10.0, 11.0))))["DCGAN"] == [
        "**10.0 ± 1.0**", "**0.5 ± 0**", "1,000", "20.0 minutes", "3",
    ]  # fmt: skip
    assert mean([3.0]).deviation is None


def test_a_value_and_its_deviation_have_as_many_places():
    assert measured(Value(12.345, 0.678, 3)) == "12.35 ± 0.68"
    assert measured(Value(0.0123, 0.00456, 3)) == "0.0123 ± 0.0046"
    assert measured(Value(1234.5, 20.4, 3)) == "1,234 ± 20"
    assert measured(Value(0.7, 0.0155, 3)) == "0.700 ± 0.015"
    assert measured(Value(-0.0004, 0.0021, 3)) == "−0.0004 ± 0.0021"
    assert measured(Value(0.5, 0.0, 3)) == "0.5 ± 0"
    assert measured(Value(12.0, None, 1)) == "12"


def test_the_best_is_bold_and_on_top_and_data_come_last():
    (table,) = made(data_row(0.1), result("gan", fid=20.0), result("wgan", fid=5.0))
    assert [row.name for row in table.rows] == ["wgan", "gan", "real-halves-mnist"]
    shown = lines(data_row(0.1), result("gan", fid=20.0), result("wgan", fid=5.0))
    assert shown["WGAN"][0] == "**5**" and shown["GAN"][0] == "20"
    assert shown["other half of the real images"][0] == "0.1"


def test_rows_of_data_are_of_the_same_protocol_and_agree():
    with pytest.raises(GanzooError, match="cannot stand in one table"):
        made(result("gan", fid=20.0), data_row(0.1, protocol="another"))
    with pytest.raises(GanzooError, match="are both real-halves"):
        tables([(Path("one.json"), data_row(0.1)), (Path("two.json"), data_row(0.2))])


def test_more_is_better_where_a_metric_says_so():
    better = result("gan", scores={"fid": score(20.0), "precision": score(0.9, "precision")})
    (table,) = made(result("wgan", fid=5.0), better)
    assert [table.winner(metric) for metric in table.metrics] == ["wgan", "gan"]


def test_who_trained_on_the_judge_is_marked_and_not_best():
    cheat = result("gan", scores={"fid": score(1.0, trained_on_extractor=True)})
    shown = lines(cheat, result("wgan", fid=5.0))
    assert shown["GAN†"][0] == "1" and shown["WGAN"][0] == "**5**"
    assert "† trained on the features" in markdown(made(cheat, result("wgan")))


def test_who_trained_on_one_judge_may_be_best_at_what_that_one_does_not_see():
    scores = {"fid": score(1.0, trained_on_extractor=True), "precision": score(0.9, "precision")}
    shown = lines(result("gan", scores=scores), result("wgan", fid=5.0))
    assert shown["GAN†"][:2] == ["1", "**0.9**"] and shown["WGAN"][:2] == ["**5**", "0.5"]


def test_who_trained_on_other_data_is_marked():
    other = score(1.0, fake={"count": 10_000, "trained_on": {"label": "mnist-10k"}})
    assert lines(result("gan", scores={"fid": other}), result("wgan"))["GAN‡"][0] == "1"


def test_unverified_weights_are_marked():
    assert "GAN¶" in lines(result("gan", scores={"fid": score(1.0, verified=False)}))


def test_the_best_checkpoint_has_a_column_of_its_own_after_the_last():
    shown = lines(result("gan", fid=20.0, best={"fid": score(15.0)}, best_step=400), result("wgan", fid=18.0))
    assert shown["model"][:3] == [
        "FID[mnist-classifier] ↓",
        "PRECISION[mnist-classifier] ↑",
        "best FID[mnist-classifier]",
    ]
    assert shown["GAN"][0] == "20" and shown["GAN"][2] == "**15** (step 400)"
    assert shown["WGAN"][0] == "**18**" and shown["WGAN"][2] == ""


def test_a_diverged_seed_is_told():
    lost = result(seed=1, outcome="diverged", scores={})
    assert lines(result(), lost)["DCGAN"][0] == "**10** (1 of 2 diverged)"
    assert lines(lost, result("gan"))["DCGAN"][0] == "diverged"


def test_a_table_of_nothing_but_divergence_is_a_table():
    lost = made(result(outcome="diverged", scores={}, expected={"low": 1, "high": 2, "source": "x"}))
    assert (
        "| DCGAN | diverged |" in markdown(lost)
        and r"\toprule" in latex(lost)
        and ",1," in as_csv(lost)
        and "DCGAN" in html(lost)
    )


def test_lossy_copies_are_told():
    assert "cifar10-jpeg is a lossy copy" in markdown(made(result(dataset="cifar10-jpeg")))


def test_a_suites_own_words_stand_in_its_tables(tmp_path):
    """Also where it is called like one that comes with ganzoo."""
    (bundled,) = tables([(tmp_path / "gan-seed-0.result.json", result("gan", suite="mnist"))])
    write_words("mnist", Words(title="Mine", about="Of my own."), tmp_path)
    (own,) = tables([(tmp_path / "gan-seed-0.result.json", result("gan", suite="mnist"))])
    assert (own.title, own.about) == ("Mine", "Of my own.") != (bundled.title, bundled.about)
    assert "Of my own." in markdown([own])
    (tmp_path / "mnist.suite.json").write_text("{")
    with pytest.raises(GanzooError, match=r"mnist\.suite\.json holds no title and about"):
        tables([(tmp_path / "gan-seed-0.result.json", result("gan", suite="mnist"))])


def test_mixed_protocols_are_refused():
    other = result("gan", scores={"fid": score(3.0, protocol="custom", protocol_id="another")})
    with pytest.raises(GanzooError, match=r"gz-mnist-10k .*cannot stand in one table") as error:
        made(result(), other)
    assert "\n" not in str(error.value)


def test_data_seen_through_another_network_are_refused():
    other = result("real", kind="data", scores={"fid": score(0.1, extractor={"name": "timm:x"}, protocol_id="another")})
    with pytest.raises(GanzooError, match="cannot stand in one table"):
        tables([(Path("real.result.json"), other), (Path("gan.result.json"), result("gan"))])


def test_a_copy_is_no_second_seed():
    named = [(Path(f"{place}/gan-seed-0.result.json"), result("gan")) for place in "ab"]
    with pytest.raises(GanzooError, match="both gan with seed 0; name one of them"):
        tables(named)
    (table,) = tables([*named[:1], *((Path(place), data_row(0.1)) for place in "ab")])
    assert [len(row.results) for row in table.rows] == [1, 1]


def test_each_direction_has_its_table():
    def translated(row, side):
        real = {"dataset": "edges2shoes", "split": "test", "side": side}
        return result(row, dataset="edges2shoes", scores={"fid": score(9.0, real=real, protocol_id=side)})

    there, back = made(translated("pix2pix", "b"), translated("back", "a"))
    assert (there.data, back.data) == ("edges2shoes BtoA", "edges2shoes AtoB")
    assert [row.name for row in back.rows] == ["pix2pix"]
    assert "## made: edges2shoes AtoB" in markdown([there, back])
    lost = result("lost", dataset="edges2shoes", outcome="diverged", scores={})
    (only,) = made(translated("pix2pix", "b"), translated("other", "b"), lost)
    assert only.data == "edges2shoes" and [row.name for row in only.rows][-1] == "lost"


def test_each_data_set_has_its_table():
    assert [table.dataset for table in made(result(), result(dataset="cifar10-jpeg"))] == ["cifar10-jpeg", "mnist"]


def test_the_caption_tells_protocol_and_budget():
    (table,) = made(result(), result("gan", cpu_seconds=1140.0), data_row(0.2))
    for part in ("gz-mnist-10k", "id-of-fid", "10,000 samples", "20 minutes of processor time", "19.0 minutes to 20.0"):
        assert part in table.caption, table.caption


def test_a_band_is_shown_with_whether_the_row_landed_in_it():
    band = {"low": 8, "high": 12, "source": "somebody"}
    shown = lines(result(fid=10.0, expected=band), result("gan", fid=13.0, expected=band), result("wgan", fid=11.0))
    assert shown["DCGAN"][2] == "8 to 12: inside" and shown["GAN"][2] == "8 to 12: OUTSIDE" and shown["WGAN"][2] == ""


def test_figures_of_the_literature_stand_apart_with_source_and_protocol():
    text = markdown(made(result("wgan-gp", dataset="cifar10-jpeg"), result("gan", dataset="cifar10-jpeg")))
    assert "22.29 [1], 53.98 [2]" in text
    assert "[1] FID 22.29: mimicry, https://github.com/kwotsin/mimicry. Inception" in text
    assert "reported" not in markdown(made(result("wgan-gp")))


def test_every_reported_figure_has_a_source_and_a_protocol():
    assert len(reported()) >= 12
    assert all(each.url.startswith("https://") and each.protocol and float(each.value) for each in reported())


def test_latex_escapes_what_is_special():
    text = latex(made(result("a_b", title="50% & more", variant="gan", fid=9.0), data_row(0.2)))
    assert r"50\% \& more" in text and r"\textbf{9}" in text and text.count(r"\midrule") == 2
    assert r"$\downarrow$" in text and "↓" not in text and r"\begin{tabular}{lrrrrr}" in text


def test_csv_holds_numbers_as_they_are():
    rows = list(csv.DictReader(io.StringIO(as_csv(made(result(fid=1 / 3), result(seed=1, fid=2 / 3))))))
    assert [row["metric"] for row in rows] == ["FID[mnist-classifier]", "PRECISION[mnist-classifier]"]
    assert float(rows[0]["mean"]) == 0.5 and rows[0]["seeds"] == "2"


def test_the_page_needs_nothing_but_itself(tmp_path):
    folder = stored(tmp_path, result("wgan", title="<script>alert(1)</script>"), result("gan", fid=3.0), data_row(0.1))
    text = html(tables((folder / f"{each.name}.json", each) for each in _read(folder)))
    assert not re.search(r"""(src|href)=["']https?:|url\(\s*['"]?https?:|@import""", text)
    assert text.count("data:image/png;base64,") == 1 and text.count("<svg") >= 2
    assert "<script>alert" not in text and 'data-order="3.0"' in text
    assert "ganzoo train gan --dataset mnist --steps 1000" in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="takes Chromium")
def test_a_browser_sorts_and_opens_rows(tmp_path):
    folder = stored(tmp_path, result("wgan", fid=7.0), result("gan", fid=30.0), result("dcgan", fid=9.0))
    page = html(tables((folder / f"{each.name}.json", each) for each in _read(folder)))
    click = "const [, fid] = document.querySelectorAll('th button'); fid.click(); fid.click();"
    click += "document.querySelector('.name button').click();"
    file = tmp_path / "leaderboard.html"
    file.write_text(page.replace("</body>", f"<script>{click}</script></body>"))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
    shown = subprocess.run([CHROMIUM, *flags, file.as_uri()], capture_output=True, text=True, timeout=120).stdout
    assert re.findall(r'<button[^>]*aria-controls="[^"]*"[^>]*>(\w+)</button>', shown) == ["GAN", "DCGAN", "WGAN"]
    assert shown.count('aria-sort="descending"') == 1
    assert re.findall(r'aria-expanded="(\w+)"', shown) == ["true", "false", "false"]
    assert len(re.findall(r'<tr class="more"[^>]*hidden', shown)) == 2


def _read(folder):
    from ganzoo.benchmark.results import read_results

    return [each for _, each in read_results([folder])]
