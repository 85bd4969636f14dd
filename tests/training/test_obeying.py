"""The obedience gate: images show what their captions say, of the model that comes with ganzoo and of a new one."""

from __future__ import annotations

import pytest
from obedience import obedience, read, trained_reader

import ganzoo


@pytest.fixture(scope="module")
def reader(prepared):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_HOME", str(prepared))
        trained = trained_reader()
        real = read(trained)
    assert real["digit"] > 0.88 and min(real["colour"], real["place"]) > 0.98, real
    return trained


@pytest.mark.slow
@pytest.mark.parametrize("source", ["stackgan-digits", "trained here"])
def test_stackgan_draws_what_a_caption_says(source, reader, tmp_path):
    if source == "trained here":
        source = ganzoo.train("stackgan", dataset="captioned-digits", preset="cpu", out=tmp_path / "run", device="cpu")
    obeyed = obedience(ganzoo.load(source), reader)
    print(f"{source}: {obeyed}")
    assert obeyed["colour"] >= 0.95 and obeyed["place"] >= 0.95
    assert obeyed["digit"] >= 0.7
