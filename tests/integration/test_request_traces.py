"""Spans of requests at a receiver that is strict about OTLP/HTTP, and at a real MLflow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import mlflow_server
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from mlflow_server import MlflowServer
from support.otlp_sink import Receiver, attributes_of, check_nested, running_receiver
from support.transfers import Json, wait_for
from tiny_models import make_tiny_model, write_rows
from training_job import free_port

TRACES = Path(__file__).parent.parent / "support" / "mlflow_traces.py"
SECRET = "xylophone"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
CHAT = "POST /v1/chat/completions"
PARTS = {CHAT, "engine.acquire", f"chat {DEFAULT_MODEL}", "queue", "prefill", "decode"}


def chat_body(**more: Any) -> Json:
    messages = [{"role": "user", "content": f"Say {SECRET}."}]
    return {"model": DEFAULT_MODEL, "messages": messages, "max_tokens": 8, **more}


def chat(client: HubClient, headers: dict[str, str] | None = None, **more: Any) -> str:
    """Returns the answer's traceparent."""
    answer = client.http.post(
        "/v1/chat/completions", json=chat_body(**more), headers=headers or {}, timeout=120
    )
    assert answer.status_code == 200, answer.text
    return str(answer.headers["traceparent"])


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as made:
        yield made


@pytest.fixture(scope="module")
def hub(build_dir: Path, receiver: Receiver) -> Iterator[HubProcess]:
    environment = {"MLX_HUB_OTLP_ENDPOINT": receiver.url}
    with HubProcess(build_dir, environment=environment) as process:
        yield process


@pytest.fixture
def client(hub: HubProcess) -> Iterator[HubClient]:
    made = HubClient(hub.url)
    yield made
    made.close()


def whole_trace(receiver: Receiver, trace_id: str) -> dict[str, Json]:
    wait_for(lambda: set(receiver.of_trace(trace_id)) == PARTS, 20)
    assert receiver.problems == []
    return receiver.of_trace(trace_id)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_is_one_trace(client: HubClient, receiver: Receiver, stream: bool) -> None:
    answer = chat(client, stream=stream)
    spans = whole_trace(receiver, answer.split("-")[1])
    check_nested(list(spans.values()))
    root = spans[CHAT]
    call = spans[f"chat {DEFAULT_MODEL}"]
    assert answer == f"00-{root['traceId']}-{root['spanId']}-01"
    assert "parentSpanId" not in root
    assert root["kind"] == 2
    assert call["kind"] == 3
    for name in ("engine.acquire", f"chat {DEFAULT_MODEL}"):
        assert spans[name]["parentSpanId"] == root["spanId"]
    for name in ("queue", "prefill", "decode"):
        assert spans[name]["parentSpanId"] == call["spanId"]
    assert spans["queue"]["endTimeUnixNano"] == spans["prefill"]["startTimeUnixNano"]
    assert spans["prefill"]["endTimeUnixNano"] == spans["decode"]["startTimeUnixNano"]
    http = attributes_of(root)
    assert http["http.request.method"] == "POST"
    assert http["http.route"] == "/v1/chat/completions"
    assert http["http.response.status_code"] == 200
    assert http["server.port"] == urlsplit(str(client.http.base_url)).port
    generation = attributes_of(call)
    assert generation["gen_ai.operation.name"] == "chat"
    assert generation["gen_ai.request.model"] == DEFAULT_MODEL
    assert generation["gen_ai.usage.input_tokens"] > 5
    assert 1 <= generation["gen_ai.usage.output_tokens"] <= 8
    assert generation["gen_ai.response.finish_reasons"] in (["stop"], ["length"])
    assert all("status" not in span for span in spans.values())
    assert SECRET not in json.dumps(receiver.spans)


def test_a_callers_trace_goes_on(client: HubClient, receiver: Receiver) -> None:
    sent = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "tracestate": "vendor=1"}
    answer = chat(client, sent)
    assert answer.split("-")[1] == TRACE_ID
    root = whole_trace(receiver, TRACE_ID)[CHAT]
    assert root["parentSpanId"] == SPAN_ID
    assert root["spanId"] == answer.split("-")[2]


def test_what_the_caller_does_not_sample_leaves_no_span(
    client: HubClient, receiver: Receiver
) -> None:
    unsampled = TRACE_ID[::-1]
    answer = chat(client, {"traceparent": f"00-{unsampled}-{SPAN_ID}-00"})
    assert answer.startswith(f"00-{unsampled}-")
    assert answer.endswith("-00")
    after = chat(client).split("-")[1]
    whole_trace(receiver, after)  # sent later, arrived already
    assert receiver.of_trace(unsampled) == {}


def test_a_bad_header_begins_a_new_trace(client: HubClient, receiver: Receiver) -> None:
    bad = TRACE_ID.replace("4", "A")
    answer = chat(client, {"traceparent": f"00-{bad}-{SPAN_ID}-01"})
    trace_id = answer.split("-")[1]
    assert trace_id not in (bad, bad.lower())
    assert "parentSpanId" not in whole_trace(receiver, trace_id)[CHAT]


def test_every_route_but_the_probes_has_a_span(client: HubClient, receiver: Receiver) -> None:
    for path in ("/healthz", "/readyz"):
        assert "traceparent" not in client.http.get(path).headers
    missing = client.http.get("/jobs/no-such-job")
    assert missing.status_code in (400, 404)
    trace_id = missing.headers["traceparent"].split("-")[1]
    wait_for(lambda: bool(receiver.of_trace(trace_id)), 20)
    (span,) = receiver.of_trace(trace_id).values()
    assert span["name"] == "GET /jobs/{id}"
    assert attributes_of(span)["http.response.status_code"] == missing.status_code
    assert "status" not in span, "a client's mistake is no failure of the server"
    assert not [span for span in receiver.spans if "healthz" in span["name"]]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_an_engine_that_crashes_in_the_middle_is_an_error(
    client: HubClient, receiver: Receiver
) -> None:
    body = chat_body(stream=True) | {"max_tokens": 4000}
    with client.http.stream("POST", "/v1/chat/completions", json=body, timeout=120) as answer:
        trace_id = answer.headers["traceparent"].split("-")[1]
        lines = answer.iter_lines()
        for _ in range(10):
            next(lines)
        for engine in client.call("GET", "/engines")["data"]:
            os.kill(int(engine["pid"]), signal.SIGKILL)
        assert any("engine_lost" in line for line in lines)
    call = f"chat {DEFAULT_MODEL}"
    wait_for(lambda: {CHAT, call} <= set(receiver.of_trace(trace_id)), 20)
    spans = receiver.of_trace(trace_id)
    assert spans[call]["status"]["code"] == 2
    assert attributes_of(spans[call])["error.type"] == "engine_lost"
    assert "queue" not in spans
    check_nested(list(spans.values()))
    assert receiver.problems == []


def test_a_ratio_of_zero_exports_only_what_callers_ask_for(
    start: Callable[..., Any], receiver: Receiver
) -> None:
    _, client = cast(
        tuple[HubProcess, HubClient],
        start(MLX_HUB_OTLP_ENDPOINT=receiver.url, MLX_HUB_OTLP_SAMPLE_RATIO="0"),
    )
    own = client.http.get("/models").headers["traceparent"]
    assert own.endswith("-00")
    asked = "5" * 32
    client.http.get("/models", headers={"traceparent": f"00-{asked}-{SPAN_ID}-01"})
    wait_for(lambda: bool(receiver.of_trace(asked)), 20)
    assert receiver.of_trace(own.split("-")[1]) == {}


def flood(url: str, requests: int) -> None:
    """Many small requests over one connection, a hundred in flight."""
    address = urlsplit(url)
    line = f"GET /nowhere HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    with socket.create_connection((str(address.hostname), int(address.port or 0)), 60) as made:
        for _ in range(requests // 100):
            made.sendall(line * 100)
            answers = b""
            while answers.count(b"HTTP/1.1 404") < 100 or not answers.endswith(b"}\n"):
                piece = made.recv(1 << 16)
                assert piece
                answers += piece


def test_a_receiver_that_hangs_costs_requests_nothing_and_drops_are_counted(
    start: Callable[..., Any],
) -> None:
    with running_receiver() as hanging:
        hanging.goes_on.clear()
        process, client = cast(
            tuple[HubProcess, HubClient], start(MLX_HUB_OTLP_ENDPOINT=hanging.url)
        )
        chat(client)  # loads the model
        begin = time.monotonic()
        chat(client, max_tokens=1)
        assert time.monotonic() - begin < 4, "shorter than one call's timeout"
        flood(process.url, 9500)
        traces = client.call("GET", "/system")["traces"]
        assert traces["dropped_spans"] > 500
        assert traces["exported_spans"] == 0
        chat(client, max_tokens=1)


def test_a_job_links_to_the_request_that_submitted_it(
    start: Callable[..., Any], receiver: Receiver, tmp_path: Path
) -> None:
    hub = start(
        arguments=("--allow-path", str(tmp_path)),
        MLX_HUB_OTLP_ENDPOINT=receiver.url,
        MLX_HUB_OTLP_SAMPLE_RATIO="0",  # of requests; jobs are told all the same
    )
    _, client = cast(tuple[HubProcess, HubClient], hub)
    model = make_tiny_model(tmp_path / "tiny")
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("rows", write_rows(tmp_path / "rows.jsonl"))
    params = {"rank": 2, "max_steps": 5, "batch_size": 2, "max_seq_length": 64}
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": params}
    asked = "6" * 32
    headers = {"traceparent": f"00-{asked}-{SPAN_ID}-01"}
    answer = client.http.post("/jobs", json=job, headers=headers)
    assert answer.status_code == 202, answer.text
    linked = str(answer.json()["id"])
    plain = str(client.submit(job)["id"])
    for job_id in (linked, plain):
        assert client.wait(job_id)["state"] == "COMPLETED"

    def root(job_id: str) -> Json | None:
        trace_id = job_id.replace("-", "")
        return next((one for one in receiver.named("job") if one["traceId"] == trace_id), None)

    wait_for(lambda: root(linked) is not None and root(plain) is not None, 20)
    (request,) = receiver.of_trace(asked).values()
    assert request["name"] == "POST /jobs"
    ours, other = root(linked), root(plain)
    assert ours is not None
    assert other is not None
    assert ours["links"] == [{"traceId": asked, "spanId": request["spanId"]}]
    assert "links" not in other
    assert receiver.problems == []


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow"), free_port()) as running:
        yield running


def traces_of(server: MlflowServer) -> list[Json]:
    done = subprocess.run(
        [mlflow_server.python(), TRACES, server.url, "0"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[Json] = json.loads(done.stdout)
    return found


def test_mlflow_shows_the_traces_of_requests_and_jobs(
    start: Callable[..., Any], mlflow: MlflowServer, tmp_path: Path
) -> None:
    hub = start(
        arguments=("--allow-path", str(tmp_path), "--mlflow-uri", mlflow.url),
        MLX_HUB_OTLP_ENDPOINT=mlflow.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-mlflow-experiment-id=0",
    )
    _, client = cast(tuple[HubProcess, HubClient], hub)
    model = make_tiny_model(tmp_path / "tiny")
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("rows", write_rows(tmp_path / "rows.jsonl"))
    params = {"rank": 2, "max_steps": 5, "batch_size": 2, "max_seq_length": 64}
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": params}
    job_id = str(client.submit(job)["id"])
    answer = chat(client)
    assert client.wait(job_id)["state"] == "COMPLETED"
    wait_for(lambda: client.call("GET", "/mlflow")["waiting"] == 0, 120)
    # What the job's end made MLflow be told is exported within a second or two.
    time.sleep(3)
    wait_for(lambda: client.call("GET", "/system")["traces"]["waiting_spans"] == 0, 60)
    counts = client.call("GET", "/system")["traces"]
    assert counts["failed_spans"] == 0, counts
    by_trace = {trace["id"].removeprefix("tr-"): trace for trace in traces_of(mlflow)}

    request = {span["name"]: span for span in by_trace[answer.split("-")[1]]["spans"]}
    assert set(request) == PARTS
    call = request[f"chat {DEFAULT_MODEL}"]
    assert request[CHAT]["parent"] is None
    assert call["parent"] == request[CHAT]["id"] == answer.split("-")[2]
    assert {request[name]["parent"] for name in ("queue", "prefill", "decode")} == {call["id"]}
    assert call["attributes"]["gen_ai.usage.output_tokens"] >= 1
    assert request[CHAT]["attributes"]["http.response.status_code"] == 200

    spans = by_trace[job_id.replace("-", "")]["spans"]
    (root,) = [span for span in spans if span["name"] == "job"]
    assert {"job.wait", "job.attempt", "job.report"} <= {span["name"] for span in spans}
    told = [span for span in spans if span["name"] == "mlflow.sync"]
    assert told
    assert {span["parent"] for span in told} == {root["id"]}
    models = [
        span
        for trace in by_trace.values()
        for span in trace["spans"]
        if span["name"] == "mlflow.sync" and "mlx_hub.model.id" in span["attributes"]
    ]
    assert models
