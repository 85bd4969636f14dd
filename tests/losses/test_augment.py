"""Augmentations: what they do to images, to gradients, and when ADA's probability moves."""

from __future__ import annotations

import pytest
import torch
from tiny import SAMPLING, VARIANTS, configure, trainer_for

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.losses.augment import MARGIN, SYM6, AdaptiveAugment, DiffAugment, _sampled, _Sampling
from ganzoo.losses.objective import AdversarialObjective
from ganzoo.losses.penalties import squared_gradient
from ganzoo.nets.layers import Filter
from ganzoo.registry import ADVERSARIAL, AUGMENTS, PENALTIES

NAMES = AUGMENTS.names()


def augment(name, **options):
    always = {"probability": 1.0} if name == "ada" else {}
    return AUGMENTS.create(name, always | options)


def drawn(function, *arguments, seed: int = 0, n: int = 4):
    with random.drawing_from(random.Stream(seed, "test", n, n)):
        return function(*arguments)


@pytest.fixture
def images():
    return torch.rand(4, 3, 16, 16) * 2 - 1


def test_every_augmentation_is_checked():
    assert NAMES == ["ada", "diffaugment"]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_images_change_but_not_their_shape(name, channels):
    images = torch.rand(4, channels, 28, 28) * 2 - 1
    changed = drawn(augment(name), images)
    assert changed.shape == images.shape and changed.isfinite().all()
    assert all(not torch.equal(a, b) for a, b in zip(changed, images, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draws_change_real_and_generated_images_alike(name, images):
    """An augmentation does not know whose images it changes; only the draws decide."""
    change = augment(name)
    twice = drawn(change, torch.cat([images, images]))
    again = drawn(change, torch.cat([images, images]))
    assert torch.equal(twice, again)
    assert not torch.equal(twice[:4], twice[4:]), "each image has draws of its own"
    alone = drawn(change, images)
    assert torch.equal(alone, drawn(change, images.clone()))
    for row in range(4):
        others = torch.rand_like(images)
        others[row] = images[row]
        torch.testing.assert_close(drawn(change, others)[row], alone[row], rtol=0, atol=1e-6)


def test_the_discriminator_sees_nothing_but_augmented_images(images):
    class Marked(DiffAugment):
        def change(self, images):
            return images + 100

    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    penalties = {name: PENALTIES.create(name, {}) for name in PENALTIES.names()}
    for joint in (True, False):
        objective = AdversarialObjective(
            ADVERSARIAL.create("relativistic-paired", {}), penalties, Marked(), joint=joint
        )
        objective.discriminator_terms(critic, images, -images)
        objective.generator_terms(critic, -images, images)
    assert len(seen) > 8 and all(x.min() > 50 for x in seen)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_image(name):
    """Against finite differences, once and twice."""
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64).mul(2).sub(1).requires_grad_()
    change = augment(name)

    def changed(x):
        return drawn(lambda: change.change(x.float()).double().square(), n=2)

    (gradient,) = torch.autograd.grad(changed(images).sum(), images)
    direction = torch.randn_like(images)
    ends = [changed(images.detach() + step * direction).sum() for step in (1e-2, -1e-2)]
    assert ((ends[0] - ends[1]) / 2e-2).item() == pytest.approx((gradient * direction).sum().item(), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_penalties_reach_through_to_the_weights(name, images):
    change, weight = augment(name), torch.randn(3, 16, 16, requires_grad=True)
    penalty = drawn(lambda: squared_gradient(lambda x: (change(x) * weight).tanh().flatten(1).sum(1), images).mean())
    penalty.backward()
    assert weight.grad.isfinite().all() and weight.grad.abs().max() > 0


def test_a_translation_moves_pixels_and_adds_gray():
    marked = torch.zeros(64, 1, 16, 16)
    marked[:, :, 8, 8] = 1
    moved = drawn(DiffAugment(["translation"]), marked, n=64)
    places = [tuple(image[0].nonzero()[0].tolist()) for image in moved]
    assert (moved.flatten(1).sum(1) == 1).all()
    assert {row for row, _ in places} == {column for _, column in places} == {6, 7, 8, 9, 10}


def test_a_cutout_takes_half_the_side():
    holes = (drawn(DiffAugment(["cutout"]), torch.ones(200, 1, 16, 16), n=200) == 0).float()
    assert holes.flatten(1).sum(1).max() == 64
    assert holes.flatten(1).sum(1).min() == 16, "at a corner a quarter of it is inside"


def test_colours_change_as_the_paper_bounds_them(images):
    gray = images.mean(1, keepdim=True).expand_as(images)
    changed = drawn(DiffAugment(["color"]), gray)
    torch.testing.assert_close(changed, changed.mean(1, keepdim=True).expand_as(changed))
    level = changed.mean((1, 2, 3)) - gray.mean((1, 2, 3))
    spread = changed.flatten(1).std(1) / gray.flatten(1).std(1)
    assert level.abs().max() <= 0.5 and spread.min() >= 0.5 and spread.max() <= 1.5


def test_an_unknown_policy_is_refused():
    with pytest.raises(GanzooError, match="color"):
        DiffAugment(["colour"])


# ADA.


def test_ada_is_the_identity_at_zero(images):
    assert torch.equal(drawn(AdaptiveAugment(), images), images)


def test_ada_changes_about_as_many_images_as_it_should():
    images = torch.rand(400, 3, 8, 8)
    changed = drawn(AdaptiveAugment(probability=0.05), images, n=400)
    share = (changed != images).flatten(1).any(1).float().mean().item()
    # Flips and quarter turns by nothing count as applied; the rest change something nearly always.
    assert 1 - 0.95**8 < share < 1 - 0.95**13


def test_colour_changes_have_a_factor_of_their_own(images):
    gray = torch.full((8, 3, 8, 8), 0.3)
    assert torch.allclose(drawn(AdaptiveAugment(probability=1.0, color=0.0), gray, n=8), gray, atol=1e-5)
    assert not torch.allclose(drawn(AdaptiveAugment(probability=1.0), gray, n=8), gray, atol=1e-2)


def test_cutouts_have_a_factor_of_their_own():
    change = AdaptiveAugment(probability=0.25, color=0.0, cutout=2.0)
    change._motion = lambda images: (torch.zeros(len(images), dtype=torch.bool), torch.eye(3).expand(len(images), 3, 3))
    holes = (drawn(change, torch.ones(400, 1, 16, 16), n=400) == 0).flatten(1).sum(1)
    assert holes.max() == 64, "a square of half the side"
    assert (holes > 0).float().mean().item() == pytest.approx(0.5, abs=0.08)


def moved(images, scale: float):
    return _sampled(images, torch.diag(torch.tensor([scale, scale, 1.0])).expand(len(images), 3, 3), Filter(SYM6))


def test_where_nothing_moves_resampling_changes_nothing(images):
    inside = slice(MARGIN, -MARGIN)
    torch.testing.assert_close(moved(images, 1.0)[..., inside, inside], images[..., inside, inside], rtol=0, atol=1e-5)


def test_shrinking_makes_no_false_frequencies():
    """Stripes too fine for the smaller image become gray; bilinear sampling makes coarse stripes of them."""
    stripes = (torch.arange(64) % 3 == 0).float().expand(1, 1, 64, 64)
    shrunk = moved(stripes, 2.2)[..., 20:-20, 20:-20]
    grid = torch.nn.functional.affine_grid(2.2 * torch.eye(2, 3)[None], [1, 1, 64, 64], align_corners=False)
    aliased = torch.nn.functional.grid_sample(stripes, grid, align_corners=False)[..., 20:-20, 20:-20]
    assert shrunk.mean().item() == pytest.approx(1 / 3, abs=0.02)
    assert shrunk.std() < 0.25 * aliased.std()


def observed(change, accuracy: float, batches: int, size: int = 64) -> float:
    for _ in range(batches):
        change.observe(torch.tensor(accuracy), size)
    return change.probability.item()


def test_the_probability_rises_while_the_discriminator_overfits_and_falls_after():
    change = AdaptiveAugment(target=0.6, interval=256, speed=2560)
    assert observed(change, 0.95, 3) == 0, "three batches of 64 are too few to say"
    assert observed(change, 0.95, 1) == pytest.approx(0.1)
    assert observed(change, 0.95, 8) == pytest.approx(0.3)
    assert observed(change, 0.70, 4) == pytest.approx(0.2)
    assert observed(change, 0.5, 100) == 0
    assert observed(change, 1.0, 100) == 1


def test_a_probability_may_stay():
    assert observed(AdaptiveAugment(probability=0.3, speed=0), 1.0, 20) == pytest.approx(0.3)


def test_the_probability_follows_the_discriminators_verdicts():
    """In a game: a discriminator that knows all real images raises p, one that errs leaves it at 0."""
    for bias, expected in ((5.0, 12 / 100), (-5.0, 0.0)):
        ada = {"name": "ada", "interval": 4, "speed": 100}
        trainer = trainer_for(configure("sngan", augment=ada, schedule__batch_size=4, schedule__discriminator_steps=1))
        torch.nn.init.constant_(trainer.game.discriminator.to_logit.bias, bias)
        for optimizer in ("generator", "discriminator"):
            trainer.config.optimizers[optimizer].__dict__["lr"] = 1e-12
        trainer.run(3, [])
        assert trainer.game.state_dict()["objective.augment.probability"].item() == pytest.approx(expected)
        assert trainer.game.readings()["augment_probability"].item() == pytest.approx(expected)


def test_the_probability_is_carried_by_checkpoints_and_not_by_models():
    trainer = trainer_for(configure("dcgan", augment={"name": "ada", "probability": 0.4}))
    tensors, _ = trainer.state()
    assert tensors["game/objective.augment.probability"].item() == pytest.approx(0.4)
    assert not any("augment" in name for name in tensors if name.startswith("ema/"))


@pytest.mark.parametrize("variant", SAMPLING)
@pytest.mark.parametrize("name", NAMES)
def test_any_noise_to_image_variant_takes_them(variant, name):
    options = {"name": name} | ({"probability": 0.5} if name == "ada" else {})
    trainer = trainer_for(configure(variant, augment=options, schedule__log_every=1))
    trainer.run(1, [])
    assert all(value.isfinite() for value in trainer.log.values())


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in SAMPLING])
def test_games_between_images_refuse_them(variant):
    """Pix2Pix's output would be moved beside an input that is not."""
    with pytest.raises(GanzooError, match=f"^{variant} makes images from images: augment=ada would"):
        create_game(configure(variant, augment="ada"))


def test_what_is_no_augmentation_is_refused():
    with pytest.raises(GanzooError, match="diffaugment"):
        create_game(configure("dcgan", augment="diffaugmnet"))
    with pytest.raises(GanzooError, match="target"):
        create_game(configure("dcgan", augment={"name": "ada", "traget": 0.5}))


def test_sampling_has_a_first_and_a_second_derivative():
    grid = torch.rand(2, 5, 7, 2, dtype=torch.float64).mul(3).sub(1.5)
    images = torch.rand(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    torchs = torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    assert torch.equal(_Sampling.apply(images, grid), torchs)
    assert torch.autograd.gradcheck(lambda x: _Sampling.apply(x, grid), images)
    assert torch.autograd.gradgradcheck(lambda x: _Sampling.apply(x, grid).square(), images)
