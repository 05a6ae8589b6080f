"""A Hugging Face Hub for tests: its routes for listing, resolving, downloading and committing, on this machine.

Small files are git blobs served by the Hub itself, large ones (and every *.safetensors) lie in LFS on a
second server, to which `resolve` redirects. Faults are switched on by the fields of `Faults`. Every
request is kept in `requests`. tests/integration/test_fake_hub.py proves the routes with the real client.
"""

from __future__ import annotations

import ssl
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType

from support.fake_hub_handler import Handler
from support.fake_hub_state import HubState


class FakeHub(HubState):
    """Two servers on free ports of 127.0.0.1, over TLS where asked for; use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._hub = _Server(self, "hub", tls)
        self._storage = _Server(self, "lfs", tls)
        self.url = self._hub.url
        self.storage_url = self._storage.url

    def __enter__(self) -> FakeHub:
        self._hub.start()
        self._storage.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.stop()
        self._storage.stop()


class _Server:
    def __init__(self, hub: HubState, name: str, tls: ssl.SSLContext | None) -> None:
        handler = type("BoundHandler", (Handler,), {"hub": hub, "server_name": name})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
