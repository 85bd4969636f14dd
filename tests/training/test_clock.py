"""A training's clock: the wall's and the processor's time, without pauses."""

from __future__ import annotations

import time

from ganzoo.training.clock import Clock


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_waiting_passes_on_the_wall_and_not_on_the_processor():
    clock = Clock()
    time.sleep(0.2)
    work(0.05)
    assert clock.wall >= 0.2
    assert 0.05 <= clock.cpu < 0.2


def test_pauses_are_no_part_of_the_training():
    clock = Clock(wall=100.0, cpu=50.0)
    with clock.paused():
        time.sleep(0.1)
        work(0.1)
    assert 100 <= clock.wall < 100.1 and 50 <= clock.cpu < 50.1
