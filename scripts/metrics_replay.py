"""Scrapes of a hub on a machine that has no Prometheus, and a server that tells them again to one elsewhere."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

SECOND = 1.0


class Recorder:
    """Writes `GET /metrics` into a file a second, until it is stopped; then raises what went wrong meanwhile."""

    def __init__(self, hub_url: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._url = f"{hub_url}/metrics"
        self._folder = folder
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._record, daemon=True)

    def _record(self) -> None:
        number = 0
        try:
            while not self._stop.wait(SECOND):
                answer = httpx.get(self._url, timeout=10.0)
                answer.raise_for_status()
                (self._folder / f"{number:05}.txt").write_text(answer.text)
                number += 1
        except (httpx.HTTPError, OSError) as error:
            self._failure = error

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise RuntimeError(f"{self._url} could not be recorded: {self._failure}")


class ReplayServer:
    """Answers with one recorded scrape after another, a second each from the first request on, then with the last."""

    def __init__(self, folder: Path) -> None:
        texts = [path.read_bytes() for path in sorted(folder.glob("*.txt"))]
        if not texts:
            raise RuntimeError(f"{folder} holds no recorded scrapes (*.txt)")
        self.seconds = len(texts) * SECOND
        begun: list[float] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                begun.append(time.monotonic())
                index = min(int((begun[-1] - begun[0]) / SECOND), len(texts) - 1)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(texts[index])))
                self.end_headers()
                self.wfile.write(texts[index])

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.target = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ReplayServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
