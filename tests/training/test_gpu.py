"""What only CUDA can show: mixed precision with a scaler, fused optimizers on the device, resuming there."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import VARIANTS, configure, images_for, parameters, same, tiny

import ganzoo
from ganzoo.data.loader import Loader
from ganzoo.games.base import create_game
from ganzoo.losses.penalties import gradient_penalty
from ganzoo.machine import Settings
from ganzoo.tensors import read_tensors
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.trainer import Trainer

pytestmark = pytest.mark.gpu


def on_cuda(variant: str, **settings) -> Trainer:
    config = configure(variant, schedule__log_every=1)
    game = create_game(config)
    options = {"device": "cuda", "jitter": config.jitter, "independent": game.independent}
    loader = Loader(images_for(config), game.fields, config.schedule.batch_size, **options)
    averaged = create_game(config, networks=game.sampled)
    return Trainer(game, averaged, config, loader, Settings(device="cuda", **settings))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_are_finite_in_every_precision(variant, precision):
    trainer = on_cuda(variant, precision=precision)
    before = parameters(trainer, "generator")
    trainer.run(3, [])
    trainer.check_finite()
    assert all(math.isfinite(v) for name, v in trainer.measure().items() if not name.endswith("gradient_norm"))
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in trainer.game.parameters())
    assert precision == "fp16" or not same(before, parameters(trainer, "generator"))


def test_penalties_are_float32_under_autocast_on_cuda():
    for dtype in (torch.bfloat16, torch.float16):
        trainer = on_cuda("wgan-gp", precision="bf16" if dtype == torch.bfloat16 else "fp16")
        assert trainer.terms(trainer.game.turns[0], 0, 0)["gradient_penalty"].dtype == torch.float32
    weight = torch.randn(3 * 64, device="cuda")
    weight *= 1.5 / weight.norm()
    images = torch.rand(4, 3, 8, 8, device="cuda")
    with torch.autocast("cuda", torch.float16):
        from ganzoo.registry import PENALTIES

        value = PENALTIES.create("gradient-penalty", {"weight": 1})(lambda x: x.flatten(1) @ weight, images, images)
    assert value.item() == pytest.approx(0.25, abs=1e-5)
    assert gradient_penalty(lambda x: x.flatten(1) @ weight, images, images).item() == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("variant", ["dcgan", "gan", "sagan", "wgan"])
def test_two_and_two_steps_are_four_on_cuda(variant, precision, tmp_path):
    """To rounding: convolutions on CUDA add in no fixed order unless asked to."""
    options = {
        "dataset": "mnist-10k",
        "overrides": tiny(variant),
        "device": "cuda",
        "precision": precision,
        "quiet": True,
    }
    whole = ganzoo.train(variant, steps=4, out=tmp_path / "whole", **options)
    part = ganzoo.train(variant, steps=4, stop_at=2, out=tmp_path / "part", **options)
    ganzoo.train(resume=part, device="cuda", quiet=True)
    one, other = (read_tensors(run / CHECKPOINT) for run in (whole, part))
    assert one[1]["trainer"] == other[1]["trainer"]
    for name, value in one[0].items():
        torch.testing.assert_close(other[0][name], value, rtol=1e-2, atol=2e-3, msg=lambda m, n=name: f"{n}: {m}")


def test_moments_keep_the_layout_of_channels_last_parameters_on_cuda():
    first, second = on_cuda("dcgan"), on_cuda("dcgan")
    first.run(2, [])
    tensors, state = first.state()
    second.restore({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, state)
    for player, optimizer in second.optimizers.items():
        for parameter in second.players[player]:
            assert optimizer.state[parameter]["exp_avg"].stride() == parameter.stride()
            assert optimizer.state[parameter]["step"].device == parameter.device
    first.run(3, [])
    second.run(3, [])
    for name, value in first.state()[0].items():
        torch.testing.assert_close(second.state()[0][name], value, rtol=1e-3, atol=1e-4)


def test_the_data_lies_on_the_device():
    trainer = on_cuda("dcgan")
    assert trainer.loader._arrays["images"].is_cuda
    assert trainer.batches.data(0)["images"].is_contiguous(memory_format=torch.channels_last)
