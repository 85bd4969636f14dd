"""Where the page is served, and to whom."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from ganzoo.serving import HOST, _app, _confined
from ganzoo.weights import WEIGHTS


def test_a_port_that_is_taken_is_named(cli, tiny_model_dir):
    pytest.importorskip("gradio")
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        said = cli("explore", tiny_model_dir, "--port", port, "--no-browser").sentence()
    assert f"port {port} is taken; choose another with --port, or any free one with --port 0" in said


def test_without_gradio_its_extra_is_named(cli, monkeypatch, tiny_model_dir):
    monkeypatch.setattr("ganzoo.serving.find_spec", lambda name: None)
    assert "pip install 'torch-ganzoo[explore]'" in cli("explore", tiny_model_dir).sentence()


def test_a_class_may_be_called_any():
    pytest.importorskip("gradio")
    from ganzoo.report.explore import _conditions, _wish

    control = _conditions(SimpleNamespace(labels=["any", "cat"], captions=[]))["label"]
    assert control.choices == [("any class", ""), ("any", "any"), ("cat", "cat")] and control.value == ""
    asked = [_wish(0, 1, [("label", value)]).label for _, value in control.choices]
    assert asked == [None, "any", "cat"]


def test_nothing_to_explore_is_said(cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganzoo.exploring.bundled_models", dict)
    assert "there is no model to explore" in cli("explore").sentence()


def test_every_answer_keeps_the_browser_from_asking_others():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    heard = []

    async def send(message):
        heard.append(message)

    asyncio.run(_confined(app)({}, None, send))
    headers = dict(heard[0]["headers"])
    assert headers[b"a"] == b"b" and headers[b"content-security-policy"].startswith(b"default-src 'self'")


def test_every_model_of_a_choice_has_a_page_of_its_own(tiny_model_dir, tmp_path, monkeypatch):
    pytest.importorskip("gradio")
    from starlette.testclient import TestClient

    monkeypatch.chdir(tmp_path)
    names = ["runs/my model", "runs/my model/jobs/1/run", "runs/broken"]
    for name in names:
        shutil.copytree(tiny_model_dir, tmp_path / name / "model")
    (tmp_path / "runs/broken/model" / WEIGHTS).write_text("")
    with TestClient(_app(names, "cpu"), base_url=f"http://{HOST}") as browser:
        assert browser.get("/").url.path == "/runs/my model/"
        pages = {name: browser.get(f"/{quote(name)}/config").json() for name in names}
    assert [page["title"] for page in pages.values()] == [f"{name} · ganzoo" for name in names]
    assert [name for name, page in pages.items() if 'class="problem"' in str(page)] == ["runs/broken"]
    assert all("/runs/my%20model/jobs/1/run/" in str(page) for page in pages.values())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_served_here_only_and_ends_cleanly_when_interrupted(number, tiny_model_dir, tmp_path):
    pytest.importorskip("gradio")
    command = [sys.executable, "-m", "ganzoo", "explore", str(tiny_model_dir), "--port", "0", "--no-browser"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as page:
        url = page.stdout.readline().split()[0]
        assert url.startswith(f"http://{HOST}:")
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"DCGAN" in answer.read() or answer.status == 200
        stranger = urllib.request.Request(url, headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(stranger, timeout=60)
        page.send_signal(number)
        _, complaints = page.communicate(timeout=60)
    assert page.returncode == 0 and not complaints
    assert not list(tmp_path.iterdir())  # no upload is left
