"""Small images to large ones: phases, terms, what is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import ENLARGING, configure, made, same, trainer_for, weights
from torch.nn.functional import softplus

from ganzoo.config import UNBOUNDED
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.games.superres import enlarged, reduced
from ganzoo.losses.reconstruction import l1, perceptual
from ganzoo.training.trainer import Hook

GENTLE = {"mirror": False, "schedule__log_every": 1}


def phases(trainer, steps):
    """The players of each step."""
    trainer.game.steps = steps
    return [[turn.player for turn in trainer.game.turns_at(step)] for step in range(min(steps, 8))]


def test_the_generator_learns_alone_first():
    trainer = trainer_for(configure("srgan", game__pretrain=0.5))
    both = ["discriminator", "generator"]
    assert phases(trainer, 6) == [["generator"]] * 3 + [both] * 3
    assert phases(trainer_for(configure("srgan", game__pretrain=0)), 3) == [both] * 3
    assert phases(trainer_for(configure("srgan", game__pretrain=1)), 3) == [["generator"]] * 3


def test_while_the_length_is_unknown_both_phases_take_turns_in_their_proportion():
    players = phases(trainer_for(configure("srgan", game__pretrain=0.25)), UNBOUNDED)
    assert [len(each) for each in players] == [2, 2, 2, 1] * 2


@pytest.mark.parametrize("variant", ENLARGING)
def test_the_discriminator_rests_until_its_phase(variant):
    trainer = trainer_for(configure(variant, game__pretrain=0.5, schedule__steps=4, **GENTLE))
    logged, before = [], weights(trainer.game.discriminator)
    trainer.run(2, [Hook(1, lambda t: logged.append(set(t.measure())))])
    assert same(before, weights(trainer.game.discriminator))
    assert all("generator/pixel" in names and "fake_accuracy" not in names for names in logged)
    trainer.run(4, [Hook(1, lambda t: logged.append(set(t.measure())))])
    assert not same(before, weights(trainer.game.discriminator))
    assert {"generator/perceptual", "generator/adversarial", "fake_accuracy"} <= logged[-1]


def test_what_hides_between_strides_is_seen_once_images_are_shifted():
    def features(images):
        return [images[:, :, ::2, ::2]]

    found = {}
    for shift in (0, 7):
        game = trainer_for(configure("srgan", game__shift=shift, game__pretrain=0, **GENTLE)).game
        real = torch.zeros(16, 3, 16, 16)
        striped = real.clone()
        striped[:, :, 1::2] = 1
        found[shift] = float(perceptual(features, *game._shifted(striped, real)))
        assert float(perceptual(features, *game._shifted(striped, striped))) == 0
    assert found[0] == 0 and 0.1 < found[7] < 0.9


def test_srgan_terms_are_the_papers():
    trainer = trainer_for(configure("srgan", game__pixel_weight=2.0, game__shift=0, **GENTLE))
    game, (judge, make) = trainer.game, trainer.game.turns
    found, batch = trainer.terms(make, 0, 0), trainer.batches.latest
    real, fake = batch["images"], batch["fake"]
    torch.testing.assert_close(fake.shape, real.shape)
    torch.testing.assert_close(found["adversarial"], 1e-3 * softplus(-game.discriminator(fake)).mean())
    torch.testing.assert_close(found["pixel"], 2 * (fake - real).square().mean())
    maps = zip(game.features(fake), game.features(real), strict=True)
    expected = 3e-4 * sum((a - b).square().mean() for a, b in maps) / 2
    torch.testing.assert_close(found["perceptual"], expected, atol=0, rtol=1e-4)
    assert set(trainer.terms(judge, 0, 0)) == {"adversarial"}
    game.pretrain = 1.0
    assert trainer.terms(make, 0, 0)["pixel"] == (fake - real).square().mean(), "alone, the pixels count in full"


def test_esrgan_compares_with_the_average():
    trainer = trainer_for(configure("esrgan", **GENTLE))
    found, batch = trainer.terms(trainer.game.turns[1], 0, 0), trainer.batches.latest
    real, fake = (trainer.game.discriminator(batch[name]) for name in ("images", "fake"))
    expected = softplus(real - fake.mean()).mean() + softplus(real.mean() - fake).mean()
    torch.testing.assert_close(found["adversarial"], 5e-4 * expected)
    torch.testing.assert_close(found["pixel"], l1(batch["fake"], batch["images"]))


def test_perceptual_distance_takes_any_features_and_looks_at_the_target_without_gradient():
    image, target, graphs = torch.rand(2, 3, 4, 4, requires_grad=True), torch.rand(2, 3, 4, 4), []

    def features(x):
        graphs.append(torch.is_grad_enabled())
        return [x, 2 * x]

    torch.testing.assert_close(perceptual(features, image, target, l1), 1.5 * l1(image, target))
    assert graphs == [False, True]


def test_small_images_are_what_pil_makes_of_large_ones():
    large = torch.randint(0, 256, (1, 3, 32, 24), generator=torch.Generator().manual_seed(0)).float()
    pixels = Image.fromarray(large[0].permute(1, 2, 0).byte().numpy())
    for scale in (2, 4):
        small = (reduced(large / 127.5 - 1, scale) + 1) * 127.5
        expected = np.array(pixels.resize((24 // scale, 32 // scale), Image.Resampling.BICUBIC))
        assert (small[0].permute(1, 2, 0) - torch.from_numpy(expected)).abs().max() < 1.1
        assert (small - small.round()).abs().max() < 1e-3, "8 bits"
        big = (enlarged(small / 127.5 - 1, scale) + 1) * 127.5
        back = Image.fromarray(small[0].permute(1, 2, 0).round().byte().numpy())
        expected = np.array(back.resize((24, 32), Image.Resampling.BICUBIC))
        assert (big[0].permute(1, 2, 0) - torch.from_numpy(expected)).abs().max() < 1.1


@pytest.mark.parametrize("variant", ENLARGING)
def test_enlarging_takes_any_size_and_each_image_by_itself(variant):
    game = create_game(configure(variant)).eval()
    images = game.translate(torch.rand(2, 1, 5, 9))
    assert images.shape == (2, 1, 20, 36) and images.abs().max() <= 1
    together = made(game, 4)
    torch.testing.assert_close(torch.cat([made(game, 1, start=i) for i in range(4)]), together, rtol=0, atol=1e-5)
    with pytest.raises(GanzooError, match="translates \\(n, 1, H, W\\)"):
        game.translate(torch.rand(1, 3, 8, 8))
    with pytest.raises(GanzooError, match="leave --direction out"):
        game.translate(torch.rand(1, 1, 8, 8), direction="AtoB")
    with pytest.raises(GanzooError, match="ganzoo translate"):
        game.sample(1)


def test_previews_are_rows_of_bicubic_result_and_original():
    game = create_game(configure("srgan")).eval()
    assert game.preview() is None
    real = torch.rand(3, 1, 32, 32)
    game.shown = {"images": real}
    sheet = game.preview().unflatten(0, (3, 3))
    assert torch.equal(sheet[:, 2], real)
    torch.testing.assert_close(sheet[:, 0], enlarged(reduced(real, 4), 4))
    torch.testing.assert_close(sheet[:, 1], game.translate(reduced(real, 4)))


def test_a_model_needs_no_features():
    game = create_game(configure("srgan", game__features="timm:no-such-network"), networks=["generator"])
    assert game.translate(torch.rand(1, 1, 4, 4)).shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"game__scale": 3, "resolution": 33}, "scale 3 is not possible; give 2, 4, 8"),
        ({"resolution": 30}, "resolution 30 .* 28 or 32"),
        ({"game__pretrain": 1.5}, "pretrain=1.5 is not a share"),
        ({"game__pixel": "l3"}, "l1"),
        ({"game__features": "timm:resnet-2000"}, "resnet"),
        ({"game__feature_scales": [9]}, "feature maps 0 to 4"),
        ({"penalties": ["r1"]}, "networks.discriminator.norm=layer"),
    ],
)
def test_what_cannot_be_played_is_refused_when_configured(wishes, sentence):
    with pytest.raises(GanzooError, match=sentence):
        create_game(configure("srgan", **wishes))
