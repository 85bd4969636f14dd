"""Every loss with every penalty in every kind of game."""

from __future__ import annotations

import re

import pytest
import torch
from tiny import VARIANTS, configure, parameters, same, trainer_for, weights

from ganzoo.config import parse_overrides
from ganzoo.errors import GanzooError
from ganzoo.games.base import build_objective, create_game
from ganzoo.registry import ADVERSARIAL, PENALTIES

LOSSES = ADVERSARIAL.names()
PENALTY = [None, *PENALTIES.names()]
# What games add to the loss and the penalties.
OWN_TERMS = {
    "class",
    "rotation",
    "path_length",
    "reconstruction",
    "cycle",
    "identity",
    "pixel",
    "perceptual",
    "mismatch",
    "matching",
    "divergence",
}
# One variant for each distinct pair of networks.
PAIRS = [
    "acgan",
    "cgan",
    "dcgan",
    "gan",
    "lsgan",
    "r3gan",
    "ragan",
    "sagan",
    "sngan-projection",
    "stylegan2",
    "wgan-gp",
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_plays_its_own_game(variant):
    play(variant)


@pytest.mark.parametrize("penalty", PENALTY)
@pytest.mark.parametrize("variant", PAIRS)
def test_every_loss_and_penalty_in_every_game(variant, penalty):
    penalties = [{"name": penalty, "weight": 5}] if penalty else []
    trainer = playable(variant, penalties=penalties)
    beginning = weights(trainer.game)
    for loss in LOSSES:
        config = configure(variant, resolution=28, loss=loss, penalties=penalties)
        trainer.game.load_state_dict(beginning)
        trainer.game.objective = build_objective(config, trainer.game.discriminator)
        play_one_step(trainer, config)
        trainer.step += 1


def playable(variant, **wishes):
    """A trainer of a variant, with the override that a refusal names where it is refused."""
    try:
        return trainer_for(configure(variant, resolution=28, schedule__log_every=1, **wishes))
    except GanzooError as error:
        return trainer_for(configure(variant, resolution=28, schedule__log_every=1, **wishes, **remedy(error)))


def test_penalties_stack_and_games_take_the_place_of_others():
    several = [{"name": name, "weight": 1} for name in PENALTIES.names()]
    play("sngan", penalties=several)
    play("wgan-gp", conditional=True)


@pytest.mark.parametrize("variant", ["fastgan", "projected-gan"])
def test_gradients_of_gradients_pass_gates_and_frozen_networks(variant):
    play(variant, penalties=["gradient-penalty"], networks__discriminator__norm="layer")


@pytest.mark.parametrize("variant", ["biggan", "sagan", "sngan-projection"])
def test_conditional_variants_play_without_labels(variant):
    play(variant, conditional=False)


def play_one_step(trainer, config) -> None:
    """All terms finite; each turn changes its own networks' parameters and no others'."""
    for turn in trainer.game.turns:
        (other,) = set(trainer.players) - {turn.player}
        mine, theirs = parameters(trainer, turn.player), parameters(trainer, other)
        trainer.log.clear()
        trainer.update(turn)
        assert all(value.isfinite() for value in trainer.log.values()), (config.loss.name, trainer.log)
        assert same(theirs, parameters(trainer, other)), f"the {turn.player}'s turn moved the {other}"
        after = parameters(trainer, turn.player)
        assert not same(mine, after)
        assert all(value.isfinite().all() for value in after.values())
        terms = {name.partition("/")[2] for name in trainer.log} - {"gradient_norm"}
        wanted = {c.name.replace("-", "_") for c in config.penalties if turn.player == "discriminator"}
        assert terms - OWN_TERMS == wanted | {"adversarial"}
        assert ("class" in terms) == (config.name == "acgan")


def play(variant, **wishes) -> None:
    config = configure(variant, schedule__log_every=1, **wishes)
    play_one_step(trainer_for(config), config)


def remedy(error: GanzooError) -> dict[str, object]:
    """The override that a refusal names."""
    assert "batch norm" in str(error)
    (override,) = re.findall(r"-o (\S+=\S+)", str(error))
    return parse_overrides([override])


def test_only_batch_norm_is_refused():
    for variant in VARIANTS:
        config = configure(variant, penalties=["r1"])
        judges = [network for name, network in config.networks.items() if name.startswith("discriminator")]
        if any(network.options.get("norm") == "batch" for network in judges):
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
    # The output's bias cancels in differences of logits, and in the hinge loss inside its margins.
    if ADVERSARIAL.get(config.loss.name).boundary is None or config.loss.name == "hinge":
        waiting["discriminator"] -= {"discriminator.to_logit.bias"}
    assert waiting == {"discriminator": set(), "generator": set()}


@pytest.mark.parametrize("resolution", [17, 27, 30, 65])
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in ("gan", "cgan")])
def test_impossible_resolutions_are_refused_when_configured(variant, resolution):
    with pytest.raises(GanzooError, match=f"resolution {resolution}"):
        create_game(configure(variant, resolution=resolution))


def test_the_discriminator_may_be_told_its_norm():
    game = create_game(
        configure("dcgan", **{"networks.discriminator.norm": "layer", "penalties": ["gradient-penalty"]})
    )
    assert any(isinstance(module, torch.nn.GroupNorm) for module in game.discriminator.modules())
