"""The benchmarks run: tiny, no numbers are judged."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
TINY = {
    "networks.generator": {"name": "dcgan-generator", "channels": 4, "kernel_size": 4},
    "networks.discriminator": {"name": "dcgan-discriminator", "channels": 4, "kernel_size": 4, "norm": "none"},
    "schedule.batch_size": 4,
    "schedule.log_every": 1,
    "schedule.ema": 0.9,
}


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lambda name: import_module(f"benchmarks.{name}")


@pytest.fixture
def trainer(benchmark, monkeypatch, tmp_path):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path))
    return benchmark("trainers").trainer_of_variant("wgan-gp", overrides=TINY)


def test_shares_of_a_step_add_up_and_every_part_is_seen(benchmark, trainer):
    report = benchmark("throughput").measure(trainer, 0.2)
    assert report["images_per_second"] > 0
    assert sum(report["shares"].values()) == pytest.approx(1, abs=0.01)
    assert all(share > 0 for share in report["shares"].values())


def test_the_clock_is_taken_off_again(benchmark, trainer):
    backward = torch.Tensor.backward
    with benchmark("throughput").profiled(trainer):
        assert torch.Tensor.backward is not backward
    assert torch.Tensor.backward is backward
    assert not trainer.game.generator._forward_hooks


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux only")
def test_packed_data_is_mapped_and_not_copied(benchmark, trainer):
    for number in range(50):
        trainer.loader.batch(number)
    memory = benchmark("throughput").data_memory("images.npy")
    assert memory["resident"] > 0
    assert memory["copied"] == 0


def test_both_sides_of_a_duel_start_from_the_same_weights_and_learn(benchmark, tmp_path):
    duel = benchmark("peers.tutorial").DUELS["dcgan-32"](tmp_path, scale=0.07)
    peer, game = duel.peer, duel.ganzoo.trainer.game
    mine = [*game.generator.parameters(), *game.discriminator.parameters()]
    theirs = [*peer.net_g.parameters(), *peer.net_d.parameters()]
    before = [parameter.detach().clone() for parameter in theirs]
    assert all(map(torch.equal, mine, before))
    duel.peer()
    duel.ganzoo()
    assert not any(map(torch.equal, mine, before))
    assert not any(map(torch.equal, theirs, before))


def test_both_formulations_of_a_modulated_convolution_agree(benchmark, tmp_path):
    for build in benchmark("peers.grouped").DUELS.values():
        duel = build(tmp_path, scale=0.05)
        for one, other in zip(duel.peer(), duel.ganzoo(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_cyclegan_in_its_authors_order_makes_the_same_step(benchmark, tmp_path):
    duel = benchmark("peers.translation").DUELS["cyclegan-64"](tmp_path, scale=0.07)
    duel.peer()
    duel.ganzoo()
    game, loop = duel.ganzoo.trainer.game, duel.peer
    sides = ((game.generator_ab, loop.ab), (game.generator_ba, loop.ba), (game.discriminator_a, loop.judge_a))
    for mine, theirs in sides:
        own = dict(mine.named_parameters())
        apart = [(own[name] - value).abs().flatten() for name, value in theirs.named_parameters()]
        # Adam's first step is as long as the learning rate, whichever way rounding turns a gradient of nothing.
        assert torch.cat(apart).mean() < 1e-6


def test_two_processes_take_turns_and_the_faster_one_wins(benchmark):
    duel = benchmark("duel")
    code = (
        "import sys, time; from benchmarks.duel import Duel, serve; "
        "serve(Duel('sleeper', 'sleeping', 10, lambda: time.sleep(0.03), lambda: time.sleep(0.01)), sys.argv[1])"
    )
    name, what, images, rows = duel.alternate([[sys.executable, "-c", code, side] for side in duel.SIDES], 3, 0.05)
    row = duel.result(name, what, images, rows)
    assert (row["peer"], row["what"], row["pairs"]) == ("sleeper", "sleeping", 3)
    assert 1.5 < row["ratio"] < 4


@pytest.mark.slow
def test_the_comparison_with_the_plain_loop_runs(tmp_path):
    out = tmp_path / "out.json"
    command = "-m benchmarks.peers.compare tutorial --pairs 1 --seconds 0.05 --threads 1 --scale 0.07 --out"
    subprocess.run([sys.executable, *command.split(), out], check=True, cwd=ROOT)
    assert [row["pairs"] for row in json.loads(out.read_text())["duels"]] == [1, 1]


def test_a_ratio_above_one_means_ganzoo_is_faster(benchmark):
    row = benchmark("duel").result("slow", "work", 10, [[2.0, 1.0], [3.0, 1.0], [4.0, 1.0]])
    assert (row["ratio"], row["least"], row["most"]) == (3.0, 2.0, 4.0)
    assert (row["peer_images_per_second"], row["ganzoo_images_per_second"]) == (3.3, 10.0)


def test_processor_time_counts_the_child_and_not_the_wait(benchmark):
    startup = benchmark("startup")
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    assert startup.processor_seconds([sys.executable, "-c", busy]) >= 0.3
    assert startup.processor_seconds([sys.executable, "-c", "import time; time.sleep(0.5)"]) < 0.4


def test_starting_is_cheap():
    """No heavy import at the start; benchmarks/startup.py measures the time itself."""
    heavy = "{'torch', 'numpy', 'pydantic', 'rich', 'PIL'}"
    code = f"import sys, ganzoo.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
