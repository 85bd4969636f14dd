"""A page of this machine's own: served to its browser, and to nobody else."""

from __future__ import annotations

import errno
import os
import signal
import socket
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    import torch

HOST = "127.0.0.1"
# Whatever a model card says, the browser asks no other machine for anything.
POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    b"style-src 'self' 'unsafe-inline'"
)
UNDOCUMENTED: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
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
    with suppress(KeyboardInterrupt), _bound(port) as place, TemporaryDirectory() as uploads:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends like Ctrl-C
        os.environ.update(SILENCE, GRADIO_TEMP_DIR=uploads)
        import uvicorn

        config = uvicorn.Config(_app(names, device), log_level="critical", timeout_graceful_shutdown=1)
        address = f"http://{HOST}:{place.getsockname()[1]}"
        announce(f"{address}  (Ctrl-C ends it)")
        if browser:  # it waits until it is answered
            webbrowser.open(address)
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
    from fastapi import FastAPI
    from fastapi.responses import RedirectResponse
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ganzoo.report.explore import page

    app = FastAPI(**UNDOCUMENTED)
    if len(names) == 1:
        _mount(app, page(names[0], device))
    else:
        app.get("/")(lambda: RedirectResponse(f"/{quote(names[0])}/"))
        for name in sorted(names, key=len, reverse=True):  # a run may lie in another's folder
            app.mount(f"/{name}", _at_first_visit(partial(page, name, device, names)))
    return _confined(TrustedHostMiddleware(app, allowed_hosts=[HOST, "localhost"]))


def _mount(app: Any, blocks: Any) -> None:
    import gradio as gr

    from ganzoo.report.explore import STYLE, theme

    looks: dict[str, Any] = {"theme": theme(), "css_paths": STYLE, "footer_links": []}
    gr.mount_gradio_app(app, blocks, path="/", ssr_mode=False, **looks)


def _at_first_visit(make: Callable[[], Any]) -> Any:
    """The application of a page that is made when it is first asked for: loading every model would take long."""
    from fastapi import FastAPI

    app = FastAPI(**UNDOCUMENTED)

    async def visited(scope: Any, receive: Any, send: Any) -> None:
        if not app.routes:
            blocks = make()
            _mount(app, blocks)
            blocks.run_startup_events()
        await app(scope, receive, send)

    return visited


def _confined(app: Any) -> Any:
    """The application with POLICY on every answer."""

    async def confined(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY)]
            await send(message)

        await app(scope, receive, sent)

    return confined
