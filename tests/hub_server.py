"""A model hub on this machine: enough of the Hugging Face hub's HTTP API to fetch from and to push to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c0ffee" + "0" * 34


class Hub:
    """What the server holds and how it misbehaves.

    repos: files by repository. trouble: what goes wrong with a repository: an HTTP status, ``cut`` for a connection
    that breaks once in the middle of the weights, ``dead`` for one that breaks always, ``forged`` for weights that
    are not what their checksum says. seen: (method, path, Range) of each request.
    """

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.trouble: dict[str, int | str] = {}
        self.uploads: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, str | None]] = []
        self.url = ""

    def put(self, repo: str, folder: Path) -> None:
        self.repos[repo] = {file.name: file.read_bytes() for file in folder.iterdir()}


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answer, hub))
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *args: Any):
        self.hub = hub
        super().__init__(*args)

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        if not self.path.startswith("/api/models/"):
            return self._file(body=True)
        repo = "/".join(self.path.split("/")[3:5])
        if repo not in self.hub.repos:
            return self._fail(404, "RepoNotFound")
        self._json({"id": repo, "sha": COMMIT, "siblings": []})

    def do_PUT(self) -> None:
        data = self._given()
        self.hub.uploads[hashlib.sha256(data).hexdigest()] = data
        self._json({})

    def do_POST(self) -> None:
        path, given = self.path, self._given()
        if not self.headers.get("Authorization"):
            return self._fail(401)
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self._create(json.loads(given))
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(given))
        parts = path.split("/")
        repo, action = "/".join(parts[3:5]), parts[5]
        if action == "preupload":
            files = [
                {"path": file["path"], "uploadMode": _mode(file["path"]), "shouldIgnore": False}
                for file in json.loads(given)["files"]
            ]
            return self._json({"files": files})
        if action == "commit":
            self._commit(repo, [json.loads(line) for line in given.splitlines()])

    def _create(self, wish: dict[str, Any]) -> None:
        repo = f"{wish.get('organization') or 'someone'}/{wish['name']}"
        if status := self.hub.trouble.get(repo):
            return self._fail(int(status))
        self.hub.repos.setdefault(repo, {})
        if wish.get("private") or wish.get("visibility") == "private":
            self.hub.private.add(repo)
        self._json({"url": f"{self.hub.url}/{repo}", "id": repo, "name": repo})

    def _batch(self, wish: dict[str, Any]) -> None:
        objects = [
            {**each, "authenticated": True, "actions": {"upload": {"href": f"{self.hub.url}/upload/{each['oid']}"}}}
            for each in wish["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.hub.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.hub.repos[repo][value["path"]] = self.hub.uploads[value["oid"]]
        url = f"{self.hub.url}/{repo}/commit/{COMMIT}"
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})

    def _file(self, *, body: bool) -> None:
        self.hub.seen.append((self.command, self.path, self.headers.get("Range")))
        _, organisation, name, _, revision, file = self.path.split("/", 5)
        repo = f"{organisation}/{name}"
        trouble = self.hub.trouble.get(repo)
        if isinstance(trouble, int):
            return self._fail(trouble)
        if repo not in self.hub.repos:
            return self._fail(404, "RepoNotFound")
        if revision not in ("main", COMMIT):
            return self._fail(404, "RevisionNotFound")
        if file not in self.hub.repos[repo]:
            return self._fail(404, "EntryNotFound")
        data = self.hub.repos[repo][file]
        headers = {"ETag": f'"{_etag(file, data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if trouble == "forged" and file.endswith(".safetensors"):
            data = data[:-1] + b"?"
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = body and file.endswith(".safetensors") and (trouble == "dead" or (trouble == "cut" and not start))
        self._head(206 if start else 200, len(data) - start, **headers)
        if body:
            self.wfile.write(data[start : start + 1000 * (trouble == "cut")] if cut else data[start:])
        self.close_connection = cut

    def _given(self) -> bytes:
        self.hub.seen.append((self.command, self.path, None))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self._head(200, len(data), **{"Content-Type": "application/json"})
        self.wfile.write(data)

    def _fail(self, status: int, code: str = "") -> None:
        data = json.dumps({"error": code or "no"}).encode()
        self._head(status, len(data), **({"X-Error-Code": code, "X-Error-Message": code} if code else {}))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(length)}).items():
            self.send_header(name, value)
        self.end_headers()


def _mode(file: str) -> str:
    return "lfs" if file.endswith((".safetensors", ".png", ".onnx")) else "regular"


def _etag(file: str, data: bytes) -> str:
    """What the hub calls a file: large ones by their checksum, others as git does."""
    if _mode(file) == "lfs":
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
