"""The obedience gate: after the cpu preset's training, images show what their captions say."""

from __future__ import annotations

import pytest
from obedience import obedience, read, trained_reader

import ganzoo


@pytest.mark.slow
def test_stackgan_draws_what_a_caption_says(prepared, tmp_path):
    where = {"out": tmp_path / "run", "device": "cpu"}
    run = ganzoo.train("stackgan", dataset="captioned-digits", preset="cpu", **where)
    reader = trained_reader()
    real, obeyed = read(reader), obedience(ganzoo.load(run), reader)
    print(f"real images {real}, samples {obeyed}")
    assert real["digit"] > 0.88 and min(real["colour"], real["place"]) > 0.98
    assert obeyed["colour"] >= 0.95 and obeyed["place"] >= 0.95
    assert obeyed["digit"] >= 0.7
