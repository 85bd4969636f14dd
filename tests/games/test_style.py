"""StyleGAN2's game: path lengths, style mixing, the mean style, and what sampling does with it."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image
from tiny import configure, trainer_for, weights

from ganzoo import random
from ganzoo.config import resolve
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.losses.penalties import r1
from ganzoo.training.plan import _check_batch
from ganzoo.zoo import Model, save


def stylegan2(**wishes):
    return trainer_for(configure("stylegan2", resolution=16, **wishes))


def step_terms(trainer, player: int, step: int) -> dict[str, torch.Tensor]:
    trainer.step = step
    return trainer.terms(trainer.game.turns[player], 0, 0)


def test_lazy_terms_come_when_they_are_due():
    trainer = stylegan2()
    due = {step: set(step_terms(trainer, 0, step)) | set(step_terms(trainer, 1, step)) for step in range(17)}
    assert [step for step in due if "path_length" in due[step]] == [0, 8, 16]
    assert [step for step in due if "r1" in due[step]] == [0, 16]


def test_path_lengths_are_those_of_the_jacobian():
    """Jᵀy by the whole Jacobian, image by image and layer by layer."""
    game = create_game(configure("stylegan2", resolution=8, **{"networks.generator.channels": 2}))
    batch = {"images": torch.zeros(3, 1, 8, 8)}
    game.path_mean.fill_(0.7)
    stream = random.Stream(0, "test", 3, 3)
    with random.drawing_from(stream):
        deviation = game._path_deviation(batch)

    with random.drawing_from(random.Stream(0, "test", 3, 3)):
        styles = game._styles(batch)
        before = random._stream.get().draws

        def generate(styles):
            random._stream.get().draws = before
            return game.generator(styles)

        generate(styles)
        y = random.normal(3, 1, 8, 8) / math.sqrt(64)
        jacobian = torch.autograd.functional.jacobian(generate, styles.detach())
    lengths = torch.stack(
        [
            (jacobian[i, ..., i, :, :] * y[i][..., None, None]).sum((0, 1, 2)).square().sum(1).mean().sqrt()
            for i in range(3)
        ]
    )
    mean = torch.lerp(torch.tensor(0.7), lengths.mean(), game.path_length_decay)
    torch.testing.assert_close(game.path_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(deviation, (lengths - mean).square().mean(), rtol=1e-3, atol=1e-6)


def test_path_lengths_are_taken_without_mixing_too():
    terms = step_terms(stylegan2(game__style_mixing=0.0), 1, 0)
    assert terms["path_length"].isfinite() and terms["path_length"] > 0


def test_the_path_length_term_is_weighted_for_its_interval():
    one, other = (stylegan2(game__path_length=2.0, game__path_length_interval=k) for k in (1, 4))
    torch.testing.assert_close(4 * step_terms(one, 1, 0)["path_length"], step_terms(other, 1, 0)["path_length"])
    assert "path_length" not in step_terms(stylegan2(game__path_length=0.0), 1, 0)


def test_r1_is_the_gradient_by_hand():
    game = create_game(configure("stylegan2", resolution=16))
    images = torch.randn(4, 1, 16, 16)
    value = r1(game.discriminator, images, images)
    asked = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(game.discriminator(asked).sum(), asked)
    torch.testing.assert_close(value, 0.5 * gradient.square().sum((1, 2, 3)).mean())


def test_most_images_mix_two_styles():
    game = create_game(configure("stylegan2"))
    with random.drawing_from(random.Stream(0, "test", 400, 400)):
        styles = game._styles({"images": torch.zeros(400, 1, 1, 1)})
    changes = (styles[:, 1:] != styles[:, :-1]).any(2)
    assert (changes.sum(1) <= 1).all()
    assert changes.any(1).float().mean().item() == pytest.approx(0.9, abs=0.05)
    assert changes.any(0).all(), "every layer may be the first of the second style"
    plain = create_game(configure("stylegan2", game__style_mixing=0.0))
    mapped = []
    plain.generator.mapping.register_forward_hook(lambda *_: mapped.append(1))
    assert not (plain._styles({"images": torch.zeros(50, 1, 1, 1)}).diff(dim=1)).any()
    assert len(mapped) == 1, "a second style would be thrown away"


def test_the_mean_style_follows_the_mapping_and_is_carried():
    trainer = stylegan2(optimizers__generator={"name": "sgd", "lr": 1e-9})
    trainer.run(30, [])
    mapped = trainer.game.generator.styles(torch.randn(2000, 12))[:, 0].mean(0)
    tracked = trainer.game.generator.mean_style / (1 - 0.995**30)
    assert torch.cosine_similarity(mapped, tracked, dim=0) > 0.9
    tensors, _ = trainer.state()
    assert torch.equal(tensors["game/generator.mean_style"], tensors["ema/generator.mean_style"])
    assert "game/path_mean" in tensors and "ema/path_mean" not in tensors


def test_truncation_makes_samples_alike():
    trainer = stylegan2()
    trainer.run(2, [])
    game = trainer.averaged
    for name, parameter in game.named_parameters():
        if name.endswith(".noise"):
            torch.nn.init.zeros_(parameter)
    spread = [game.sample(16, seed=0, truncation=psi).std(0).mean().item() for psi in (0.0, 0.5, 1.0)]
    assert spread[0] < 1e-5 < spread[1] < spread[2]


def test_samples_stay_in_range_and_repeat():
    game = create_game(configure("stylegan2")).eval()
    with torch.no_grad():
        game.generator.to_images[-1].bias.fill_(5)
    images = game.sample(3, seed=1)
    assert images.max() == 1 and torch.equal(images, game.sample(3, seed=1))


def test_a_walk_keeps_its_noise():
    game = create_game(configure("stylegan2")).eval()
    for name, parameter in game.named_parameters():
        if name.endswith(".noise"):
            torch.nn.init.ones_(parameter)
    walk = game.interpolate(2, 16, seed=0)
    steps = (walk[1:] - walk[:-1]).abs().mean((1, 2, 3))
    assert steps.max() < 0.5 * (game.sample(1, seed=1) - game.sample(1, seed=2)).abs().mean()


def test_the_average_is_by_images():
    """Half of the weight lies on the last 10,000 images."""
    for variant, images in (("stylegan2", 10_000), ("stylegan2-ada", 20_000), ("r3gan", 500_000)):
        schedule = resolve(variant).config.schedule
        assert schedule.ema ** (images / schedule.batch_size) == pytest.approx(0.5, abs=1e-3)


def test_it_plays_with_labels_and_without_path_lengths():
    trainer = stylegan2(conditional=True, game__path_length=0.0)
    before = weights(trainer.game)
    trainer.run(2, [])
    assert (trainer.game.generator.mapping.embed.weight != before["generator.mapping.embed.weight"]).any()


def test_other_generators_are_refused():
    with pytest.raises(GanzooError, match="stylegan2-generator"):
        create_game(configure("stylegan2", networks__generator={"name": "r3gan-generator", "channels": 4}))


def test_a_group_that_pieces_would_cut_is_refused(monkeypatch):
    _check_batch(configure("stylegan2", schedule__batch_size=8), 2)
    with pytest.raises(GanzooError, match="deviation_group"):
        _check_batch(configure("stylegan2", schedule__batch_size=12), 2)


def test_a_table_of_mixtures_has_its_sources_at_the_borders(monkeypatch):
    trainer = stylegan2()
    trainer.run(1, [])
    game = trainer.averaged
    table = game.style_mix(2, seed=3).unflatten(0, (3, 3))
    assert (table[0, 0] == 1).all()
    assert torch.equal(table, game.style_mix(2, seed=3).unflatten(0, (3, 3)))
    monkeypatch.setattr("ganzoo.games.image.AT_ONCE", 4)
    assert torch.allclose(table, game.style_mix(2, seed=3).unflatten(0, (3, 3)), atol=1e-5)
    mixtures = table[1:, 1:].flatten(0, 1)
    for other in (*mixtures[1:], table[1, 0], table[0, 1]):
        assert not torch.allclose(mixtures[0], other)


def test_the_command_writes_a_table(cli, tmp_path):
    config = configure("stylegan2", resolution=16)
    game = create_game(config, networks=["generator"])
    save(Model(config, game, card="# tiny\n", facts={}), tmp_path / "model")
    done = cli("sample", tmp_path / "model", "--style-mix", 2, "--truncation", 0.5, "--out", tmp_path / "table.png")
    assert done.code == 0 and Image.open(tmp_path / "table.png").size == (3 * 18 + 2, 3 * 18 + 2)
    with pytest.raises(GanzooError, match="0 images were asked for"):
        Model(config, game).style_mix(0)
    assert "without -n" in cli("sample", tmp_path / "model", "--style-mix", 2, "-n", 3, "--out", "t.png").sentence()


def test_models_without_styles_say_so(tiny_model):
    with pytest.raises(GanzooError, match="no styles to mix"):
        tiny_model.style_mix(2)
