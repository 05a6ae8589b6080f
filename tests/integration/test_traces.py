"""Spans of jobs at a receiver that is strict about OTLP/HTTP."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from chaos import of_kind, workers_of
from hub_client import HubClient, HubProcess
from support.transfers import Json, wait_for
from tiny_models import make_tiny_model, write_rows

HEXADECIMAL = set("0123456789abcdef")


def checked(body: Json) -> list[Json]:
    """The spans of an ExportTraceServiceRequest; fails where its form is not the protocol's."""
    spans: list[Json] = []
    (resource,) = body["resourceSpans"]
    names = {entry["key"]: entry["value"] for entry in resource["resource"]["attributes"]}
    assert names["service.name"] == {"stringValue": "mlx-hub"}
    for scope in resource["scopeSpans"]:
        assert scope["scope"]["name"] == "mlx-hub"
        for span in scope["spans"]:
            assert len(span["traceId"]) == 32
            assert len(span["spanId"]) == 16
            assert set(span["traceId"] + span["spanId"]) <= HEXADECIMAL
            assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) > 10**18
            assert isinstance(span["startTimeUnixNano"], str)
            for entry in span["attributes"]:
                (kind,) = entry["value"]
                assert kind in ("stringValue", "intValue", "doubleValue", "boolValue")
                assert kind != "intValue" or isinstance(entry["value"][kind], str)
            spans.append(span)
    return spans


class Receiver:
    def __init__(self) -> None:
        self.spans: list[Json] = []
        self.problems: list[str] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    try:
                        assert self.path == "/v1/traces"
                        assert self.headers["Content-Type"] == "application/json"
                        receiver.spans += checked(json.loads(body))
                    except (AssertionError, KeyError, ValueError) as problem:
                        receiver.problems.append(repr(problem))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def named(self, name: str) -> list[Json]:
        return [span for span in self.spans if span["name"] == name]


@contextmanager
def running_receiver() -> Generator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as made:
        yield made


def prepared(
    start: Callable[..., Any], folder: Path, endpoint: str
) -> tuple[HubProcess, HubClient]:
    hub = start(
        arguments=("--allow-path", str(folder)),
        MLX_HUB_OTLP_ENDPOINT=endpoint,
        MLX_HUB_JOB_RETRY_SECONDS="0.1",
    )
    process, client = cast(tuple[HubProcess, HubClient], hub)
    model = make_tiny_model(folder / "tiny")
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("rows", write_rows(folder / "rows.jsonl"))
    return process, client


def submit(client: HubClient, steps: int) -> str:
    params = {
        "rank": 2, "epochs": 1000, "max_steps": steps, "batch_size": 2, "report_every": 5,
        "eval_every": 10, "save_every": 10, "max_seq_length": 64,
    }  # fmt: skip
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": params}
    return str(client.submit(job)["id"])


def test_a_job_is_one_trace(start: Callable[..., Any], tmp_path: Path, receiver: Receiver) -> None:
    _, client = prepared(start, tmp_path, receiver.url)
    job_id = submit(client, 20)
    assert client.wait(job_id)["state"] == "COMPLETED"
    wait_for(lambda: bool(receiver.named("job")), 20)
    assert receiver.problems == []
    (root,) = receiver.named("job")
    (attempt,) = receiver.named("job.attempt")
    assert root["traceId"] == job_id.replace("-", "")
    assert "parentSpanId" not in root
    assert attempt["parentSpanId"] == root["spanId"]
    steps: list[int] = []
    for span in receiver.named("job.report"):
        assert span["parentSpanId"] == attempt["spanId"]
        attributes = {entry["key"]: entry["value"] for entry in span["attributes"]}
        assert "doubleValue" in attributes["mlx_hub.job.train_loss"]
        assert "intValue" in attributes["mlx_hub.job.peak_memory_bytes"]
        steps.append(int(attributes["mlx_hub.job.step"]["intValue"]))
    assert steps == [5, 10, 15, 20]
    assert len(receiver.named("job.evaluation")) == 3  # before the first step, at 10 and at 20
    assert len(receiver.named("job.checkpoint")) >= 1
    ids = [span["spanId"] for span in receiver.spans]
    assert len(set(ids)) == len(ids)
    for span in receiver.spans:
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])
    traces = client.call("GET", "/system")["traces"]
    assert traces["exported_spans"] == len(receiver.spans)
    assert traces["dropped_spans"] == traces["failed_spans"] == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_crash_is_an_attempt_that_failed(
    start: Callable[..., Any], tmp_path: Path, receiver: Receiver
) -> None:
    process, client = prepared(start, tmp_path, receiver.url)
    job_id = submit(client, 400)
    wait_for(lambda: int((client.job(job_id)["progress"] or {"step": 0})["step"]) > 10)
    for pid in of_kind(workers_of(process.data_dir), "job"):
        os.kill(pid, signal.SIGKILL)
    assert client.wait(job_id)["state"] == "COMPLETED"
    wait_for(lambda: bool(receiver.named("job")), 20)
    first, second = receiver.named("job.attempt")
    assert first["status"]["code"] == 2
    assert "signal 9" in first["status"]["message"]
    assert "status" not in second
    assert len(receiver.named("job.wait")) == 2
    assert "status" not in receiver.named("job")[0]


def test_a_receiver_that_is_away_delays_nothing(start: Callable[..., Any], tmp_path: Path) -> None:
    with running_receiver() as gone:
        url = gone.url
    _, client = prepared(start, tmp_path, url)
    job_id = submit(client, 10)
    assert client.wait(job_id)["state"] == "COMPLETED"
    wait_for(lambda: client.call("GET", "/system")["traces"]["failed_spans"] > 0)
    assert url in client.call("GET", "/system")["traces"]["last_error"]


def test_without_an_endpoint_nothing_is_traced(start: Callable[..., Any]) -> None:
    _, client = cast(tuple[HubProcess, HubClient], start(OTEL_EXPORTER_OTLP_ENDPOINT=""))
    assert client.call("GET", "/system")["traces"] is None
