"""The loop: what a step does, what it carries, what it must not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import (
    TRANSLATING,
    VARIANTS,
    averaged_weights,
    configure,
    gradients,
    made,
    parameters,
    same,
    trainer_for,
    weights,
)
from torch import nn

from ganzoo.config import Schedule
from ganzoo.errors import GanzooError
from ganzoo.machine import check_precision, hardware, pick_device
from ganzoo.training.ema import EMA
from ganzoo.training.optim import lr_factor
from ganzoo.training.trainer import Hook

SGD = {"name": "sgd", "lr": 1e-2}


# The average of the weights.


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.utils.parametrizations.spectral_norm(nn.Linear(4, 2)))
    return layers.train()


def wander(source: nn.Module) -> None:
    """A step of something like training: weights, running statistics, counter and power iteration all move."""
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(torch.randn_like(parameter))
    source(torch.randn(8, 3))


@pytest.mark.parametrize("ramp", [True, False])
def test_the_average_is_what_a_hand_computes(ramp):
    source, target = network(), network()
    ema = EMA(source, target, 0.9, ramp=ramp)
    expected = {name: value.double() for name, value in source.state_dict().items()}
    for step in range(1, 12):
        wander(source)
        ema.update(step)
        decay = min(0.9, (1 + step) / (10 + step)) if ramp else 0.9
        for name, value in source.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value.double()
    averaged = [n for n in expected if n.endswith(("weight", "bias", "original", "running_mean", "running_var"))]
    assert "1.running_var" in averaged and len(averaged) == 8
    for name in averaged:
        torch.testing.assert_close(target.state_dict()[name].double(), expected[name], rtol=0, atol=1e-5)


def test_buffers_that_are_no_statistics_are_copied():
    source, target = network(), network()
    ema = EMA(source, target, 0.9)
    for step in range(1, 4):
        wander(source)
        ema.update(step)
    own, copied = source.state_dict(), target.state_dict()
    vectors = [name for name in own if name.endswith(("_u", "_v", "num_batches_tracked"))]
    assert len(vectors) == 3
    assert all(torch.equal(own[name], copied[name]) for name in vectors)


def test_no_average_is_a_plain_copy():
    source, target = network(), network()
    ema = EMA(source, target, 0.0)
    wander(source)
    ema.update(1)
    assert same(source.state_dict(), target.state_dict())
    assert target[0].weight.data_ptr() == source[0].weight.data_ptr() and not target[0].weight.requires_grad


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variants_generator_is_averaged(variant):
    trainer = trainer_for(configure(variant, schedule__ema=0.9, schedule__ema_ramp=True))
    before = weights(trainer.averaged)
    trainer.run(2, [])
    after, raw = averaged_weights(trainer)
    assert not same(before, after)
    assert after.keys() == raw.keys() and not same(after, raw)
    assert not trainer.averaged.training and not any(p.requires_grad for p in trainer.averaged.parameters())


# Learning rates.


def schedule(**values) -> Schedule:
    return Schedule(steps=100, batch_size=1, **values)


def test_learning_rates_follow_their_schedules():
    assert [lr_factor(schedule(), step) for step in (0, 50, 99)] == [1, 1, 1]
    linear = schedule(lr_decay="linear", lr_final=0.2)
    assert [lr_factor(linear, step) for step in (0, 50, 100)] == pytest.approx([1, 0.6, 0.2])
    late = schedule(lr_decay="linear", lr_decay_start=0.5)
    assert [lr_factor(late, step) for step in (0, 50, 75, 100)] == pytest.approx([1, 1, 0.5, 0])
    exponential = schedule(lr_decay="exponential", lr_final=0.01)
    assert [lr_factor(exponential, step) for step in (0, 50, 100)] == pytest.approx([1, 0.1, 0.01])
    stairs = schedule(lr_decay="steps", lr_steps=[(0.25, 0.5), (0.5, 0.1)])
    assert [lr_factor(stairs, step) for step in (0, 24, 25, 49, 50, 100)] == [1, 1, 0.5, 0.5, 0.1, 0.1]


def test_the_optimizers_follow_them_too():
    config = configure("wgan-gp", schedule__steps=4, schedule__lr_decay="linear", optimizers__generator__lr=0.4)
    trainer, seen = trainer_for(config), []
    trainer.run(4, [Hook(1, lambda t: seen.append(t.optimizers["generator"].param_groups[0]["lr"]))])
    assert seen == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_zero_learning_rate_factor_leaves_the_weights():
    config = configure("wgan-gp", schedule__steps=1, schedule__lr_decay="linear")
    trainer = trainer_for(config)
    trainer.step = 5
    before = parameters(trainer, "generator")
    trainer.update(trainer.game.turns[1])
    assert same(before, parameters(trainer, "generator"))


# A step.


def test_wgans_weights_stay_inside_the_box():
    trainer = trainer_for(configure("wgan", optimizers__discriminator__lr=0.1))
    trainer.run(3, [])
    bound = trainer.config.optimizers["discriminator"].weight_clip
    assert bound == 0.01
    values = torch.cat([p.flatten() for p in trainer.game.discriminator.parameters()])
    assert values.abs().max() <= bound
    assert (values.abs() == torch.tensor(bound)).any(), "nothing was clipped, so this shows nothing"
    assert max(p.abs().max() for p in trainer.game.generator.parameters()) > bound


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_discriminator_plays_as_often_as_told(repeats):
    trainer = trainer_for(configure("wgan-gp", schedule__discriminator_steps=repeats))
    played, seen = [], []
    update = trainer.update

    def watched(turn, repeat=0):
        update(turn, repeat)
        played.append(turn.player)
        seen.append(trainer.batches.latest["images"])

    trainer.update = watched
    trainer.run(2, [])
    assert played == (["discriminator"] * repeats + ["generator"]) * 2
    batches = {tuple(images.flatten()[:40].tolist()) for images in seen}
    assert len(batches) == 2 * repeats, "each discriminator update has a batch of its own"
    assert torch.equal(seen[repeats - 1], seen[repeats]), "the generator shares the last one"


def test_gradients_are_clipped_to_their_norm():
    free = trainer_for(configure("wgan-gp"))
    clipped = trainer_for(configure("wgan-gp", schedule__clip_gradients=0.01))
    norms = []
    for trainer in (free, clipped):
        trainer.update(trainer.game.turns[0])
        found = gradients(trainer, "discriminator")
        norms.append(torch.cat([value.flatten() for value in found.values()]).norm().item())
    assert norms[0] > 0.02
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_hooks_come_when_they_are_due():
    trainer = trainer_for(configure("gan"))
    seen = {"every": [], "second": [], "third": [], "third, not at the end": []}

    def note(name):
        return lambda t: seen[name].append(t.step)

    hooks = [Hook(1, note("every")), Hook(2, note("second")), Hook(3, note("third"))]
    trainer.run(5, [*hooks, Hook(3, note("third, not at the end"), at_end=False)])
    assert seen == {"every": [1, 2, 3, 4, 5], "second": [2, 4, 5], "third": [3, 5], "third, not at the end": [3]}


def test_an_interruption_ends_after_the_step():
    trainer = trainer_for(configure("gan"))
    trainer.run(100, [Hook(3, lambda t: setattr(t, "interrupted", 15))])
    assert trainer.step == 3


# What a trajectory depends on.


def outcome(variant: str, *, seed: int = 0, hooks: list[Hook] | None = None, steps: int = 3, **settings):
    trainer = trainer_for(configure(variant), seed=seed, **settings)
    trainer.run(steps, hooks or [])
    return trainer.state()[0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_seed_says_everything(variant):
    torch.manual_seed(1)
    one = outcome(variant)
    torch.manual_seed(2)
    torch.rand(100)
    assert same(one, outcome(variant))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_network_looks_twice_at_the_same(variant):
    """In one player's turn, penalties included."""
    trainer = trainer_for(configure(variant, augment=None))
    seen: list[tuple[str, str, bytes]] = []

    def look(name):
        def note(network, given):
            tensors = [each.detach().flatten(1) for each in given if isinstance(each, torch.Tensor) and each.ndim > 1]
            seen.extend((turn.player, name, row.numpy().tobytes()) for row in torch.cat(tensors, 1))

        return note

    for name, network in trainer.game.named_children():
        network.register_forward_pre_hook(look(name))
    for turn in trainer.game.turns_at(0):
        trainer.terms(turn, 0, 0)
    assert seen and len(seen) == len(set(seen))


@pytest.mark.parametrize("variant", ["cgan", "sngan"])
def test_other_seeds_are_other_runs(variant):
    one, other = outcome(variant, seed=0), outcome(variant, seed=1)
    learned = [name for name in one if name.endswith("weight")]
    assert learned and not any(torch.equal(one[name], other[name]) for name in learned)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_leaves_no_trace(variant):
    scores = []

    def evaluate(trainer):
        images = made(trainer.averaged, 64, seed=5)
        noise = torch.randn(64, 8)
        scores.append((images.flatten(1).std(0).mean() + noise.mean()).item())
        trainer.averaged.preview(8)

    watched = outcome(variant, hooks=[Hook(1, evaluate)])
    assert len(scores) == 3 and all(map(math.isfinite, scores))
    assert same(watched, outcome(variant))


def test_measuring_leaves_no_trace():
    assert same(outcome("sagan", hooks=[Hook(1, lambda t: t.measure())]), outcome("sagan"))


def test_measurements_are_numbers_of_the_last_step():
    trainer = trainer_for(configure("wgan-gp", schedule__log_every=1))
    trainer.run(1, [])
    found = trainer.measure()
    expected = {"discriminator/adversarial", "discriminator/gradient_penalty", "discriminator/gradient_norm"}
    expected |= {"generator/adversarial", "generator/gradient_norm", "critic_gap", "real_accuracy", "fake_accuracy"}
    assert expected | {"diversity", "nearest", "saturation", "real_saturation"} == set(found)
    assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())


def test_the_step_a_run_is_left_at_is_measured_whenever_it_is():
    trainer = trainer_for(configure("wgan-gp", schedule__log_every=50, schedule__steps=100))
    trainer.run(3, [])
    assert "generator/adversarial" in trainer.measure()


# Precision and speed.


@pytest.mark.parametrize("variant", ["acgan", "dragan", "gan", "ragan", "sagan", "wgan-gp"])
def test_bf16_runs_and_keeps_float32_weights(variant):
    config = configure(variant, schedule__log_every=1)
    trainer = trainer_for(config, precision="bf16")
    trainer.run(2, [])
    assert all(math.isfinite(value) for value in trainer.measure().values())
    assert {p.dtype for p in trainer.game.parameters()} == {torch.float32}
    assert trainer.batches.latest["fake"].dtype == torch.bfloat16 or variant == "gan"
    assert not same(trainer.state()[0], outcome(variant, steps=2))


def test_penalties_are_exact_under_autocast():
    """The same weights, images and draws: the penalty differs by the fakes' rounding only."""
    terms = {}
    for precision in ("fp32", "bf16"):
        trainer = trainer_for(configure("wgan-gp"), precision=precision)
        found = trainer.terms(trainer.game.turns[0], 0, 0)
        terms[precision] = found["gradient_penalty"]
        assert found["gradient_penalty"].dtype == torch.float32
    torch.testing.assert_close(terms["bf16"], terms["fp32"], rtol=2e-3, atol=1e-3)


def test_fp16_needs_cuda():
    with pytest.raises(GanzooError, match="fp16 needs CUDA"):
        check_precision("fp16", torch.device("cpu"))
    with pytest.raises(GanzooError, match="unknown precision 'fp8'"):
        check_precision("fp8", torch.device("cpu"))


def test_devices_that_are_not_there_are_refused():
    for name in ("gpu7", "meta", "quantum", "cuda:x", "xpu", ""):
        with pytest.raises(GanzooError, match=f"unknown device '{name}'; give auto, cpu, cuda"):
            pick_device(name)
    for name in ("cuda:99", "cpu:1", "mps:9"):
        with pytest.raises(GanzooError, match=f"device '{name}' is not available on this machine"):
            pick_device(name)
    if not torch.cuda.is_available():
        assert pick_device("auto") == pick_device(torch.device("cpu")) == torch.device("cpu")
        with pytest.raises(GanzooError, match="give auto or cpu"):
            pick_device("cuda")


def test_hardware_is_the_processors_model_where_the_system_tells_it(monkeypatch):
    count = torch.get_num_threads()
    for text, name in (
        ("model name\t: Fast 9000\nmodel name\t: other\n", "Fast 9000, "),
        ("CPU part: 1\n", "arm64 CPU, "),
    ):
        monkeypatch.setattr("ganzoo.machine.Path.read_text", lambda self, text=text: text)
        monkeypatch.setattr("platform.processor", lambda: "")
        monkeypatch.setattr("platform.machine", lambda: "arm64")
        assert hardware(torch.device("cpu")) == f"{name}{count} thread{'' if count == 1 else 's'}"


def test_images_and_networks_are_channels_last():
    trainer = trainer_for(configure("dcgan", image_channels=3))
    trainer.run(1, [])
    assert trainer.batches.latest["images"].is_contiguous(memory_format=torch.channels_last)
    convolutions = [m.weight for m in trainer.game.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions and all(w.is_contiguous(memory_format=torch.channels_last) for w in convolutions)


@pytest.mark.parametrize("variant", TRANSLATING)
def test_between_images_they_lie_as_the_game_says_on_a_cpu(variant):
    trainer = trainer_for(configure(variant, image_channels=3))
    trainer.run(1, [])
    batch, layout = trainer.batches.latest, trainer.game.layout
    tensors = [value for value in batch.values() if isinstance(value, torch.Tensor)] + [*trainer.game.parameters()]
    assert "fake" in batch or "fake_a" in batch
    assert all(value.is_contiguous(memory_format=layout) for value in tensors if value.ndim == 4)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["dcgan", "wgan-gp"])
def test_compiled_gradients_are_the_eager_ones(variant):
    found = []
    for compiled in (False, True):
        trainer = trainer_for(configure(variant, schedule__discriminator_steps=1), compile=compiled)
        mine = {}
        for turn in trainer.game.turns:
            trainer.update(turn)
            mine |= gradients(trainer, turn.player)
        found.append(mine)
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        scale = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(found[1][name], value, rtol=0, atol=1e-5 * scale, msg=lambda m, n=name: f"{n}: {m}")
