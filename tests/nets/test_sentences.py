"""A frozen model of sentences as the encoder of texts: a tiny one made on the spot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from tiny import captioned, configure, same, tiny, trainer_for, weights

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.nets.sentences import SentenceEncoder
from ganzoo.run import train

transformers = pytest.importorskip("transformers", reason="needs the extra `sentences`")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "number", "image", "a", "red", "seven", *map(str, range(12))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 8 numbers with random weights, and a tokenizer of a few words."""
    folder = tmp_path_factory.mktemp("sentence-model")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=12, **sizes)
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    words = {word: number for number, word in enumerate(WORDS)}
    given = {"vocab": words} if int(transformers.__version__.split(".")[0]) > 4 else {"vocab_file": str(vocabulary)}
    transformers.BertTokenizer(**given, model_max_length=512).save_pretrained(folder)
    return folder


@pytest.fixture
def encoder(folder: Path) -> SentenceEncoder:
    return SentenceEncoder(str(folder))


def wishes(folder: Path) -> dict[str, object]:
    return {"networks.text": {"name": "sentence-encoder", "model": str(folder)}}


def test_an_embedding_is_the_mean_of_its_tokens(encoder, folder):
    tokenizer, transformer = (
        kind.from_pretrained(folder) for kind in (transformers.AutoTokenizer, transformers.AutoModel)
    )
    found = encoder(encoder.codes(["a red seven"]))[0]
    expected = transformer(**tokenizer("a red seven", return_tensors="pt")).last_hidden_state[0].mean(0)
    torch.testing.assert_close(found, expected / expected.square().mean().sqrt())
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert not torch.allclose(SentenceEncoder(str(folder))(encoder.codes(["a red seven"]))[0], found)
    (folder / "1_Pooling" / "config.json").unlink()


def test_a_text_is_embedded_once_and_by_itself(encoder, monkeypatch):
    asked, embedding = [], encoder._embedding
    monkeypatch.setattr(encoder, "_embedding", lambda text, *on: asked.append(text) or embedding(text, *on))
    together = encoder(encoder.codes(["a red seven", "number 3", "A  red seven"]))
    assert asked == ["a red seven", "number 3"] and torch.equal(together[0], together[2])
    assert torch.equal(encoder(encoder.codes(["number 3"]))[0], together[1])
    assert not torch.equal(together[0], together[1])


def test_it_is_frozen_and_in_no_model(encoder):
    assert not list(encoder.parameters()) and not encoder.state_dict()
    assert not encoder(encoder.codes(["number 3"])).requires_grad


def test_training_obeys_it_and_resumes_exactly(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)
    options = {"dataset": captioned(tmp_path / "data"), "overrides": tiny("stackgan") | wishes(folder)}
    options |= {"device": "cpu", "quiet": True, "resolution": 32, "steps": 2}
    whole = ganzoo.load(train("stackgan", out=tmp_path / "whole", **options))
    part = train("stackgan", out=tmp_path / "part", stop_at=1, **options)
    assert same(whole.game.state_dict(), ganzoo.load(train(resume=part)).game.state_dict())
    assert whole.config.networks["text"].options == {"model": str(folder)}
    one, other = (whole.sample(2, captions=text) for text in ("number 1", "image 2"))
    assert not torch.equal(one, other)


def test_both_players_learn_beside_it(folder):
    trainer = trainer_for(configure("stackgan", captions=["number 7"], schedule__steps=2, **wishes(folder)))
    before = weights(trainer.game)
    trainer.run(1, [])
    moved = {name.partition(".")[0] for name, value in weights(trainer.game).items() if not before[name].equal(value)}
    assert moved >= {"generator", "discriminator"} and "text" not in moved


def test_every_caption_is_looked_at_before_training(folder, tmp_path):
    """The one with most tokens is neither the longest in bytes nor an image's first."""
    data = captioned(tmp_path / "data")
    table = (data / "captions.csv").read_text().replace("number 3\n", f"{'a ' * 11}\n")
    (data / "captions.csv").write_text(table + "\n0.png,number seven seven seven seven seven")
    options = {"overrides": tiny("stackgan") | wishes(folder), "device": "cpu", "quiet": True, "resolution": 32}
    with pytest.raises(GanzooError, match="has 13 tokens, the encoder takes 12"):
        train("stackgan", dataset=data, steps=2, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_had_is_refused_in_a_sentence(folder, tmp_path, monkeypatch):
    with pytest.raises(GanzooError, match=r"^the text 'a red .* has 15 tokens, the encoder takes 12; shorten it$"):
        create_game(configure("stackgan", captions=["a red seven " * 4 + "1"], **wishes(folder)))
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    with pytest.raises(GanzooError, match=r"'some/model' cannot be had .GANZOO_OFFLINE forbids downloading it"):
        SentenceEncoder("some/model")
    with pytest.raises(GanzooError, match=r"cannot be had .*; give one's name at huggingface\.co, or a f") as error:
        SentenceEncoder(str(tmp_path))
    assert "\n" not in str(error.value)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(GanzooError, match=r"needs the package transformers; `pip install 'torch-ganzoo\[sentences\]'`"):
        SentenceEncoder(str(folder))
