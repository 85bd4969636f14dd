"""Numbers and durations as people write them."""

from __future__ import annotations

import math

import pytest

from ganzoo.words import duration, number, plural


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1.0, "1"), (4.207, "4.21"), (0.03125, "0.0312"), (1240.4, "1,240"), (-3.0, "−3"),
        (2e-4, "2e-4"), (6.283e-4, "6.28e-4"), (3.2e9, "3.2e9"), (math.inf, "∞"), (math.nan, "not a number"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_durations_and_counts():
    assert [duration(s) for s in (1, 100, 276, 9000, 200_000)] == [
        "1 second", "100 seconds", "4.6 minutes", "2.5 hours", "2.3 days",
    ]  # fmt: skip
    assert plural(1, "image") == "1 image" and plural(10_000, "image") == "10,000 images"
