"""Models on a hub: fetched, checked, kept, pushed; against a hub on this machine."""

from __future__ import annotations

import hashlib
import json
import socket
from importlib.metadata import version

import pytest
import torch
from hub_server import COMMIT, running
from huggingface_hub import constants

import ganzoo
from ganzoo import hub as hubs
from ganzoo.errors import GanzooError
from ganzoo.export import export_model
from ganzoo.index import read_index, write_index
from ganzoo.weights import WEIGHTS
from ganzoo.zoo import load

GOOD = "hf-hub:org/good"
OLD = int(version("huggingface_hub").partition(".")[0]) < 1


@pytest.fixture(scope="module")
def server():
    with running() as hub:
        yield hub


@pytest.fixture
def hub(server, tiny_model_dir, monkeypatch):
    """A hub with a model, ``org/good``."""
    for holds in (server.repos, server.trouble, server.private, server.seen, server.uploads):
        holds.clear()
    server.put("org/good", tiny_model_dir)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_token")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return server


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *args, **options: pytest.fail("opened a socket"))


def gets(hub):
    return [path.rpartition("/")[2] for method, path, _ in hub.seen if method == "GET"]


def test_a_model_is_fetched_once(hub, tiny_model):
    assert torch.equal(load(GOOD).sample(2), tiny_model.sample(2))
    assert gets(hub) == ["config.json", "README.md", "samples.png", WEIGHTS]
    hub.seen.clear()
    assert load(GOOD).card == tiny_model.card and hub.seen == []


def test_a_model_without_card_and_samples_is_a_model_too(hub, tiny_model):
    hub.repos["org/bare"] = {WEIGHTS: hub.repos["org/good"][WEIGHTS]}
    assert torch.equal(load("hf-hub:org/bare").sample(2), tiny_model.sample(2))


def test_offline_takes_what_is_there_and_opens_no_socket(hub, monkeypatch, tiny_model, request):
    load(GOOD)
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    request.getfixturevalue("no_network")
    assert torch.equal(load(GOOD).sample(2), tiny_model.sample(2))
    with pytest.raises(GanzooError, match=r"org/other is not in the cache and GANZOO_OFFLINE forbids"):
        load("hf-hub:org/other")
    with pytest.raises(GanzooError, match="GANZOO_OFFLINE forbids pushing"):
        hubs.push(GOOD, "hf-hub:org/new")


def test_a_revision_is_a_name_of_its_own(hub):
    load(f"{GOOD}@{COMMIT}")
    hub.seen.clear()
    load(f"{GOOD}@{COMMIT}")
    assert hub.seen == []


@pytest.mark.parametrize(
    "name, trouble, expected",
    [
        ("org/none", None, "there is none such, or it is private"),
        ("org/good@v2", None, "no such revision"),
        ("org/empty", None, "holds no ganzoo model"),
        ("org/good", 401, "HTTP 401"),
        ("org/good", 403, "HTTP 403"),
        ("org/good", 404, "nothing under that address"),
        ("org/good", 500, "HTTP 500"),
        ("org/good", "dead", "check the network"),
        ("org/good", "forged", "did not arrive as the hub has it"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence_and_leaves_no_model(cli, hub, name, trouble, expected):
    hub.repos["org/empty"] = {"README.md": b"nothing"}
    if trouble:
        hub.trouble["org/good"] = trouble
    assert expected in cli("sample", f"hf-hub:{name}").sentence()
    assert hubs.cached(hubs.parse(f"hf-hub:{name}")) is None
    hub.trouble.clear()
    load(GOOD)


@pytest.mark.parametrize("name", ["good", "../good", "org/../good", "org/good/more", "org/good@../x", "/org/good", ""])
def test_names_that_are_none_are_refused(name, no_network):
    with pytest.raises(GanzooError, match="is no model on the hub; write hf-hub:ORG"):
        load(f"hf-hub:{name}")


@pytest.mark.skipif(OLD, reason="the older client gives up, and goes on when it is asked again")
def test_a_download_that_broke_off_goes_on_where_it_stopped(hub, tiny_model):
    hub.trouble["org/good"] = "cut"
    assert torch.equal(load(GOOD).sample(2), tiny_model.sample(2))
    assert [sent for _, path, sent in hub.seen if path.endswith(WEIGHTS)] == [None, None, "bytes=1000-"]


def test_without_a_network_the_sentence_says_so(cli, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "check the network and try again" in cli("sample", GOOD).sentence()


def test_a_home_that_cannot_be_written_is_named(cli, hub, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "file"))
    assert "set GANZOO_HOME to a folder you can write to" in cli("sample", GOOD).sentence()


def test_a_model_in_a_home_that_is_read_only_loads(hub, home, monkeypatch, tiny_model):
    load(GOOD)
    folders = [path for path in (home, *home.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert torch.equal(load(GOOD).sample(2), tiny_model.sample(2))
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("file", [WEIGHTS, "config.json"])
def test_a_file_that_was_damaged_is_fetched_again(hub, tiny_model, caplog, file):
    damage(hubs.fetch(GOOD) / file)
    assert torch.equal(load(GOOD).sample(2), tiny_model.sample(2))
    assert f"{GOOD} in the cache was damaged ({file}) and is fetched again" in caplog.text
    assert not hubs.damaged(hubs.fetch(GOOD))


def damage(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.resolve().write_bytes(content)


def test_a_damaged_file_without_a_network_is_one_sentence(cli, hub, monkeypatch):
    weights = hubs.fetch(GOOD) / WEIGHTS
    damage(weights)
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    assert f"damaged ({WEIGHTS}) and GANZOO_OFFLINE forbids fetching it again" in cli("sample", GOOD).sentence()
    assert weights.is_file()  # it is deleted only where it can be had again


def test_a_name_may_stand_for_a_model_on_the_hub(hub, monkeypatch, tmp_path, tiny_model, cli):
    monkeypatch.setattr("ganzoo.weights.__file__", str(tmp_path / "__init__.py"))
    write_index([GOOD])
    assert read_index()["good"]["source"] == f"{GOOD}@{COMMIT}"
    assert torch.equal(load("good").sample(2), tiny_model.sample(2)) and ganzoo.list_models() == ["good"]
    rows = {row["name"]: row for row in json.loads(cli("list", "--kind", "models", "--json").out)}
    assert rows["good"]["weights"] == "cached"
    cli("cache", "clear", "org/good")
    assert "hub" in cli("list", "--kind", "models").out
    hub.repos["org/good"][WEIGHTS] = hub.repos["org/good"][WEIGHTS][:-1] + b"?"
    assert "run: ganzoo cache clear org/good" in cli("sample", "good").sentence()


def test_what_was_fetched_is_listed(hub, cli):
    load(GOOD)
    (row,) = json.loads(cli("list", "hf-hub:*", "--kind", "models", "--json").out)
    assert row["name"] == GOOD and row["weights"] == "cached" and row["resolution"] == "16×16×1"
    assert cli("info", GOOD).code == 0


def test_a_model_without_card_is_listed_among_the_others(hub, cli):
    hub.repos["org/bare"] = {WEIGHTS: hub.repos["org/good"][WEIGHTS]}
    load(GOOD), load("hf-hub:org/bare")
    rows = {row["name"]: row for row in json.loads(cli("list", "hf-hub:*", "--kind", "models", "--json").out)}
    assert rows.keys() == {GOOD, "hf-hub:org/bare"} and rows["hf-hub:org/bare"]["resolution"] == "16×16×1"


@pytest.mark.skipif(OLD, reason="the older client asks the real hub, whatever HF_ENDPOINT says")
@pytest.mark.parametrize("private", [False, True])
def test_what_is_pushed_is_what_is_loaded(hub, cli, tiny_model_dir, tiny_model, private):
    result = cli("push", tiny_model_dir, "hf-hub:me/mine", *(["--private"] if private else []))
    assert result.code == 0, result.err
    assert result.out == f"{hub.url}/me/mine\n"
    assert ("me/mine" in hub.private) == private
    assert hub.repos["me/mine"].keys() == {WEIGHTS, "config.json", "README.md", "samples.png"}
    weights = (tiny_model_dir / WEIGHTS).read_bytes()
    assert hub.repos["me/mine"][WEIGHTS] == weights and hashlib.sha256(weights).hexdigest() in hub.uploads
    assert torch.equal(load("hf-hub:me/mine").sample(2), tiny_model.sample(2))


@pytest.mark.skipif(OLD, reason="the older client asks the real hub, whatever HF_ENDPOINT says")
def test_a_pushed_card_says_how_to_load_it(hub, cli, tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(hub.repos["org/good"][WEIGHTS])
    cli("push", tmp_path / "model.safetensors", "hf-hub:me/mine")
    assert 'ganzoo.load("hf-hub:me/mine")' in hub.repos["me/mine"]["README.md"].decode()
    monkeypatch.setattr("ganzoo.weights.__file__", str(tmp_path / "__init__.py"))
    export_model(tmp_path / "model.safetensors", tmp_path / "tiny", half=True)
    cli("push", "tiny", "hf-hub:me/tiny")
    assert 'ganzoo.load("hf-hub:me/tiny")' in hub.repos["me/tiny"]["README.md"].decode()


@pytest.mark.parametrize(
    "name, change, expected",
    [
        ("hf-hub:me/mine", lambda hub, patch: patch.delenv("HF_TOKEN"), "HTTP 401"),
        ("hf-hub:me/mine", lambda hub, patch: hub.trouble.update({"me/mine": 403}), "HTTP 403"),
        ("hf-hub:me/mine", lambda hub, patch: hub.trouble.update({"me/mine": 500}), "HTTP 500"),
        ("hf-hub:me/mine@main", lambda hub, patch: None, "leave '@main' out"),
        ("me/mine", lambda hub, patch: None, "write hf-hub:ORG"),
    ],
)
def test_what_cannot_be_pushed_is_one_sentence(hub, cli, tiny_model_dir, monkeypatch, name, change, expected):
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere")
    change(hub, monkeypatch)
    assert expected in cli("push", tiny_model_dir, name).sentence()
    assert "me/mine" not in hub.repos


def test_scores_are_not_written_into_what_is_the_hubs(hub, cli):
    words = ("eval", GOOD, "--dataset", "mnist-10k", "--extractor", "mnist-classifier", "--card")
    assert "export the model" in cli(*words).sentence()
