"""Numbers the way people write them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """``4.6 minutes`` from 276."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return plural(round(seconds), "second")


def plural(count: int, noun: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float) -> str:
    """Three significant digits, thousands separated: ``0.0312``, ``4.21``, ``1,240``, ``2e-4``."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
    size = abs(value)
    if 0 < size < 1e-3 or size >= 1e7:
        mantissa, exponent = f"{size:.2e}".split("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        text = f"{size:,.0f}" if size >= 100 else f"{size:.3g}"
    return f"−{text}" if value < 0 else text
