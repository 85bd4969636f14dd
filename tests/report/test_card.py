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


def test_research_only_data_makes_research_only_weights():
    card = model_card(resolve("dcgan").config, FACTS)
    assert "For non-commercial research only" in card and "Apache-2.0" not in card
    assert yaml.safe_load(card.split("---")[1])["license"] == "other"
    free = model_card(resolve("dcgan").config, FACTS | {"data": {"name": "digits", "licence": "MIT"}})
    assert yaml.safe_load(free.split("---")[1])["license"] == "apache-2.0"
    assert "Apache-2.0 for the weights, subject to the data's terms: MIT" in free


def test_a_conditional_model_shows_how_to_ask_for_a_class():
    config = resolve("cgan", dataset={"classes": ["a dog", "cat"]}).config
    card = model_card(config, {})
    assert 'label="a dog"' in card and "--label 'a dog'" in card and "Labels: a dog, cat." in card


def test_scores_are_shown_with_their_protocol():
    score = {"metric": "FID[mnist-classifier]", "value": 12.3456, "protocol": "gz-mnist-10k"}
    card = model_card(resolve("dcgan").config, {"scores": [score]})
    assert "| FID[mnist-classifier] | 12.3 |  |  | gz-mnist-10k |" in card


def test_what_real_images_score_is_shown_beside_the_model():
    made = {"title": "FID[x]", "best": "lower", "value": 12.3456, "deviation": 0.5, "subject": "model"}
    made |= {
        "protocol": "gz-x",
        "protocol_id": "abc",
        "fake": {"count": 10_000},
        "real": {"dataset": "x", "split": "train"},
        "notes": ["trained on it"],
    }
    real = made | {"subject": "real test images", "value": 0.5, "deviation": None, "notes": ["few images"]}
    other = made | {"title": "recall", "best": "higher", "value": 0.25}
    card = model_card(resolve("dcgan").config, {"scores": [made, real, other]})
    assert (
        "| score | this model | real test images | images | compared with | protocol |\n|---|---|---|---|---|---|\n"
        in card
    )
    assert "| FID[x] ↓ | 12.3 ± 0.5 | 0.5 | 10,000 | x train | gz-x (`abc`) |" in card
    assert "| recall ↑ | 0.25 ± 0.5 |  | 10,000 | x train | gz-x (`abc`) |" in card
    assert card.count("trained on it") == 1
    assert "real test images: few images" in card, "notes on real images are not the model's"


def test_a_training_by_the_clock_is_told_in_steps_too():
    run = {"command": "ganzoo train dcgan --dataset x --cpu-minutes 4.0 --seed 1"}
    config = resolve("dcgan", overrides={"schedule.steps": 900}).config
    card = model_card(config, {"run": run, "steps": 900})
    assert "--cpu-minutes 4.0 --seed 1\n" in card and "ganzoo train dcgan --dataset x --steps 900 --seed 1\n" in card
    assert "--steps 900 --seed 1 --stop-at 870\n" in model_card(config, {"run": run, "steps": 870})
    assert "as many steps" not in model_card(config, FACTS)


def test_known_failures_and_weights_are_told():
    facts = {"known_failures": ["Ears are missing."], "weights": {"parameters": 1234, "dtype": "float16"}}
    card = model_card(resolve("dcgan").config, facts, name="dcgan-cats")
    assert "## Known failures\n\n- Ears are missing.\n" in card and "| weights | 1,234 parameters, float16 |" in card
    assert 'ganzoo.load("dcgan-cats")' in card and "ganzoo sample dcgan-cats" in card


def test_table_cells_cannot_break_the_table():
    card = model_card(resolve("dcgan").config, {"data": {"name": "a|b", "licence": "one\ntwo"}})
    assert "| name | a\\|b |" in card and "| licence | one two |" in card
