"""Each adversarial loss against its closed form, its optimum and its symmetries."""

from __future__ import annotations

from math import exp, log

import pytest
import torch

from ganzoo.losses.adversarial import accuracy, readings
from ganzoo.losses.objective import AdversarialObjective
from ganzoo.registry import ADVERSARIAL

LOSSES = ADVERSARIAL.names()
SHIFT_INVARIANT = ["relativistic-average", "relativistic-paired", "wasserstein"]
REAL, FAKE = [2.0, -1.0, 0.5], [-3.0, 1.5, 0.0]


def loss(name):
    return ADVERSARIAL.create(name, {})


def logits(*values):
    return torch.tensor(values, dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


# From the papers, in plain numbers: D is the discriminator's loss, G the generator's.
AVERAGE_REAL, AVERAGE_FAKE = mean(REAL), mean(FAKE)
CLOSED_FORMS = {
    "minimax": (
        -mean(log(sigmoid(r)) for r in REAL) - mean(log(1 - sigmoid(f)) for f in FAKE),
        mean(log(1 - sigmoid(f)) for f in FAKE),
    ),
    "non-saturating": (
        -mean(log(sigmoid(r)) for r in REAL) - mean(log(1 - sigmoid(f)) for f in FAKE),
        -mean(log(sigmoid(f)) for f in FAKE),
    ),
    "least-squares": (
        0.5 * mean((r - 1) ** 2 for r in REAL) + 0.5 * mean(f**2 for f in FAKE),
        0.5 * mean((f - 1) ** 2 for f in FAKE),
    ),
    "hinge": (
        mean(max(0.0, 1 - r) for r in REAL) + mean(max(0.0, 1 + f) for f in FAKE),
        -mean(FAKE),
    ),
    "wasserstein": (mean(FAKE) - mean(REAL), -mean(FAKE)),
    "relativistic-paired": (
        -mean(log(sigmoid(r - f)) for r, f in zip(REAL, FAKE, strict=True)),
        -mean(log(sigmoid(f - r)) for r, f in zip(REAL, FAKE, strict=True)),
    ),
    "relativistic-average": (
        -mean(log(sigmoid(r - AVERAGE_FAKE)) for r in REAL) - mean(log(1 - sigmoid(f - AVERAGE_REAL)) for f in FAKE),
        -mean(log(sigmoid(f - AVERAGE_REAL)) for f in FAKE) - mean(log(1 - sigmoid(r - AVERAGE_FAKE)) for r in REAL),
    ),
}


def test_every_loss_is_checked():
    assert set(CLOSED_FORMS) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_closed_form(name):
    discriminator, generator = CLOSED_FORMS[name]
    real, fake = logits(*REAL), logits(*FAKE)
    assert loss(name).discriminator(real, fake).item() == pytest.approx(discriminator, abs=1e-12)
    assert loss(name).generator(fake, real).item() == pytest.approx(generator, abs=1e-12)


def test_the_optimal_discriminator_of_equal_distributions_cannot_tell():
    """D(x) = 1/2 everywhere: the minimax value is -2 log 2 (Goodfellow et al. 2014, theorem 1)."""
    undecided = torch.zeros(8, dtype=torch.float64)
    for name in ("minimax", "non-saturating", "relativistic-average"):
        assert loss(name).discriminator(undecided, undecided).item() == pytest.approx(2 * log(2))
    assert loss("relativistic-paired").discriminator(undecided, undecided).item() == pytest.approx(log(2))
    assert loss("minimax").generator(undecided).item() == pytest.approx(-log(2))
    assert loss("non-saturating").generator(undecided).item() == pytest.approx(log(2))
    assert loss("wasserstein").discriminator(undecided, undecided).item() == 0


@pytest.mark.parametrize(
    ("name", "optimum"),
    [
        ("minimax", lambda p, q: torch.log(p / q)),
        ("non-saturating", lambda p, q: torch.log(p / q)),
        ("least-squares", lambda p, q: p / (p + q)),
        ("hinge", lambda p, q: torch.sign(p - q)),
    ],
)
def test_the_optimal_logits_of_two_known_distributions(name, optimum):
    """On a few points with known probabilities, gradient descent finds the papers' optimum."""
    p, q = logits(0.5, 0.3, 0.15, 0.05), logits(0.1, 0.2, 0.3, 0.4)
    counts_p, counts_q = (400 * p).round().long(), (400 * q).round().long()
    table = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([table], lr=0.1)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 400)
        optimizer.zero_grad()
        real, fake = table.repeat_interleave(counts_p), table.repeat_interleave(counts_q)
        loss(name).discriminator(real, fake).backward()
        optimizer.step()
    torch.testing.assert_close(table.detach(), optimum(p, q), rtol=0, atol=0.02)


def test_least_squares_is_zero_at_its_targets():
    assert loss("least-squares").discriminator(torch.ones(4), torch.zeros(4)) == 0
    assert loss("least-squares").generator(torch.ones(4)) == 0


def test_hinge_is_flat_beyond_its_margins():
    real, fake = logits(1.0, 5.0).requires_grad_(), logits(-1.0, -9.0).requires_grad_()
    value = loss("hinge").discriminator(real, fake)
    value.backward()
    assert value == 0 and not real.grad.any() and not fake.grad.any()


@pytest.mark.parametrize("name", LOSSES)
def test_only_differences_matter_where_there_is_no_boundary(name):
    real, fake = logits(*REAL), logits(*FAKE)
    before = loss(name).discriminator(real, fake)
    after = loss(name).discriminator(real + 3, fake + 3)
    assert (name in SHIFT_INVARIANT) == torch.isclose(before, after).item()
    assert (loss(name).boundary is None) == (name in SHIFT_INVARIANT)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_point_the_right_way(name):
    """The discriminator raises real and lowers fake logits; the generator raises fake ones."""
    real, fake = logits(0.2, -0.1).requires_grad_(), logits(0.3, 0.1).requires_grad_()
    on_real, on_fake = torch.autograd.grad(loss(name).discriminator(real, fake), (real, fake))
    assert (on_real < 0).all() and (on_fake > 0).all()
    (on_fake,) = torch.autograd.grad(loss(name).generator(fake, real), fake)
    assert (on_fake < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite(name):
    real, fake = torch.tensor([1e4, -1e4], requires_grad=True), torch.tensor([1e4, -1e4], requires_grad=True)
    for value in (loss(name).discriminator(real, fake), loss(name).generator(fake, real)):
        value.backward()
        assert value.isfinite()
    assert real.grad.isfinite().all() and fake.grad.isfinite().all()


@pytest.mark.parametrize("name", ["relativistic-average", "relativistic-paired"])
def test_relativistic_generators_need_real_logits(name):
    assert loss(name).needs_real
    with pytest.raises(ValueError, match="real"):
        loss(name).generator(torch.zeros(2))


@pytest.mark.parametrize("name", LOSSES)
def test_maps_of_logits_average_what_trails(name):
    """A patch critic's map of equal logits counts as one logit."""
    real, fake = logits(*REAL), logits(*FAKE)
    maps = [x[:, None, None, None].expand(-1, 1, 4, 4) for x in (real, fake)]
    torch.testing.assert_close(loss(name).discriminator(*maps), loss(name).discriminator(real, fake))
    torch.testing.assert_close(loss(name).generator(maps[1], maps[0]), loss(name).generator(fake, real))


@pytest.mark.parametrize("name", LOSSES)
def test_a_list_of_scales_counts_as_their_mean(name):
    """Each scale is as heavy as the others, however many logits it has."""
    real, fake = torch.randn(3, 1, 8, 8), torch.randn(3, 1, 8, 8)
    objective = AdversarialObjective(loss(name))

    def scales(images):
        return [images, 2 * images[:, :, ::4, ::4]]

    def single(index):
        return lambda images: scales(images)[index]

    def terms(critic):
        on_discriminator = objective.discriminator_terms(critic, real, fake)["adversarial"]
        return torch.stack([on_discriminator, objective.generator_terms(critic, fake, real)["adversarial"]])

    torch.testing.assert_close(terms(scales), (terms(single(0)) + terms(single(1))) / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_one_pass_over_both_equals_two(name):
    real, fake, weight = torch.randn(4, 6), torch.randn(4, 6), torch.randn(6)
    joint, apart = (AdversarialObjective(loss(name), joint=joint) for joint in (True, False))
    passes = []

    def critic(images):
        passes.append(len(images))
        return images @ weight

    one = joint.discriminator_terms(critic, real, fake)["adversarial"]
    two = apart.discriminator_terms(critic, real, fake)["adversarial"]
    torch.testing.assert_close(one, two)
    assert passes == [8, 4, 4]


def test_the_discriminators_turn_leaves_the_fakes_alone():
    fake = torch.randn(3, 2, requires_grad=True)
    objective = AdversarialObjective(loss("hinge"))
    weight = torch.ones(2, requires_grad=True)
    objective.discriminator_terms(lambda x: x @ weight, torch.randn(3, 2), fake)["adversarial"].backward()
    assert fake.grad is None and weight.grad.any()


def test_the_generators_turn_asks_about_real_images_only_where_needed():
    asked = []

    def critic(images):
        asked.append(torch.is_grad_enabled())
        return images.sum(1)

    AdversarialObjective(loss("hinge")).generator_terms(critic, torch.randn(3, 2), torch.randn(3, 2))
    assert asked == [True]
    AdversarialObjective(loss("relativistic-paired")).generator_terms(critic, torch.randn(3, 2), torch.randn(3, 2))
    assert asked == [True, True, False]


def test_terms_are_float32_whatever_the_critic_computes_in():
    objective = AdversarialObjective(loss("wasserstein"))
    real, fake = torch.randn(300, 2), torch.randn(300, 2)

    def half(images):
        return images.sum(1).bfloat16()

    terms = objective.discriminator_terms(half, real, fake)["adversarial"]
    exact = half(fake).double().mean() - half(real).double().mean()
    assert terms.dtype == torch.float32
    assert terms.item() == pytest.approx(exact.item(), abs=1e-6)


def test_readings_are_probabilities_where_the_loss_has_them():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([-2.0, 1.0])
    watched = readings(loss("non-saturating"), real, fake)
    assert watched["d_real"].item() == pytest.approx(mean([sigmoid(2), sigmoid(-1)]))
    assert watched["d_fake"].item() == pytest.approx(mean([sigmoid(-2), sigmoid(1)]))
    assert watched["real_accuracy"] == watched["fake_accuracy"] == 0.5
    assert "critic_gap" not in watched


def test_readings_of_least_squares_are_its_own_outputs():
    watched = readings(loss("least-squares"), torch.tensor([1.0, 0.4]), torch.tensor([0.0, 0.2]))
    assert watched["d_real"].item() == pytest.approx(0.7)
    assert watched["d_fake"].item() == pytest.approx(0.1)
    assert watched["real_accuracy"] == 0.5 and watched["fake_accuracy"] == 1


@pytest.mark.parametrize("name", SHIFT_INVARIANT)
def test_readings_of_critics_are_a_gap_and_no_probability(name):
    watched = readings(loss(name), torch.tensor([105.0, 103.0]), torch.tensor([100.0, 101.0]))
    assert watched["critic_gap"] == 3.5
    assert not {"d_real", "d_fake"} & set(watched)
    assert accuracy(loss(name), torch.tensor([105.0, 103.0]), torch.tensor([100.0, 101.0])) == (1, 1)


@pytest.mark.parametrize("name", LOSSES)
def test_readings_follow_the_discriminators_last_turn(name):
    objective = AdversarialObjective(loss(name))
    assert objective.readings() == {}
    objective.discriminator_terms(lambda x: x.sum(1), torch.ones(2, 3), -torch.ones(2, 3))
    watched = objective.readings()
    assert watched["real_accuracy"] == watched["fake_accuracy"] == 1
    assert not any(value.requires_grad for value in watched.values())
