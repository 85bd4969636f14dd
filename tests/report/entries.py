"""Lines of metrics.jsonl."""

from __future__ import annotations

import math
from typing import Any


def entry(step: int, **changes: Any) -> dict[str, Any]:
    """One line of metrics.jsonl."""
    usual = {
        "step": step,
        "images_seen": 64 * step,
        "seconds": step / 10,
        "images_per_second": 640.0,
        "lr/generator": 2e-4,
        "lr/discriminator": 2e-4,
        "discriminator/adversarial": 1.2 + math.exp(-step / 200),
        "discriminator/gradient_norm": 2.0,
        "generator/adversarial": 0.8,
        "generator/gradient_norm": 1.0,
        "real_accuracy": 0.7,
        "fake_accuracy": 0.7,
        "d_real": 0.6,
        "d_fake": 0.4,
        "diversity": 0.9,
        "saturation": 0.2,
        "real_saturation": 0.25,
        "phase": "contested",
        "verdicts": [],
    }
    return usual | changes
