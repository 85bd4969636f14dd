"""Text to image: two stages, matching, conditions, and what is refused."""

from __future__ import annotations

import pytest
import torch
from tiny import captioned, configure, parameters, same, tiny, trainer_for

import ganzoo
from ganzoo.config import Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.games.text import _Critic
from ganzoo.run import train
from ganzoo.training.plan import _check_batch
from ganzoo.zoo import Model

CAPTIONS = ["number 7", "a 3"]


def text_config(**wishes: object) -> Config:
    return configure("stackgan", captions=CAPTIONS, **wishes)


@pytest.fixture
def model():
    return Model(text_config(), create_game(text_config()))


def test_the_first_stage_learns_alone_and_then_stays():
    trainer = trainer_for(text_config(schedule__steps=4, game__stage_one=0.5))
    before = {player: parameters(trainer, player) for player in trainer.players}
    trainer.run(2, [])
    middle = {player: parameters(trainer, player) for player in trainer.players}
    assert moved(before, middle) == {"text", "generator", "discriminator"} and trainer.averaged.stage == 1
    trainer.run(4, [])
    after = {player: parameters(trainer, player) for player in trainer.players}
    assert moved(middle, after) == {"generator_two", "discriminator_two"} and trainer.averaged.stage == 2


def moved(before, after) -> set[str]:
    """The networks of which a parameter changed."""
    pairs = [(before[player], after[player]) for player in before]
    return {name.partition(".")[0] for one, other in pairs for name in one if not torch.equal(one[name], other[name])}


def test_each_stage_sees_images_of_its_size():
    trainer = trainer_for(text_config(schedule__steps=2, game__stage_one=0.5))
    for step, size in ((0, 16), (1, 32)):
        trainer.run(step + 1, [])
        real, fake = trainer.game.compared(trainer.batches.latest)
        assert real.shape == fake.shape == (4, 1, size, size)


def test_samples_of_the_first_stage_have_the_full_size(model):
    small = model.sample(2, captions="number 7")
    assert small.shape == (2, 1, 32, 32)
    assert torch.equal(small[:, :, ::2, ::2], small[:, :, 1::2, 1::2])
    model.game.stage.fill_(2)
    assert not torch.equal(model.sample(2, captions="number 7"), small)


def test_neighbours_swap_their_texts_and_groups_are_told_apart():
    game = create_game(text_config(game__matching=1.0, networks__discriminator__norm="none"))
    critic = _Critic(game.discriminator, torch.randn(6, game.text.size))
    images = torch.randn(6, 1, 16, 16)
    logits = critic(images)
    matched, mismatched = critic.matched_and_not()
    swapped = critic.embedding[[1, 0, 3, 2, 5, 4]]
    torch.testing.assert_close(matched, logits)
    torch.testing.assert_close(mismatched, game.discriminator(images, swapped))
    features = game.discriminator.features(images)
    scores = [game.discriminator.match(features, text[None]) for text in critic.embedding]
    expected = torch.nn.functional.cross_entropy(torch.cat(scores, 1), torch.arange(6))
    torch.testing.assert_close(critic.matching(6), expected)


def test_terms_are_weighted():
    wishes = {"game__mismatch": 0.25, "game__matching": 2.0, "game__divergence": 3.0}
    plain, weighted = trainer_for(text_config(game__matching=1.0)), trainer_for(text_config(**wishes))
    (judge, draw), terms = plain.game.turns, []
    for trainer in (plain, weighted):
        terms.append({turn.player: trainer.terms(turn, 0, 0) for turn in (judge, draw)})
    one, other = terms
    torch.testing.assert_close(other["discriminator"]["mismatch"], 0.5 * one["discriminator"]["mismatch"])
    torch.testing.assert_close(other["discriminator"]["adversarial"], 1.5 * one["discriminator"]["adversarial"])
    torch.testing.assert_close(other["generator"]["matching"], 2 * one["generator"]["matching"])
    torch.testing.assert_close(other["generator"]["divergence"], 1.5 * one["generator"]["divergence"])
    assert "matching" not in trainer_for(text_config()).terms(judge, 0, 0)


def test_captions_choose_the_image(model):
    seven, three = model.sample(4, captions="number 7"), model.sample(4, captions="a 3")
    assert not torch.allclose(seven, three)
    both = model.sample(captions=["number 7", "a 3"])
    assert len(both) == 2
    torch.testing.assert_close(both[0], seven[0])
    torch.testing.assert_close(both[1], three[1])
    assert torch.equal(model.sample(1, captions=" Number  7"), model.sample(1, captions="number 7"))
    assert model.interpolate(2, 3, captions="a 3").shape == model.interpolate(2, 3).shape == (6, 1, 32, 32)


def test_without_captions_the_examples_are_drawn(model):
    drawn = model.sample(12, seed=1)
    rows = [
        torch.cat([model.game.sample(1, seed=1, start=i, labels=model.game.codes([c])) for c in CAPTIONS])
        for i in range(12)
    ]
    chosen = [
        [bool(torch.allclose(image, each, atol=1e-5)) for each in row] for image, row in zip(drawn, rows, strict=True)
    ]
    assert all(any(each) for each in chosen) and {each.index(True) for each in chosen} == {0, 1}


def test_a_trained_model_keeps_its_examples_and_its_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)
    wishes = tiny("stackgan") | {"game.factor": 4}
    options = {"dataset": captioned(tmp_path / "data"), "overrides": wishes, "device": "cpu", "quiet": True}
    loaded = ganzoo.load(train("stackgan", resolution=32, steps=2, out=tmp_path / "run", **options))
    assert loaded.game.stage == 2 and "image 0" in loaded.config.captions and "number 10" in loaded.config.captions
    assert (
        "captions=" in loaded.card
        and "A text-to-image generator of 32 × 32" in loaded.card
        and repr(loaded) == "Model(stackgan, 32×32×1, texts)"
    )
    again = train("stackgan", resolution=32, steps=2, out=tmp_path / "again", **options)
    assert same(loaded.game.state_dict(), ganzoo.load(again).game.state_dict())


def test_latents_are_rendered_with_their_texts_or_with_examples(model):
    latents, texts = model.game.latents(2, labels=model.game.codes(CAPTIONS))
    assert not torch.allclose(model.render(latents, texts), model.render(latents, texts.flip(0)))
    assert model.render(latents).shape == (2, 1, 32, 32)


# What is refused, in one sentence.


def test_texts_that_are_too_long(model):
    long = "a seven " * 4
    with pytest.raises(GanzooError, match=r"has 31 bytes, the encoder takes 24; .* -o networks\.text\.length=31"):
        model.sample(captions=long)
    with pytest.raises(GanzooError, match=f"the text '{'7' * 60} …' has 300 bytes"):
        model.sample(captions="7" * 300)
    with pytest.raises(GanzooError, match="has 31 bytes"):
        create_game(configure("stackgan", captions=[long]))


def test_mistaken_wishes(model, tiny_model):
    with pytest.raises(GanzooError, match="was trained without labels; ask for captions instead"):
        model.sample(label=3)
    with pytest.raises(GanzooError, match="does not draw what a text says; leave the captions out"):
        tiny_model.sample(captions="a cat")
    with pytest.raises(GanzooError, match="2 captions were given for 3 images"):
        model.sample(3, captions=CAPTIONS)
    with pytest.raises(GanzooError, match="resolution 14 is too small for a second stage that enlarges 2 times"):
        create_game(text_config(resolution=14))


def test_data_without_captions_is_refused(cli):
    sentence = cli("train", "stackgan", "--dataset", "mnist-10k").sentence()
    assert "mnist-10k is a set of labelled images, but what is wanted here is images with captions" in sentence


def test_pieces_that_would_cut_groups_are_refused():
    wishes = {"schedule.batch_size": 8, "game.matching": 1, "game.group": 4}
    _check_batch(text_config(**wishes), 2)
    with pytest.raises(GanzooError, match=r"compares 4 images with each other, .* pieces of 2 .* -o game\.group"):
        _check_batch(text_config(**wishes), 4)


def test_images_without_a_neighbour_are_refused():
    """An odd piece's last image would get another text than in the whole batch, and an image alone its own."""
    _check_batch(text_config(schedule__batch_size=8), 4)
    for batch_size, accumulate, rows in ((6, 2, 3), (4, 4, 1)):
        with pytest.raises(GanzooError, match=rf"compares 2 images .* pieces of {rows} .* -o game\.mismatch=0"):
            _check_batch(text_config(schedule__batch_size=batch_size), accumulate)
    _check_batch(text_config(schedule__batch_size=6, game__mismatch=0), 2)
    with pytest.raises(GanzooError, match="a batch of 1 has not"):
        create_game(text_config(schedule__batch_size=1))


def test_what_a_game_does_by_default_counts_too():
    config = text_config(schedule__batch_size=6)
    config.game.options.pop("mismatch")
    with pytest.raises(GanzooError, match="pieces of 3"):
        _check_batch(config, 2)


def test_penalties_name_the_discriminator_to_change():
    wishes = {"penalties": ["r1"], "networks.discriminator.norm": "layer"}
    with pytest.raises(GanzooError, match=r"-o networks\.discriminator_two\.norm=layer"):
        create_game(text_config(**wishes))
    create_game(text_config(**wishes, **{"networks.discriminator_two.norm": "layer"}))


def test_a_row_of_samples_for_each_caption(cli, model, tmp_path):
    folder = ganzoo.zoo.save(model, tmp_path / "model")
    words = [word for caption in CAPTIONS for word in ("--captions", caption)]
    assert cli("sample", folder, *words, "--out", tmp_path / "rows.png").code == 0
    from PIL import Image

    assert Image.open(tmp_path / "rows.png").size == (8 * 34 + 2, 2 * 34 + 2)
    assert "no whole rows of 2 captions" in cli("sample", folder, *words, "-n", 7).sentence()
    assert "ask for captions instead" in cli("sample", folder, "--label", "7").sentence()
    assert "cannot be exported to ONNX" in cli("export", folder, "--out", tmp_path / "o", "--onnx").sentence()
