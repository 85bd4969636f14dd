"""The noise-to-image game: who gets gradients, what is computed how often, what labels do."""

from __future__ import annotations

import pytest
import torch
from tiny import CONDITIONAL, SAMPLING, VARIANTS, configure, trainer_for

from ganzoo import random
from ganzoo.config import Latent
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game, frozen
from ganzoo.games.image import draw_latents


@pytest.mark.parametrize("variant", VARIANTS)
def test_frozen_players_get_no_gradient(variant):
    trainer = trainer_for(configure(variant))
    for turn in trainer.game.turns:
        trainer.game.zero_grad(set_to_none=True)
        terms = trainer.terms(turn, 0, 0)
        torch.stack(list(terms.values())).sum().backward()
        for name, network in trainer.game.named_children():
            got = [p.grad is not None for p in network.parameters()]
            # A second stage comes later.
            playing = name in turn.networks and not name.endswith("_two")
            assert all(got) if playing else not any(got), (turn.player, name)
    assert all(p.requires_grad for p in trainer.game.parameters())


def test_frozen_networks_come_back_as_they_were_even_after_an_error():
    game = create_game(configure("dcgan"))
    first = next(game.generator.parameters()).requires_grad_(False)
    with pytest.raises(RuntimeError, match="halfway"), frozen(game, ["discriminator"]):
        assert not any(p.requires_grad for p in game.generator.parameters())
        assert all(p.requires_grad for p in game.discriminator.parameters())
        raise RuntimeError("halfway")
    assert [p.requires_grad for p in game.generator.parameters()].count(False) == 1
    assert not first.requires_grad


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("variant", ["dcgan", "ragan", "wgan-gp"])
def test_fakes_are_made_once_per_batch(variant, repeats):
    trainer = trainer_for(configure(variant, schedule__discriminator_steps=repeats))
    passes = []
    trainer.game.generator.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    trainer.run(2, [])
    # Only the batch that the generator learns from needs a graph.
    assert passes == ([False] * (repeats - 1) + [True]) * 2


@pytest.mark.parametrize(("variant", "passes"), [("dcgan", 3), ("wgan-gp", 3), ("sngan", 2), ("ragan", 3)])
def test_the_discriminator_looks_no_more_often_than_it_must(variant, passes):
    """Once at real and fake together, or at each where batch norm would mix them; then the generator's turn."""
    trainer = trainer_for(configure(variant, schedule__discriminator_steps=1))
    seen = []
    trainer.game.discriminator.register_forward_hook(lambda *_: seen.append(1))
    trainer.run(1, [])
    assert len(seen) == passes


@pytest.mark.parametrize("variant", CONDITIONAL)
def test_labels_change_the_images(variant):
    game = create_game(configure(variant)).eval()
    trained = trainer_for(configure(variant))
    trained.run(3, [])
    for each in (game, trained.averaged):
        one, other = (each.sample(3, seed=0, labels=torch.full((3,), label)) for label in (0, 7))
        # Conditional batch norm starts without a difference between labels.
        if each is not game or variant in ("acgan", "cgan"):
            assert not torch.equal(one, other)
        assert torch.equal(one, each.sample(3, seed=0, labels=torch.zeros(3, dtype=torch.long)))


@pytest.mark.parametrize("variant", CONDITIONAL)
def test_labels_change_the_judgement(variant):
    game = create_game(configure(variant)).eval()
    images = torch.randn(4, 1, 32, 32)
    judged = [game.discriminator(images, torch.full((4,), label)) for label in (0, 7)]
    # An auxiliary classifier tells the class apart from the verdict.
    assert torch.equal(*judged) == (variant == "acgan")


@pytest.mark.parametrize(("classes", "columns", "count"), [(10, 10, 60), (3, 9, 63), (16, 16, 64), (17, None, 64)])
def test_previews_show_every_class(classes, columns, count, monkeypatch):
    game = create_game(configure("cgan", classes=classes)).eval()
    asked = []
    monkeypatch.setattr(game, "sample", lambda n, *, seed, labels: asked.append((n, labels)))
    game.preview()
    assert (game.columns, asked[0][0]) == (columns, count) and set(asked[0][1].tolist()) == set(range(classes))
    rows = asked[0][1].unflatten(0, (-1, columns or 1))
    assert columns is None or bool((rows == rows[0]).all()), "a class to a column"


def test_the_classifier_learns_from_both_players_turns():
    trainer = trainer_for(configure("acgan", **{"networks.discriminator.dropout": 0.0}))
    logits = []
    trainer.game.discriminator.to_classes.register_forward_hook(lambda *io: logits.append(io[2]))
    for turn in trainer.game.turns:
        logits.clear()
        terms = trainer.terms(turn, 0, 0)
        labels = trainer.batches.latest["labels"]
        judged = torch.cat(logits)
        expected = torch.nn.functional.cross_entropy(judged, labels.repeat(len(judged) // len(labels)))
        assert len(judged) == len(labels) * (2 if turn.player == "discriminator" else 1)
        torch.testing.assert_close(terms["class"], expected)


def test_the_class_weight_is_a_factor():
    plain, doubled = (trainer_for(configure("acgan", game__class_weight=weight)) for weight in (1.0, 2.0))
    one, two = (trainer.terms(trainer.game.turns[0], 0, 0) for trainer in (plain, doubled))
    torch.testing.assert_close(two["class"], 2 * one["class"])
    torch.testing.assert_close(two["adversarial"], one["adversarial"])


@pytest.mark.parametrize("variant", SAMPLING)
def test_sixteen_samples_are_sixteen_single_ones(variant):
    game = create_game(configure(variant)).eval()
    together = game.sample(16, seed=3)
    alone = torch.cat([game.sample(1, seed=3, start=i) for i in range(16)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert not torch.allclose(together, game.sample(16, seed=4))
    torch.testing.assert_close(game.sample(2, seeds=[8, 3])[1:], together[:1], rtol=0, atol=1e-5)


def test_latents_have_their_distribution():
    with random.drawing_from(random.Stream(0, "test", 4000, 4000)):
        normal = draw_latents(Latent(size=8), 4000)
        uniform = draw_latents(Latent(size=8, distribution="uniform"), 4000)
        truncated = draw_latents(Latent(size=8, distribution="truncated-normal", bound=1.5), 4000)
    assert normal.std().item() == pytest.approx(1, abs=0.02) and normal.abs().max() > 3
    assert uniform.min() >= -1 and uniform.max() <= 1 and uniform.std().item() == pytest.approx(3**-0.5, abs=0.01)
    assert truncated.abs().max() <= 1.5 and truncated.abs().max() > 1.45
    inside = normal[normal.abs() <= 1.5]
    assert truncated.std().item() == pytest.approx(inside.std().item(), abs=0.02)


@pytest.mark.parametrize(("distribution", "bound"), [("normal", 1.0), ("uniform", 0.5)])
def test_truncation_cuts_normal_latents_off_and_scales_others(distribution, bound):
    """At 0.5 a normal latent lies within ±1 as if drawn there, and keeps its rank; at 1 nothing changes."""
    game = create_game(configure("wgan-gp", latent__distribution=distribution))
    game.generator.forward = lambda z, labels: z
    z = draw_latents(game.latent, 4000)
    cut = game.truncated(z, None, 0.5)
    assert torch.equal(game.truncated(z, None, 1.0), z)
    assert 0.99 * bound < cut.abs().max() <= bound
    assert (cut.flatten()[z.flatten().argsort()].diff() >= 0).all()
    inside = z[z.abs() <= bound] if distribution == "normal" else z / 2
    assert cut.std().item() == pytest.approx(inside.std().item(), abs=0.02)


def test_truncation_makes_images_alike():
    game = create_game(configure("wgan-gp")).eval()
    spread = [game.sample(16, seed=0, truncation=t).std(0).mean() for t in (0.0, 0.5, 1.0)]
    assert spread[0] < 1e-6 < spread[1] < spread[2]


@pytest.mark.parametrize(
    ("variant", "wishes", "sentence"),
    [
        ("lsgan", {"conditional": True}, "takes no labels"),
        ("cgan", {"conditional": False}, "labelled data"),
        ("dcgan", {"latent": None}, "'latent' is missing"),
        ("dcgan", {"networks__encoder": "dcgan-discriminator"}, "no network 'encoder'"),
        ("dcgan", {"networks__generator__chanels": 3}, "channels"),
        ("dcgan", {"networks__discriminator": "dcgan-discriminatr"}, "dcgan-discriminator"),
        ("dcgan", {"loss": "hing"}, "hinge"),
        ("dcgan", {"penalties": ["r3"]}, "r1"),
        ("dcgan", {"penalties": [{"name": "consistency", "wieght": 3}]}, "weight"),
        ("dcgan", {"networks__generator__channels": 0}, "dcgan-generator"),
        ("dcgan", {"networks__generator__channels": "many"}, "dcgan-generator"),
    ],
)
def test_what_cannot_be_played_is_refused_when_configured(variant, wishes, sentence):
    with pytest.raises(GanzooError, match=sentence):
        create_game(configure(variant, **wishes))
