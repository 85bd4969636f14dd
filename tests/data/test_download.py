import gzip
import hashlib
import os
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ganzoo.data.datasets import Source
from ganzoo.data.download import Patience, download
from ganzoo.errors import GanzooError

DATA = gzip.compress(os.urandom(300_000), mtime=0)
QUICK = Patience(timeout=1, slow_after=0.3, slow_bytes_per_second=1_000_000)


class Liar(BaseHTTPRequestHandler):
    """Answers by path: /good, /html, /masked (HTML as a binary), /forbidden, /short, /wrong, /slow, /stalled."""

    protocol_version = "HTTP/1.1"

    def __init__(self, seen, stop, *args):
        self.seen, self.stop = seen, stop
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_GET(self):
        kind = self.path.strip("/").split("/")[0]
        self.seen.append((kind, self.headers.get("Range")))
        getattr(self, f"send_{kind}")()

    def body(self, data, status=200, length=None, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def ranged(self, data, end=None):
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status = 206 if self.headers.get("Range") else 200
        extra = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if status == 206 else {}
        self.body(data[start : end and start + end], status, len(data) - start, **extra)

    def send_good(self):
        self.ranged(DATA)

    def send_norange(self):
        self.body(DATA)

    def send_html(self):
        self.body(b"<!DOCTYPE html><html>quota exceeded</html>", kind="text/html; charset=utf-8")

    def send_masked(self):
        self.body(b"\n<!DOCTYPE html>" + b"x" * (len(DATA) - 16))

    def send_forbidden(self):
        self.send_error(403)

    def send_short(self):
        self.ranged(DATA, end=100_000)
        self.close_connection = True

    def send_dead(self):
        self.ranged(DATA, end=0 if self.headers.get("Range") else 100_000)
        self.close_connection = True

    def send_wrong(self):
        self.body(b"\x1f\x8b" + b"?" * (len(DATA) - 2))

    def send_slow(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        for start in range(0, len(DATA), 30_000):
            self.wfile.write(DATA[start : start + 30_000])
            self.stop.wait(0.1)

    def send_stalled(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:1000])
        self.stop.wait(10)


@pytest.fixture
def server():
    seen, stop = [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Liar, seen, stop))
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen, server.url = seen, f"http://127.0.0.1:{server.server_port}"
    yield server
    stop.set()
    server.shutdown()
    server.server_close()


def source(server, *kinds, **facts):
    facts = {"size": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(), **facts}
    return Source("data.gz", tuple(f"{server.url}/{kind}/data.gz" for kind in kinds), **facts)


def kinds(server):
    return [kind for kind, _ in server.seen]


def test_downloads_once(server, tmp_path):
    path = download(source(server, "good"), tmp_path)
    assert path == tmp_path / "data.gz" and path.read_bytes() == DATA
    assert download(source(server, "good"), tmp_path) == path
    assert kinds(server) == ["good"]


@pytest.mark.parametrize("liar", ["html", "masked", "forbidden", "wrong", "stalled", "dead"])
def test_a_bad_mirror_is_passed_over(server, tmp_path, liar):
    path = download(source(server, liar, "good"), tmp_path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert kinds(server)[0] == liar and kinds(server)[-1] == "good"


@pytest.mark.parametrize(
    ("liar", "says"),
    [
        ("html", "HTML page"),
        ("masked", "HTML page"),
        ("forbidden", "403"),
        ("wrong", "sha256"),
        ("dead", "stopped after 100,000"),
        ("stalled", "no data for 1 s"),
    ],
)
def test_when_all_mirrors_lie_the_cache_stays_clean_and_the_error_helps(server, tmp_path, liar, says):
    with pytest.raises(GanzooError) as caught:
        download(source(server, liar), tmp_path, name="mnist", patience=QUICK)
    message = str(caught.value)
    assert says in message and f"{server.url}/{liar}/data.gz" in message
    assert str(tmp_path / "data.gz") in message
    assert hashlib.sha256(DATA).hexdigest() in message and f"{len(DATA):,} bytes" in message
    assert "ganzoo data prepare mnist --from" in message
    assert not (tmp_path / "data.gz").exists()


def test_a_broken_connection_resumes_where_it_broke(server, tmp_path):
    assert download(source(server, "short"), tmp_path).read_bytes() == DATA
    ranges = [sent for _, sent in server.seen]
    assert ranges[:3] == [None, "bytes=100000-", "bytes=200000-"]


def test_the_next_mirror_continues_what_the_last_one_began(server, tmp_path):
    path = download(source(server, "dead", "good"), tmp_path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert server.seen[-1] == ("good", "bytes=100000-")


def test_a_partial_file_left_by_a_killed_process_is_continued(server, tmp_path):
    (tmp_path / ".data.gz.part").write_bytes(DATA[:123_456])
    assert download(source(server, "good"), tmp_path).read_bytes() == DATA
    assert server.seen == [("good", "bytes=123456-")]


def test_a_complete_partial_file_is_not_fetched_again(server, tmp_path):
    (tmp_path / ".data.gz.part").write_bytes(DATA)
    assert download(source(server, "good"), tmp_path).read_bytes() == DATA
    assert server.seen == []


def test_a_poisoned_partial_file_is_started_afresh(server, tmp_path):
    (tmp_path / ".data.gz.part").write_bytes(b"\x1f\x8b" + b"!" * 50_000)
    assert download(source(server, "good"), tmp_path).read_bytes() == DATA
    assert [sent for _, sent in server.seen] == ["bytes=50002-", None]


def test_a_server_without_ranges_is_read_from_the_start(server, tmp_path):
    (tmp_path / ".data.gz.part").write_bytes(DATA[:1000])
    assert download(source(server, "norange"), tmp_path).read_bytes() == DATA


def test_a_slow_mirror_is_left_for_a_faster_one(server, tmp_path):
    assert download(source(server, "slow", "good"), tmp_path, patience=QUICK).read_bytes() == DATA
    assert kinds(server) == ["slow", "good"]
    assert server.seen[-1][1].startswith("bytes=")


def test_a_slow_mirror_will_do_where_there_is_no_other(server, tmp_path):
    path = download(source(server, "slow", "forbidden"), tmp_path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert kinds(server) == ["slow", "forbidden", "slow"]


def test_a_wrong_file_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "data.gz").write_bytes(b"<html>")
    assert download(source(server, "good"), tmp_path).read_bytes() == DATA


def test_md5_alone_is_checked_too(server, tmp_path):
    with pytest.raises(GanzooError, match="md5"):
        download(source(server, "good", sha256=None, md5="0" * 32), tmp_path)


def test_unknown_size_and_checksum_still_refuse_truncation(server, tmp_path):
    with pytest.raises(GanzooError, match="stopped after"):
        download(source(server, "dead", size=None, sha256=None), tmp_path, patience=QUICK)


def test_offline_opens_no_socket(tmp_path, monkeypatch, server):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    monkeypatch.setattr(socket, "socket", lambda *args, **options: pytest.fail("opened a socket"))
    with pytest.raises(GanzooError, match=r"GANZOO_OFFLINE forbids downloading data.gz.*sha256"):
        download(source(server, "good"), tmp_path)
    (tmp_path / "data.gz").write_bytes(b"something else")
    with pytest.raises(GanzooError, match=r"what lies there has 14 bytes instead of .*GANZOO_OFFLINE forbids"):
        download(source(server, "good"), tmp_path)


def test_a_file_put_there_by_hand_serves_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    (tmp_path / "data.gz").write_bytes(DATA)
    right = Source("data.gz", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
    assert download(right, tmp_path) == tmp_path / "data.gz"


def test_too_small_a_disk_is_noticed_before_downloading(server, tmp_path):
    with pytest.raises(GanzooError, match="no space left"):
        download(source(server, "good", size=1 << 60), tmp_path)
    assert server.seen == []


def test_two_downloads_at_once_share_one(server, tmp_path):
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(download(source(server, "slow"), tmp_path))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [tmp_path / "data.gz"] * 2 and kinds(server) == ["slow"]
