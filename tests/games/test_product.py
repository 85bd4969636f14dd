"""Every loss with every penalty in every kind of game."""

from __future__ import annotations

import re

import pytest
import torch
from tiny import VARIANTS, configure, parameters, same, trainer_for

from ganzoo.config import parse_overrides
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.registry import ADVERSARIAL, PENALTIES

LOSSES = ADVERSARIAL.names()
PENALTY = [None, *PENALTIES.names()]
# One variant for each distinct pair of networks.
PAIRS = ["acgan", "cgan", "dcgan", "gan", "lsgan", "ragan", "sagan", "sngan-projection", "wgan-gp"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_plays_its_own_game(variant):
    play_one_step(configure(variant))


@pytest.mark.parametrize("penalty", PENALTY)
@pytest.mark.parametrize("variant", PAIRS)
def test_every_loss_and_penalty_in_every_game(variant, penalty):
    for loss in LOSSES:
        wishes = {"loss": loss, "penalties": [{"name": penalty, "weight": 5}] if penalty else []}
        try:
            create_game(configure(variant, resolution=28, **wishes))
        except GanzooError as error:
            wishes |= remedy(error)
        play_one_step(configure(variant, resolution=28, **wishes))


def test_penalties_stack_and_games_take_the_place_of_others():
    several = [{"name": name, "weight": 1} for name in PENALTIES.names()]
    play_one_step(configure("sngan", penalties=several))
    play_one_step(configure("wgan-gp", conditional=True))


@pytest.mark.parametrize("variant", ["sagan", "sngan-projection"])
def test_conditional_variants_play_without_labels(variant):
    play_one_step(configure(variant, conditional=False))


def play_one_step(config) -> None:
    """All terms finite; each turn changes its own networks' parameters and no others'."""
    trainer = trainer_for(config)
    for turn in trainer.game.turns:
        (other,) = set(trainer.players) - {turn.player}
        mine, theirs = parameters(trainer, turn.player), parameters(trainer, other)
        terms = trainer.terms(turn, 0, 0)
        for name, value in terms.items():
            assert value.ndim == 0 and value.isfinite(), (turn.player, name, value)
        trainer.update(turn)
        assert same(theirs, parameters(trainer, other)), f"the {turn.player}'s turn moved the {other}"
        after = parameters(trainer, turn.player)
        assert not same(mine, after)
        assert all(value.isfinite().all() for value in after.values())
        wanted = {"adversarial"} | {c.name.replace("-", "_") for c in config.penalties if turn.player == "discriminator"}
        assert set(terms) - {"class"} == wanted
        assert ("class" in terms) == (config.name == "acgan")


def remedy(error: GanzooError) -> dict[str, object]:
    """The override that a refusal names."""
    assert "batch norm" in str(error)
    (override,) = re.findall(r"-o (\S+=\S+)", str(error))
    return parse_overrides([override])


def test_only_batch_norm_is_refused():
    for variant in VARIANTS:
        config = configure(variant, penalties=["r1"])
        norm = config.networks["discriminator"].options.get("norm")
        if norm == "batch":
            with pytest.raises(GanzooError, match=r"-o networks\.discriminator\.norm=layer"):
                create_game(config)
        else:
            create_game(config)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("resolution", [28, 32, 64])
@pytest.mark.parametrize("image_channels", [1, 3])
def test_every_parameter_learns_within_three_steps(variant, resolution, image_channels):
    config = configure(variant, resolution=resolution, image_channels=image_channels, schedule__batch_size=10)
    trainer = trainer_for(config)
    # A label that a batch lacks leaves its rows of an embedding at zero, not the whole tensor.
    waiting = {player: set(trainer._names(player).values()) for player in trainer.players}
    for _ in range(3):
        for turn in trainer.game.turns:
            trainer.update(turn)
            names = trainer._names(turn.player)
            moved = {names[p] for p in trainer.players[turn.player] if p.grad is not None and p.grad.any()}
            waiting[turn.player] -= moved
        trainer.step += 1
    if ADVERSARIAL.get(config.loss.name).boundary is None:
        waiting["discriminator"] -= {"discriminator.to_logit.bias", "discriminator.layers.5.bias"}
    assert waiting == {"discriminator": set(), "generator": set()}


@pytest.mark.parametrize("resolution", [17, 27, 30, 65])
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in ("gan", "cgan")])
def test_impossible_resolutions_are_refused_when_configured(variant, resolution):
    with pytest.raises(GanzooError, match=f"resolution {resolution}"):
        create_game(configure(variant, resolution=resolution))


def test_the_discriminator_may_be_told_its_norm():
    game = create_game(configure("dcgan", **{"networks.discriminator.norm": "layer", "penalties": ["gradient-penalty"]}))
    assert any(isinstance(module, torch.nn.GroupNorm) for module in game.discriminator.modules())
