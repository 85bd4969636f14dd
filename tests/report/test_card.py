"""The model card."""

from __future__ import annotations

import yaml

from ganzoo.config import resolve
from ganzoo.report.card import model_card

FACTS = {
    "data": {"name": "celeba", "label": "celeba-10k", "count": 10_000, "licence": "non-commercial research only"},
    "run": {"command": "ganzoo train dcgan --dataset celeba", "seed": 3},
    "steps": 4000,
    "images_seen": 512_000,
    "seconds": 1234.5,
    "hardware": "x86_64 CPU, 2 threads",
}


def test_the_card_tells_data_licence_command_and_budget():
    card = model_card(resolve("dcgan").config, FACTS)
    for fact in (
        "celeba-10k",
        "non-commercial research only",
        "ganzoo train dcgan --dataset celeba",
        "4,000",
        "2 threads",
    ):
        assert fact in card, fact
    assert "arxiv.org/abs/1511.06434" in card and "samples.png" in card and "ganzoo.load(" in card


def test_the_front_matter_is_yaml_for_a_hub():
    _, front, _ = model_card(resolve("dcgan").config, FACTS).split("---", 2)
    matter = yaml.safe_load(front)
    assert matter["library_name"] == "ganzoo" and matter["license"]


def test_a_card_without_facts_is_still_a_card():
    card = model_card(resolve("wgan-gp").config, {})
    assert "WGAN with gradient penalty" in card and "None measured" in card
