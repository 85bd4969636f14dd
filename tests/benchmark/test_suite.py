"""Suites: what comes with ganzoo is sound, and mistakes in one's own are one sentence."""

from __future__ import annotations

import pytest
from made import suite_file

from ganzoo.benchmark.suite import find_job, jobs, read_suite, suite_files
from ganzoo.errors import GanzooError


def scored(variant="gan", **scoring):
    """Changes to a suite: one row with a way to score."""
    return {"cells": [{"variant": variant, "scoring": scoring}]}


def compared(*scorings):
    """Changes to a suite: rows with ways to score."""
    rows = zip(("gan", "dcgan"), scorings, strict=True)
    return {"cells": [{"variant": row, "scoring": {"metrics": ["kid"]} | scoring} for row, scoring in rows]}


@pytest.mark.parametrize("name", suite_files())
def test_suites_that_come_with_ganzoo_are_sound(name):
    suite = read_suite(name)
    assert suite.name == name and suite.about.endswith(".")
    assert len({job.name for job in jobs(suite)}) == len(jobs(suite))


def test_defaults_meet_cells(tmp_path):
    suite = read_suite(suite_file(tmp_path))
    gan, wide = suite.cells
    assert (gan.row, wide.row, wide.variant, wide.preset) == ("gan", "wide", "dcgan", "cpu")
    request = wide.request(1)
    assert (request.steps, request.seed, request.overrides) == (2, 1, {"latent.size": 12})


def test_jobs_go_seed_by_seed_after_the_data(tmp_path):
    suite = read_suite(suite_file(tmp_path))
    names = ["real-halves-mnist-10k-seed-0", "gan-seed-0", "wide-seed-0", "gan-seed-1", "wide-seed-1"]
    assert [job.name for job in jobs(suite)] == names
    assert [job.name for job in jobs(suite, "wi*")] == [names[0], names[2], names[4]]
    assert find_job(suite, "wide-seed-1").seed == 1
    with pytest.raises(GanzooError, match="did you mean wide"):
        jobs(suite, "wyde")


def test_translators_are_beside_real_images_where_these_can_be_scored_alone(tmp_path):
    pairs = {"variant": "pix2pix", "dataset": "edges2shoes", "seeds": [0]}
    cells = [
        pairs | {"scoring": {"metrics": ["psnr", "ssim"]}},
        pairs | {"name": "back", "direction": "BtoA", "scoring": {"metrics": ["psnr", "fid"]}},
    ]
    names = ["real-halves-edges2shoes-BtoA-seed-0", "pix2pix-seed-0", "back-seed-0"]
    assert [job.name for job in jobs(read_suite(suite_file(tmp_path, cells=cells)))] == names


def test_budgets_become_requests(tmp_path):
    cells = [{"variant": "gan", "budget": {"cpu_seconds": 90}}, {"variant": "dcgan", "budget": {}}]
    by_time, whole = read_suite(suite_file(tmp_path, cells=cells)).cells
    assert (by_time.request(0).cpu_minutes, by_time.request(0).steps) == (1.5, None)
    assert (whole.request(0).cpu_minutes, whole.request(0).steps) == (None, None)
    assert str(by_time.budget) == "90 seconds of processor time"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cells": ["gan", "gan"]}, "two cells are called gan"),
        ({"cells": ["gna"]}, "unknown variant .*did you mean gan"),
        ({"cells": [{"variant": "gan", "stepz": 3}]}, "cell 'gan': unknown key 'stepz'"),
        ({"cells": [{"variant": "gan", "budget": {"steps": 1, "cpu_seconds": 2}}]}, "both fix the length"),
        ({"cells": [{"variant": "gan", "scoring": {"metrics": ["fidd"]}}]}, "unknown metric 'fidd'; did you mean"),
        ({"cells": [{"variant": "gan", "overrides": {"latent.sise": 3}}]}, "sise"),
        ({"cells": [{"variant": "gan", "preset": "gpuu"}]}, "preset of gan"),
        ({"cells": []}, "cells"),
        ({"cells": "gan"}, "'cells' a list"),
        ({"defaults": [1]}, "'defaults' must hold keys and values"),
        ({"cells": [{"variant": "gan", "seeds": [0, 0]}]}, "two jobs would be gan-seed-0"),
        ({"cells": [{"variant": "gan", "name": "real-halves-mnist-10k"}]}, "two jobs would be real-halves-mnist-10k"),
        ({"colour": "red"}, "unknown key 'colour'"),
        (
            {"defaults": {"dataset": "mnist-10k", "preset": "cpu"}},
            "gan and wide .* differ in resolution",
        ),
        (compared({"n": 100}, {"n": 200}), "kid of gan and dcgan .* they differ in n; say the same of both"),
        (compared({"extractor": "inception"}, {}), "they differ in extractor"),
        (scored(metrics=["psnr"]), "cell 'gan': psnr takes models that make images from images, which gan does not"),
        (scored(metrics=["segmentation"]), "segmentation takes models that translate between two sides"),
        (scored(variant="pix2pix", metrics=["psnr-y"]), "psnr-y takes models that enlarge, which pix2pix does not"),
        (scored(variant="srgan", metrics=["ppl"]), "ppl takes models that make images from noise"),
        (scored(variant="pix2pix", protocol="gz-lite-10k"), "pix2pix makes them from images"),
        (scored(protocol="gz-lite-10k", n=5000), "says count 10000, not 5000"),
        (scored(n=1), "at least 2 images, not 1"),
        ({"cells": [{"variant": "gan", "precision": "fp8"}]}, "unknown precision 'fp8'"),
        ({"cells": [{"variant": "gan", "precision": "fp16", "device": "cpu"}]}, "precision fp16 needs CUDA"),
        ({"cells": [{"variant": "gan", "expected": {"low": 3, "high": 2, "source": "x"}}]}, "low 3 is above high 2"),
    ],
)
def test_mistakes_are_one_sentence(changes, said, tmp_path):
    with pytest.raises(GanzooError, match=said) as error:
        read_suite(suite_file(tmp_path, **changes))
    assert "\n" not in str(error.value)


def test_an_unknown_suite_names_the_known_ones():
    with pytest.raises(GanzooError, match="unknown suite or file 'smok'; did you mean smoke"):
        read_suite("smok")
