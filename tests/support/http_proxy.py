"""A small reverse proxy for tests: TLS in front of a server without it, a bearer token, answers that go wrong."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

NOT_PASSED_ON = {
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
}


@dataclass(frozen=True)
class Certificates:
    """A certificate authority (`ca`) and the certificate of 127.0.0.1 that it signed."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    folder.mkdir(parents=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        *("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem"),
        *("-days", "2", "-subj", f"/CN=Test CA {folder.name}"),
    )
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "names"),
    )
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


def pass_everything(_method: str, _path: str, _headers: dict[str, str]) -> int | None:
    return None


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate hangs up."""


class HttpProxy:
    """Passes requests to `target` (host:port).

    `look(method, path, headers)` may change the headers, and gives a status where the target is not to be asked.
    """

    def __init__(
        self,
        target: str,
        certificates: Certificates | None = None,
        look: Callable[[str, str, dict[str, str]], int | None] | None = None,
    ) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                proxy.requests.append((self.command, self.path))
                status = proxy.look(self.command, self.path, headers)
                answer, passed = b"", {"Content-Length": "0"}
                if status is None:
                    status, passed, answer = proxy.ask(self.command, self.path, headers, body)
                self.send_response(status)
                for name, value in passed.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = pass_on  # noqa: N815

        self.target = target
        self.look: Callable[[str, str, dict[str, str]], int | None] = look or pass_everything
        self.requests: list[tuple[str, str]] = []
        self._server = QuietServer(("127.0.0.1", 0), Handler)
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.certificate, certificates.key)
            # The handshake is the handler's thread's affair: a client that refuses ends only that.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificates is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=60)
        try:
            # The target checks the Host header against its own address.
            sent = {
                name: value
                for name, value in headers.items()
                if name not in ("connection", "expect")
            }
            connection.request(method, path, body, {**sent, "host": self.target})
            answer = connection.getresponse()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in NOT_PASSED_ON
            }
            content = answer.read()
            length = answer.getheader("Content-Length", "0") if method == "HEAD" else len(content)
            return answer.status, {**kept, "Content-Length": str(length)}, content
        finally:
            connection.close()

    def __enter__(self) -> HttpProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
