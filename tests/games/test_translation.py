"""The games between images: what is computed, who learns from it, what is remembered."""

from __future__ import annotations

import pytest
import torch
from tiny import TRANSLATING, configure, made, same, trainer_for, weights

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.games.base import build_objective, create_game
from ganzoo.games.pool import ImagePool
from ganzoo.losses.reconstruction import distance, l1, l2
from ganzoo.registry import ADVERSARIAL, PENALTIES

PLAIN = {"networks.generator.dropout": 0, "mirror": False, "jitter": 1}


def test_distances():
    one, other = torch.tensor([1.0, -1.0]), torch.tensor([0.5, 1.0])
    assert l1(one, other) == 1.25 and l2(one, other) == 2.125
    assert distance("l2") is l2
    with pytest.raises(GanzooError, match="l1"):
        distance("l3")


@pytest.mark.parametrize("variant", TRANSLATING)
def test_players_move_in_the_papers_order(variant):
    order = [turn.player for turn in trainer_for(configure(variant)).game.turns]
    assert order == (["discriminator", "generator"] if variant == "pix2pix" else ["generator", "discriminator"])


def test_pix2pix_terms_are_the_papers():
    trainer = trainer_for(configure("pix2pix", **PLAIN))
    game, (judge, make) = trainer.game, trainer.game.turns
    terms, batch = trainer.terms(judge, 0, 0), trainer.batches.latest
    a, b, fake = batch["images_a"], batch["images_b"], batch["fake"]
    torch.testing.assert_close(fake, game.generator(a))
    real_logits, fake_logits = (game.discriminator(torch.cat([a, x], 1)) for x in (b, fake))
    expected = ADVERSARIAL.create("non-saturating", {})
    torch.testing.assert_close(terms["adversarial"], 0.5 * expected.discriminator(real_logits, fake_logits))
    terms = trainer.terms(make, 0, 0)
    torch.testing.assert_close(terms["adversarial"], expected.generator(fake_logits))
    torch.testing.assert_close(terms["reconstruction"], 100 * (fake - b).abs().mean())


@pytest.mark.parametrize(("loss", "passes"), [("non-saturating", 2), ("relativistic-paired", 2)])
def test_feature_matching_compares_the_discriminators_maps_and_makes_them_once(loss, passes):
    wishes = {"game__reconstruction": "feature-matching", "game__reconstruction_weight": 10, "loss": loss}
    trainer = trainer_for(configure("pix2pix", networks__discriminator__patch=16, **PLAIN, **wishes))
    discriminator, counted = trainer.game.discriminator, []
    discriminator.layers.register_forward_hook(lambda *_: counted.append(1))
    discriminator.to_logit.register_forward_hook(lambda *_: counted.append(1))
    terms, batch = trainer.terms(trainer.game.turns[1], 0, 0), trainer.batches.latest
    assert len(counted) == passes
    a, b, fake = batch["images_a"], batch["images_b"], batch["fake"]
    inner = [discriminator.layers[:depth](torch.cat([a, x], 1)) for x in (fake, b) for depth in (2, 5)]
    assert isinstance(discriminator.layers[1], torch.nn.LeakyReLU) and len(discriminator.layers) == 5
    torch.testing.assert_close(terms["reconstruction"], 5 * (l1(inner[0], inner[2]) + l1(inner[1], inner[3])))
    fake.retain_grad()
    terms["reconstruction"].backward()
    assert fake.grad.abs().sum() > 0 and discriminator.to_logit.weight.grad is None
    assert "reconstruction" in trainer.terms(trainer.game.turns[1], 0, 0)


def test_feature_matching_needs_maps():
    network = {"name": "dcgan-discriminator", "channels": 4}
    with pytest.raises(GanzooError, match="which dcgan-discriminator hides; use patchgan-discriminator"):
        create_game(configure("pix2pix", game__reconstruction="feature-matching", networks__discriminator=network))


def test_cyclegan_terms_are_the_papers():
    trainer = trainer_for(configure("cyclegan", mirror=False, jitter=1))
    game, (make, judge) = trainer.game, trainer.game.turns
    terms, batch = trainer.terms(make, 0, 0), trainer.batches.latest
    a, b = batch["images_a"], batch["images_b"]
    fake_b, fake_a = game.generator_ab(a), game.generator_ba(b)
    fooled = (game.discriminator_b(fake_b) - 1).square().mean() + (game.discriminator_a(fake_a) - 1).square().mean()
    torch.testing.assert_close(terms["adversarial"], fooled)
    way_back = (game.generator_ba(fake_b) - a).abs().mean() + (game.generator_ab(fake_a) - b).abs().mean()
    torch.testing.assert_close(terms["cycle"], 10 * way_back)
    kept = (game.generator_ba(a) - a).abs().mean() + (game.generator_ab(b) - b).abs().mean()
    torch.testing.assert_close(terms["identity"], 5 * kept)
    right = sum(
        (critic(real) - 1).square().mean() + critic(fake).square().mean()
        for critic, real, fake in ((game.discriminator_a, a, fake_a), (game.discriminator_b, b, fake_b))
    )
    torch.testing.assert_close(trainer.terms(judge, 0, 0)["adversarial"], right / 2)


def test_pix2pix_plays_with_residual_generators_and_any_patch():
    generator = {"name": "resnet-translation-generator", "channels": 4, "blocks": 1, "dropout": 0.5}
    for patch, side in ((1, 32), (16, 14), (34, 6), (70, 2), ("full", 6)):
        wishes = {"networks.generator": generator, "networks.discriminator.patch": patch}
        trainer = trainer_for(configure("pix2pix", schedule__log_every=1, **wishes))
        trainer.run(2, [])
        assert all(value.isfinite() for value in trainer.log.values())
        assert trainer.game.discriminator(torch.rand(1, 2, 32, 32)).shape == (1, 1, side, side)


def test_images_that_are_not_square_fill_the_pool_too():
    trainer = trainer_for(configure("cyclegan", width=40, game__pool=5))
    trainer.run(2, [])
    assert trainer.game.pool_a.images.shape == (5, 1, 32, 40) and trainer.game.pool_a.images.all(0).any()


def test_a_weight_of_zero_saves_the_pass():
    trainer = trainer_for(configure("cyclegan", game__identity=0))
    seen = []
    trainer.game.generator_ab.register_forward_hook(lambda module, given, made: seen.append(len(given[0])))
    trainer.run(1, [])
    assert seen == [4, 4] and "generator/identity" not in trainer.log


def test_no_network_looks_more_often_than_it_must():
    for variant, expected in (
        ("pix2pix", {"generator": [4], "discriminator": [8, 4]}),
        (
            "cyclegan",
            {
                "generator_ab": [8, 4],  # translations with identities, the way back
                "generator_ba": [8, 4],
                "discriminator_a": [4, 8],  # for the generator; real with fake
                "discriminator_b": [4, 8],
            },
        ),
    ):
        trainer, seen = trainer_for(configure(variant)), {name: [] for name in expected}
        for name, passes in seen.items():
            network = trainer.game.get_submodule(name)
            network.register_forward_hook(lambda module, given, made, p=passes: p.append(len(given[0])))
        trainer.run(1, [])
        assert seen == expected


def test_directions():
    images = torch.rand(1, 1, 32, 32)
    one, other = (trainer_for(configure("pix2pix", direction=d, **PLAIN)) for d in ("AtoB", "BtoA"))
    batch = one.game.prepare(one.batches.data(0))
    assert torch.equal(one.game.compared(batch)[0], batch["images_b"])
    assert torch.equal(other.game.compared(other.game.prepare(batch))[0], batch["images_a"])
    with pytest.raises(GanzooError, match="trained AtoB and does not translate BtoA"):
        one.game.translate(images, direction="BtoA")
    both = create_game(configure("cyclegan")).eval()
    assert not torch.equal(both.translate(images, direction="AtoB"), both.translate(images, direction="BtoA"))
    assert torch.equal(both.translate(images), both.translate(images, direction="AtoB"))


@pytest.mark.parametrize("variant", TRANSLATING)
def test_sixteen_translations_are_sixteen_single_ones(variant):
    game = create_game(configure(variant)).eval()
    together = made(game, 16, seed=3)
    alone = torch.cat([made(game, 1, seed=3, start=i) for i in range(16)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert (variant == "pix2pix") != torch.equal(together, made(game, 16, seed=4)), "dropout is pix2pix's only noise"


@pytest.mark.parametrize("variant", TRANSLATING)
def test_translation_takes_what_the_network_admits(variant):
    game = create_game(configure(variant)).eval()
    assert game.translate(torch.rand(2, 1, 64, 96)).shape == (2, 1, 64, 96)
    for wrong, sentence in (
        (torch.rand(2, 3, 32, 32), "translates \\(n, 1, H, W\\)"),
        (torch.rand(1, 32, 32), "translates \\(n, 1, H, W\\)"),
        (torch.rand(2, 1, 32, 33), "33x32 cannot be translated"),
    ):
        with pytest.raises(GanzooError, match=sentence):
            game.translate(wrong)


@pytest.mark.parametrize("variant", TRANSLATING)
def test_previews_are_rows_of_the_examples(variant):
    game = create_game(configure(variant)).eval()
    assert game.preview() is None
    game.shown = {field: torch.rand(5, 1, 32, 32) for field in game.fields}
    sheet = game.preview()
    assert len(sheet) == 5 * game.columns and torch.equal(sheet[0], game.shown["images_a"][0])
    assert torch.equal(sheet, game.preview())


@pytest.mark.parametrize("penalty", [None, *PENALTIES.names()])
@pytest.mark.parametrize("variant", TRANSLATING)
def test_every_loss_and_penalty_between_images(variant, penalty):
    penalties = [{"name": penalty, "weight": 5}] if penalty else []
    trainer = trainer_for(configure(variant, penalties=penalties, schedule__log_every=1))
    beginning = weights(trainer.game)
    for loss in ADVERSARIAL.names():
        config = configure(variant, loss=loss, penalties=penalties)
        trainer.game.load_state_dict(beginning)
        for name, network in list(trainer.game.named_children()):
            if name.startswith("discriminator"):
                setattr(trainer.game, f"objective{name[13:]}", build_objective(config, network))
        trainer.log.clear()
        trainer.run(trainer.step + 1, [])
        assert all(value.isfinite() for value in trainer.log.values()), (loss, trainer.log)
        assert not penalty or f"discriminator/{penalty.replace('-', '_')}" in trainer.log


# The pool.


def exchange(pool: ImagePool, numbers: list[float], seed: int = 0) -> list[float]:
    images = torch.tensor(numbers)[:, None, None, None].expand(-1, 1, 2, 2)
    with random.drawing_from(random.Stream(seed, "pool", len(numbers), len(numbers))):
        return pool.exchange(images)[:, 0, 0, 0].tolist()


def test_a_pool_passes_images_on_while_it_fills():
    pool = ImagePool(4, (1, 2, 2))
    assert exchange(pool, [1, 2, 3]) == [1, 2, 3] and exchange(pool, [4]) == [4]
    assert pool.images[:, 0, 0, 0].tolist() == [1, 2, 3, 4]


def test_a_full_pool_gives_half_of_the_images_back_and_keeps_them_all_once():
    pool = ImagePool(4, (1, 2, 2))
    exchange(pool, [1, 2, 3, 4])
    given = list(range(5, 1005))
    back = exchange(pool, given)
    held = pool.images[:, 0, 0, 0].tolist()
    assert 400 < sum(new == old for new, old in zip(given, back, strict=True)) < 600
    assert sorted(back + held) == [1, 2, 3, 4, *given]


def test_a_pool_of_none_remembers_nothing():
    assert exchange(ImagePool(0, (1, 2, 2)), [1, 2, 3]) == [1, 2, 3]


def test_the_pool_lies_in_the_checkpoint():
    trainer = trainer_for(configure("cyclegan", game__pool=3))
    trainer.run(2, [])
    tensors, state = trainer.state()
    assert int(tensors["game/pool_a.seen"]) == 8 and tensors["game/pool_b.images"].abs().sum() > 0
    assert not any("pool" in name for name in tensors if name.startswith("ema/"))
    other = trainer_for(configure("cyclegan", game__pool=3))
    other.restore({name: value.clone() for name, value in tensors.items()}, state)
    for each in (trainer, other):
        each.run(4, [])
    assert same(weights(trainer.game), weights(other.game))
