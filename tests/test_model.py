"""What else a loaded model can do: run in half precision, compiled, and show itself."""

from __future__ import annotations

import base64
import io
import re

import pytest
import torch
from PIL import Image
from small import small_model
from tiny import configure, made

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.zoo import Model, load, save

SCORE = {"title": "FID[x]", "value": 4.25, "protocol": "gz-x", "subject": "model"}


@pytest.mark.parametrize("variant", ganzoo.list_variants())
def test_every_variant_works_in_half_precision(variant):
    config = configure(variant)
    model = Model(config, create_game(config))
    full = made(model.game, 2, seed=1)
    half = made(model.half().game, 2, seed=1).float()
    assert model.game.get_submodule(model.game.sampled[0]).state_dict().popitem()[1].dtype == torch.float16
    assert torch.allclose(half, full, atol=0.05) and half.isfinite().all()


def test_half_precision_gives_float_images_again(tiny_model, conditional_model):
    for model in (tiny_model, conditional_model):
        full = model.sample(3, seed=2)
        assert model.half() is model
        assert model.sample(3, seed=2).dtype == model.interpolate(2, 2).dtype == torch.float32
        assert torch.allclose(model.sample(3, seed=2), full, atol=0.05)
        assert torch.allclose(model.render(*model.game.latents(3, seed=2)), full, atol=0.05)


@pytest.mark.parametrize("fixture", ["tiny_model", "conditional_model"])
def test_a_compiled_generator_makes_the_same_images(request, fixture):
    model = request.getfixturevalue(fixture)
    plain = model.sample(4, seed=1)
    assert model.compile(backend="eager") is model
    assert model.game.generator._compiled_call_impl is not None
    assert torch.allclose(model.sample(4, seed=1), plain, atol=1e-5)


@pytest.mark.parametrize("device", ["quantum", "meta", "cuda:99", torch.device("meta")])
def test_a_model_stays_where_it_is_if_there_is_no_such_device(tiny_model, device):
    with pytest.raises(GanzooError, match=r"unknown device|not available"):
        tiny_model.to(device)
    assert tiny_model.to("cpu").sample(1).isfinite().all()


@pytest.mark.slow
def test_a_really_compiled_generator_makes_the_same_images(tiny_model):
    plain = tiny_model.sample(4, seed=1)
    tiny_model.compile()
    assert torch.allclose(tiny_model.sample(4, seed=1), plain, atol=1e-5)


@pytest.fixture
def told(conditional_model):
    """A model with something to tell, some of it hostile."""
    conditional_model.facts = {
        "data": {"name": "cats", "label": "<b>cats</b>", "licence": "MIT"}, "steps": 400, "scores": [SCORE],
    }  # fmt: skip
    return conditional_model


def test_notebooks_show_samples_and_facts(told):
    page = told._repr_html_()
    image = _picture(page)
    assert image.width > 8 * 64 and image.height > 2 * 64 and image.convert("L").getextrema()[1] > 100
    assert "&lt;b&gt;cats" in page and "<b>" not in page
    assert "FID[x]</th>" in page and "4.25 (gz-x)" in page and "cat, dog, owl" in page and "http" not in page


def _picture(page):
    return Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])))


def test_notebooks_show_models_that_need_images(tmp_path):
    page = load(save(small_model("pix2pix", resolution=32), tmp_path))._repr_html_()
    assert "<img" not in page and "Model(pix2pix" in page
    Image.new("RGB", (70, 30)).save(tmp_path / "samples.png")
    assert _picture(load(tmp_path)._repr_html_()).size == (70, 30)


def test_terminals_show_facts(told):
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=100).print(told)
    assert "Model(sngan-projection, 16×16×3, 3 classes)" in out.getvalue()
    assert re.search(r"trained on +<b>cats</b>", out.getvalue()) and "400 of" in out.getvalue()
    assert "FID[x]" in out.getvalue() and "4.25 (gz-x)" in out.getvalue()
    assert repr(told) == "Model(sngan-projection, 16×16×3, 3 classes)"
