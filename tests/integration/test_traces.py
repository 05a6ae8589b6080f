"""Spans of jobs at a receiver that is strict about OTLP/HTTP."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from chaos import of_kind, workers_of
from hub_client import HubClient, HubProcess
from support.otlp_sink import Receiver, check_nested, running_receiver
from support.transfers import wait_for
from tiny_models import make_tiny_model, write_rows


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
        MLX_HUB_OTLP_SAMPLE_RATIO="0",  # of requests, which have tests of their own
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


def exported(client: HubClient) -> int:
    return int(client.call("GET", "/system")["traces"]["exported_spans"])


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
    check_nested([span for span in receiver.spans if span["traceId"] == root["traceId"]])
    # The hub counts spans once the receiver's answer is there, which is after the receiver has them.
    wait_for(lambda: exported(client) == len(receiver.spans), 20)
    traces = client.call("GET", "/system")["traces"]
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
