"""Penalties against what they must be for critics whose gradients are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.losses import penalties
from ganzoo.losses.objective import AdversarialObjective
from ganzoo.registry import ADVERSARIAL, PENALTIES

SHAPE = (3, 8, 8)
GRADIENT = ["dragan", "gradient-penalty", "r1", "r2", "zero-centred"]


def penalty(name, **options):
    return PENALTIES.create(name, options)


def linear(weight):
    """D(x) = ⟨w, x⟩."""
    return lambda images: images.flatten(1) @ weight.flatten()


@pytest.fixture
def images():
    return torch.rand(6, *SHAPE) * 2 - 1, torch.rand(6, *SHAPE) * 2 - 1


@pytest.fixture(params=[0.3, 1.0, 4.0])
def weight(request):
    w = torch.randn(SHAPE)
    return w / w.norm() * request.param


def test_every_penalty_is_checked():
    assert set(PENALTIES.names()) == {*GRADIENT, "consistency"}


def test_penalties_of_a_linear_critic(weight, images):
    norm = weight.norm().item()
    expected = {
        "gradient-penalty": 10 * (norm - 1) ** 2,
        "dragan": 10 * (norm - 1) ** 2,
        "zero-centred": 10 * norm**2,
        "r1": 10 / 2 * norm**2,
        "r2": 10 / 2 * norm**2,
    }
    for name, value in expected.items():
        assert penalty(name, weight=10)(linear(weight), *images).item() == pytest.approx(value, abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("norm", [0.25, 0.9, 1.1, 1.5])
def test_the_gradient_penalty_to_a_millionth(norm, images):
    weight = torch.randn(SHAPE)
    weight *= norm / weight.norm()
    measured = penalty("gradient-penalty", weight=1)(linear(weight), *images)
    assert measured.item() == pytest.approx((weight.double().norm().item() - 1) ** 2, abs=1e-6)


def test_the_target_is_an_option(images):
    weight = torch.ones(SHAPE)
    measured = penalty("gradient-penalty", weight=1, target=3.0)(linear(weight), *images)
    assert measured.item() == pytest.approx((weight.norm().item() - 3) ** 2, rel=1e-5)


def test_each_image_has_an_interpolate_of_its_own():
    """real = 0 and fake = 1 make the interpolates the mixing coefficients themselves."""
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.flatten(1).sum(1)

    penalty("gradient-penalty")(critic, torch.zeros(64, *SHAPE), torch.ones(64, *SHAPE))
    mix = seen[0].flatten(1)
    assert (mix == mix[:, :1]).all(), "one coefficient for all pixels of an image"
    assert len(mix[:, 0].unique()) == 64, "another one for each image"
    assert mix.min() >= 0 and mix.max() <= 1 and mix.std() > 0.2


def test_the_interpolates_lie_between_real_and_fake(images):
    real, fake = images

    def critic(between):
        share = (between - real).flatten(1) / (fake - real).flatten(1)
        torch.testing.assert_close(share, share[:, :1].expand_as(share), rtol=0, atol=1e-3)
        return between.flatten(1).sum(1)

    penalty("gradient-penalty")(critic, real, fake)


def test_dragan_looks_around_the_data_by_half_its_spread():
    real = torch.randn(200, *SHAPE) * 0.3
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.flatten(1).sum(1)

    penalty("dragan")(critic, real, torch.zeros_like(real))
    noise = (seen[0] - real) / (0.5 * real.std(correction=0))
    assert noise.min() >= -1e-5 and noise.max() <= 1 + 1e-5
    assert noise.mean().item() == pytest.approx(0.5, abs=0.02)
    assert noise.std().item() == pytest.approx(12**-0.5, abs=0.02)


@pytest.mark.parametrize(("name", "place"), [("r1", 0), ("r2", 1)])
def test_r1_looks_at_real_and_r2_at_generated_images(name, place, images):
    """D(x) = ½⟨x, x⟩ has the gradient x."""
    measured = penalty(name, weight=2)(lambda x: 0.5 * x.flatten(1).square().sum(1), *images)
    expected = images[place].flatten(1).square().sum(1).mean()
    torch.testing.assert_close(measured, expected)


def test_consistency_is_zero_for_a_critic_that_does_not_see_position(images):
    blind = penalty("consistency")(lambda x: x.mean((1, 2, 3)) * 0, *images)
    assert blind == 0
    seeing = penalty("consistency", weight=1)(lambda x: x[:, 0, 0, 0] + x[:, 0, 2, 5], *images)
    assert seeing > 0


def test_balanced_consistency_asks_the_same_of_generated_images(images):
    real, fake = images
    shown = []

    def critic(images):
        shown.append(images)
        return images[:, 0, 0, 0]

    both = penalty("consistency", weight=1, balanced=True)(critic, real, fake)
    assert len(shown) == 4 and torch.equal(shown[0], real) and torch.equal(shown[2], fake)
    changes = [(critic(one) - critic(other)).square().mean() for one, other in (shown[:2], shown[2:4])]
    torch.testing.assert_close(both, sum(changes))


def test_consistency_mirrors_and_shifts_within_its_bound():
    """A picture of its own coordinates tells where each pixel came from."""
    side, shift = 16, 3
    column = torch.arange(side).float().expand(side, side)
    real = torch.stack([column, column.T]).expand(300, 2, side, side)
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.mean((1, 2, 3))

    penalty("consistency", shift=shift)(critic, real, real)
    moved = seen[-1][:, :, side // 2, side // 2]
    steps = moved[:, 1] - side // 2
    assert set(steps.int().tolist()) == set(range(-shift, shift + 1))
    straight, mirrored = moved[:, 0] - side // 2, (side - 1 - moved[:, 0]) - side // 2
    direction = (seen[-1][:, 0, 8, 9] - seen[-1][:, 0, 8, 8]).sign()
    assert 100 < (direction > 0).sum() < 200
    assert torch.where(direction > 0, straight, mirrored).abs().max() <= shift


@pytest.mark.parametrize("name", GRADIENT)
def test_zero_gradients_stay_finite(name, images):
    weight = torch.zeros(SHAPE, requires_grad=True)
    value = penalty(name, weight=10)(linear(weight), *images)
    value.backward()
    assert value.item() == pytest.approx(10.0 if name in ("gradient-penalty", "dragan") else 0.0)
    assert weight.grad.isfinite().all()


@pytest.mark.parametrize("name", PENALTIES.names())
def test_gradients_reach_the_discriminator_and_not_the_generator(name, images):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.Tanh(), nn.Linear(8, 1))
    generator = nn.Conv2d(3, 3, 1)
    real, fake = images[0], generator(images[1])
    objective = AdversarialObjective(ADVERSARIAL.create("wasserstein", {}), {name: penalty(name)})
    terms = objective.discriminator_terms(lambda x: discriminator(x).squeeze(1), real, fake)
    terms[name].backward()
    assert all(p.grad is not None and p.grad.any() for p in (discriminator[1].weight, discriminator[3].weight))
    assert all(p.grad is None for p in generator.parameters())


@pytest.mark.parametrize("name", PENALTIES.names())
def test_images_are_left_as_they_were(name, images):
    real, fake = images
    before = real.clone(), fake.clone()
    penalty(name)(linear(torch.ones(SHAPE)), real, fake)
    assert torch.equal(real, before[0]) and torch.equal(fake, before[1])
    assert not real.requires_grad and not fake.requires_grad
    assert real.grad is None and fake.grad is None


@pytest.mark.parametrize("name", PENALTIES.names())
def test_penalties_are_float32_under_autocast(name):
    real, fake = torch.rand(4, *SHAPE), torch.rand(4, *SHAPE)
    critic = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128, 1))
    seen = []

    def watched(images):
        logits = critic(images)
        seen.append((images.dtype, logits.dtype))
        return logits.squeeze(1)

    with random.drawing_from(random.Stream(0, "test", 4, 4)):
        exact = penalty(name)(watched, real, fake)
    with torch.autocast("cpu", torch.bfloat16), random.drawing_from(random.Stream(0, "test", 4, 4)):
        assert critic(real).dtype == torch.bfloat16
        mixed = penalty(name)(watched, real.bfloat16().float(), fake.bfloat16().float())
    assert set(seen) == {(torch.float32, torch.float32)}
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, rtol=0.02, atol=1e-3)


def test_half_precision_images_are_raised_to_float32():
    half = torch.rand(4, *SHAPE).bfloat16()
    value = penalty("gradient-penalty")(linear(torch.ones(SHAPE)), half, half)
    assert value.dtype == torch.float32


@pytest.mark.parametrize("name", GRADIENT)
def test_lists_and_maps_of_logits_are_averaged(name):
    """Two equal scales, each a map of equal logits, are one critic."""
    weight = torch.randn(SHAPE)
    real, fake = torch.rand(4, *SHAPE), torch.rand(4, *SHAPE)

    def scales(images):
        logits = linear(weight)(images)[:, None, None, None]
        return [logits.expand(-1, 1, 2, 2), logits.expand(-1, 1, 4, 4)]

    torch.testing.assert_close(penalty(name)(scales, real, fake), penalty(name)(linear(weight), real, fake))


def test_an_interval_takes_its_whole_weight_at_once(images):
    weight = torch.randn(SHAPE)
    lazy, eager = penalty("r1", weight=5, interval=16), penalty("r1", weight=5)
    torch.testing.assert_close(lazy(linear(weight), *images), 16 * eager(linear(weight), *images))
    objective = AdversarialObjective(ADVERSARIAL.create("hinge", {}), {"r1": lazy})
    due = [step for step in range(40) if "r1" in objective.discriminator_terms(linear(weight), *images, step=step)]
    assert due == [0, 16, 32]


@pytest.mark.parametrize(("joint", "balanced", "passes"), [(True, False, 2), (True, True, 3), (False, True, 4)])
def test_consistency_looks_once_at_each_image(images, joint, balanced, passes):
    """The loss's own logits of unmoved images serve it, with their gradients."""
    weight, seen = torch.randn(SHAPE, requires_grad=True), []
    change = penalty("consistency", balanced=balanced)
    objective = AdversarialObjective(ADVERSARIAL.create("hinge", {}), {"consistency": change}, joint=joint)

    def terms(function):
        with random.drawing_from(random.Stream(0, "test", 6, 6)):
            value = function(lambda x: seen.append(x) or linear(weight)(x), *images)
        return value, torch.autograd.grad(value, weight)[0]

    shared = terms(lambda *given: objective.discriminator_terms(*given)["consistency"])
    assert len(seen) == passes
    torch.testing.assert_close(shared, terms(change))


@pytest.mark.parametrize("interval", [0, -2])
def test_impossible_intervals_are_refused(interval):
    with pytest.raises(GanzooError, match="interval"):
        penalty("r1", interval=interval)


@pytest.mark.parametrize("name", PENALTIES.names())
def test_weight_is_the_factor_and_nothing_else(name, images):
    weight = torch.randn(SHAPE)

    def value(w):
        with random.drawing_from(random.Stream(0, "test", 6, 6)):
            return penalty(name, weight=w)(linear(weight), *images)

    torch.testing.assert_close(value(7.0), 7 * value(1.0))


def test_penalties_are_differentiated_twice_correctly():
    """Against finite differences, in a critic that is not linear."""
    real = torch.randn(3, 4, dtype=torch.float64)

    def value(w):
        return penalties.r1(lambda x: torch.tanh(x @ w), real, real)

    w = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (w,))
