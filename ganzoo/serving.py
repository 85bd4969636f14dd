"""A page of this machine's own: served to its browser, and to nobody else."""

from __future__ import annotations

import errno
import os
import socket
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    import torch

HOST = "127.0.0.1"
# Whatever a model card says, the browser asks no other machine for anything.
POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    b"style-src 'self' 'unsafe-inline'"
)
SILENCE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def serve(
    names: Sequence[str],
    port: int,
    *,
    device: str | torch.device = "cpu",
    browser: bool = True,
    announce: Callable[[str], object] = print,
) -> None:
    """Serve the page for models until it is interrupted; what was uploaded is deleted then.

    port: 0 for any free one. announce: is told the address. Raises GanzooError without gradio, if the port is taken,
    and for a single model that cannot be loaded.
    """
    if find_spec("gradio") is None:
        raise GanzooError("the page needs gradio; install it by: pip install 'torch-ganzoo[explore]'")
    with _bound(port) as place, TemporaryDirectory() as uploads:
        os.environ.update(SILENCE, GRADIO_TEMP_DIR=uploads)
        import uvicorn

        config = uvicorn.Config(_app(names, device), log_level="critical", timeout_graceful_shutdown=1)
        address = f"http://{HOST}:{place.getsockname()[1]}"
        announce(f"{address}  (Ctrl-C ends it)")
        if browser:  # it waits until it is answered
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[place])


def _bound(port: int) -> socket.socket:
    """A socket that only this machine reaches."""
    place = socket.socket()
    if os.name == "posix":  # elsewhere it would share a port with whoever has it
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((HOST, port))
    except OSError as error:
        place.close()
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise GanzooError(f"port {port} {reason}; choose another with --port, or any free one with --port 0") from error
    place.listen()
    return place


def _app(names: Sequence[str], device: str | torch.device) -> Any:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ganzoo.report.explore import STYLE, page, theme

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    looks: dict[str, Any] = {"theme": theme(), "css_paths": STYLE, "footer_links": []}
    gr.mount_gradio_app(app, page(names, device), path="/", ssr_mode=False, **looks)
    return _confined(TrustedHostMiddleware(app, allowed_hosts=[HOST, "localhost"]))


def _confined(app: Any) -> Any:
    """The application with POLICY on every answer."""

    async def confined(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY)]
            await send(message)

        await app(scope, receive, sent)

    return confined
