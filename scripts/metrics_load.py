"""A hub that does everything that /metrics tells of, so that no series is missing: chats, jobs, ends of engines,
a failed job, spans and MLflow."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

TRAINING: Json = {
    "rank": 2,
    "epochs": 1000,
    "max_steps": 400,
    "batch_size": 2,
    "max_seq_length": 64,
    "report_every": 2,
    "eval_every": 10,
    "eval_fraction": 0.2,
}
CHATS_AT_ONCE = 3


class SpanSink:
    """Takes spans (OTLP/HTTP) and forgets them."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> SpanSink:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class StreamedChats:
    """Streams one short answer after another until it is stopped; what fails is counted, since engines are killed."""

    def __init__(self, url: str) -> None:
        self.answered = 0
        self.failed = 0
        self._stop = threading.Event()
        self._url = url
        self._threads = [
            threading.Thread(target=self._ask, daemon=True) for _ in range(CHATS_AT_ONCE)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        client = HubClient(self._url, timeout=120)
        body: Json = {
            "model": "tiny",
            "stream": True,
            "max_tokens": 24,
            "messages": [{"role": "user", "content": "Count to ten, please."}],
        }
        while not self._stop.wait(0.05):
            try:
                with client.http.stream("POST", "/v1/chat/completions", json=body) as answer:
                    for _ in answer.iter_lines():
                        pass
                    self.answered += answer.is_success
                    self.failed += not answer.is_success
            except Exception:  # the connection ends when its engine does
                self.failed += 1
        client.close()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


@contextlib.contextmanager
def loaded_hub(
    build_dir: Path, folder: Path, mlflow_uri: str, otlp_endpoint: str
) -> Generator[HubProcess]:
    """A hub with a tiny model, rows to train it on, MLflow and a receiver of spans."""
    data_dir = folder / "data"
    data_dir.mkdir()
    arguments = ("--allow-path", str(folder), "--mlflow-uri", mlflow_uri)
    environment = {"MLX_HUB_OTLP_ENDPOINT": otlp_endpoint}
    with HubProcess(build_dir, data_dir, arguments, environment) as hub:
        client = HubClient(hub.url)
        model = make_tiny_model(folder / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        client.upload_dataset("rows", write_rows(folder / "rows.jsonl"))
        client.close()
        yield hub


def run_load(hub: HubProcess) -> None:
    """Returns when the jobs ended, after half a minute or so."""
    client = HubClient(hub.url)
    chats = StreamedChats(hub.url)
    try:
        client.chat("tiny", "Hello", max_tokens=2)
        # What a schema lets come alone is guessed; words of its own a tiny model hardly repeats.
        said: Json = {
            "const": "The morning light lay on the water, and a small red boat left the harbour."
        }
        client.chat("tiny", "Say it.", max_tokens=64, guided_json=said)
        # The short jobs first: what they leave behind is there while the training runs.
        fails: Json = {"model": "tiny", "dataset": "rows", "params": {"task": "multiple_choice"}}
        client.call("POST", "/evaluations", json=fails)  # its rows have no choices
        client.evaluate("tiny", "rows")
        training = client.submit(
            {"type": "finetune", "model": "tiny", "dataset": "rows", "params": TRAINING}
        )
        _end_engines(client)
        client.request("GET", "/no-such-route")
        _use_a_key(client)
        ended = client.wait(str(training["id"]))
        if ended["state"] != "COMPLETED":
            raise HubError(f"the training {ended['state'].lower()}: {ended['reason']}")
    finally:
        chats.stop()
        client.close()
    if chats.answered == 0:
        raise HubError(f"no chat was answered, {chats.failed} failed")


def _use_a_key(client: HubClient) -> None:
    """A key that generates, and then asks for more than its limit."""
    body: Json = {"name": "metered", "scopes": ["infer"], "limits": {"requests_per_minute": 4}}
    key = client.call("POST", "/keys", json=body)
    headers = {"Authorization": f"Bearer {key['secret']}"}
    asked: Json = {"model": "tiny", "prompt": "Hello", "max_tokens": 2}
    for _ in range(8):
        client.request("POST", "/v1/completions", json=asked, headers=headers)
        time.sleep(0.5)


def _end_engines(client: HubClient) -> None:
    """One engine crashes, and one is asked to end; chats bring up the next."""
    os.kill(int(_engine(client)["pid"]), signal.SIGKILL)
    time.sleep(1.0)
    _engine(client)
    # What was computed for a long text goes to the disk with the engine, and comes back.
    text = " ".join(f"Line {number} and no more." for number in range(80))
    client.chat("tiny", text, max_tokens=2)
    client.call("POST", "/engines/tiny/unload")
    _engine(client)
    client.chat("tiny", text, max_tokens=2)


def _engine(client: HubClient, timeout: float = 60.0) -> Json:
    """The engine of the tiny model once it is ready."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for engine in client.call("GET", "/engines")["data"]:
            if engine["state"] == "ready":
                found: Json = engine
                return found
        time.sleep(0.1)
    raise HubError(f"no engine became ready within {timeout:.0f} s")
