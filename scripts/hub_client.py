"""A small client of the hub's HTTP API, and a hub of one's own on a temporary data folder.

Used by scripts/demo, the benchmarks and the integration tests. Fields and routes: docs/http-api.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_MODEL = "smollm2-135m-instruct"
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}

Json = dict[str, Any]


class HubError(Exception):
    """An answer that is not what was asked for, or a hub that does not start."""


@dataclass(frozen=True)
class SseEvent:
    id: str
    type: str
    data: str


def parse_sse(lines: Iterator[str]) -> Iterator[SseEvent]:
    """Events of a text/event-stream (HTML standard, section 9.2); comments are skipped."""
    identity, kind, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield SseEvent(identity, kind, "\n".join(data))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id":
            identity = value


class HubClient:
    """Calls that raise HubError with the server's own message."""

    def __init__(self, url: str, timeout: float = 600.0) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=timeout)

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer as it is, whatever its status."""
        try:
            return self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise HubError(f"{method} {path}: {error}") from error

    def call(self, method: str, path: str, **options: Any) -> Json:
        answer = self.request(method, path, **options)
        if answer.is_error:
            raise HubError(f"{method} {path}: {answer.status_code} {error_message(answer)}")
        return answer.json() if answer.content else {}

    def upload_dataset(self, name: str, path: Path) -> Json:
        with path.open("rb") as file:
            files = {"file": (path.name, file, "application/jsonl")}
            return self.call("POST", "/datasets", data={"name": name}, files=files)

    def submit(self, job: Json) -> Json:
        return self.call("POST", "/jobs", json=job)

    def job(self, job_id: str) -> Json:
        return self.call("GET", f"/jobs/{job_id}")

    @contextlib.contextmanager
    def events(self, path: str, after: str | None = None) -> Generator[Iterator[SseEvent]]:
        """The events of `/events` or `/jobs/{id}/events`, after the one with the id `after`."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = after
        with self.http.stream("GET", path, headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise HubError(f"GET {path}: {answer.status_code} {error_message(answer)}")
            yield parse_sse(answer.iter_lines())

    def wait(self, job_id: str, timeout: float = 600.0) -> Json:
        """The job once it ended."""
        deadline = time.monotonic() + timeout
        while True:
            job = self.job(job_id)
            if job["state"] in ENDED:
                return job
            if time.monotonic() > deadline:
                raise HubError(
                    f"job {job_id} is still {job['state']} after {timeout:.0f} s: {job.get('reason')}"
                )
            time.sleep(0.1)

    def evaluate(self, model: str, dataset: str, timeout: float = 600.0) -> Json:
        """The finished evaluation of a model on a data set: metrics.loss, metrics.perplexity."""
        evaluation = self.call("POST", "/evaluations", json={"model": model, "dataset": dataset})
        job = self.wait(str(evaluation["job_id"]), timeout)
        if job["state"] != "COMPLETED":
            raise HubError(f"the evaluation of {model} {job['state'].lower()}: {job['reason']}")
        return self.call("GET", f"/evaluations/{evaluation['id']}")

    def chat(self, model: str, prompt: str, **options: Any) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], **options}
        answer = self.call("POST", "/v1/chat/completions", json=body)
        return str(answer["choices"][0]["message"]["content"])


def error_message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]


class HubProcess:
    """`mlx-hub serve`, on a free port unless one is given. Without a data folder it gets a temporary one."""

    def __init__(
        self,
        build_dir: Path = ROOT / "build" / "release",
        data_dir: Path | None = None,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        start_timeout: float = 60.0,
        port: int = 0,
    ) -> None:
        self._temporary = (
            tempfile.TemporaryDirectory(prefix="mlx-hub-") if data_dir is None else None
        )
        self.data_dir = data_dir or Path(self._temporary.name if self._temporary else "")
        self._program = build_dir / "mlx-hub"
        self._arguments = arguments
        self._environment = environment or {}
        self._start_timeout = start_timeout
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        return self._started().pid

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise HubError("this hub was not started")
        return self._process

    def is_alive(self) -> bool:
        return self._started().poll() is None

    @property
    def log(self) -> str:
        path = self.data_dir / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        if not self._program.exists():
            raise HubError(f"{self._program} is missing: run scripts/setup")
        self.url = ""  # of one that was killed
        published = self.data_dir / "server.json"
        command = [
            self._program,
            "serve",
            "--port",
            str(self._port),
            "--data-dir",
            self.data_dir,
            *self._arguments,
        ]
        with (self.data_dir / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        deadline = time.monotonic() + self._start_timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise HubError(
                    f"mlx-hub ended with {self._process.returncode}:\n{self.log[-2000:]}"
                )
            if not self.url and published.exists():
                with contextlib.suppress(ValueError, KeyError):
                    found: Json = json.loads(published.read_text())
                    # A hub that was killed left its own address behind.
                    self.url = str(found["url"]) if found["pid"] == self._process.pid else ""
            if self.url and self._ready():
                return
            time.sleep(0.05)
        self.stop()
        raise HubError(
            f"mlx-hub was not ready after {self._start_timeout:.0f} s:\n{self.log[-2000:]}"
        )

    def _ready(self) -> bool:
        try:
            # Its certificate, where it has one, need not be of this address.
            return httpx.get(f"{self.url}/readyz", timeout=2.0, verify=False).is_success  # noqa: S501
        except httpx.HTTPError:
            return False

    def stop(self, timeout: float = 60.0) -> int:
        """Asks it to end, waits, and returns its exit status; kills it when it does not end."""
        process = self._started()
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            self.url = ""

    def kill(self) -> None:
        """As a crash would end it."""
        process = self._started()
        process.kill()
        process.wait()
        self.url = ""

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> HubProcess:
        try:
            self.start()
        except BaseException:
            self._remove_folder()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
