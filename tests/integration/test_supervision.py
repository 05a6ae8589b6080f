"""What the hub does about hot processors, hanging workers, crash loops and idle engines."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from chaos import of_kind, workers_of
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from support.tiny_hub import hub_with, register_tiny_model, step
from support.transfers import wait_for
from tiny_models import make_tiny_model

LONG: Json = {
    "rank": 2,
    "epochs": 10_000,
    "max_steps": 100_000,
    "batch_size": 2,
    "max_seq_length": 64,
    "eval_every": 0,
}


def start_job(hub: HubProcess, folder: Path) -> tuple[HubClient, str]:
    client = register_tiny_model(hub, folder)
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": LONG}
    return client, str(client.submit(job)["id"])


def event_types(client: HubClient, path: str, last: str) -> list[str]:
    types: list[str] = []
    with client.events(path, after="0") as stream:
        for event in stream:
            types.append(str(json.loads(event.data)["type"]))
            if types[-1] == last:
                break
    return types


def test_training_rests_while_the_processor_is_hot(build_dir: Path, tmp_path: Path) -> None:
    sensor = tmp_path / "sensor"
    sensor.write_text("60")
    with hub_with(build_dir, tmp_path, temperature_sensor=str(sensor)) as hub:
        client, job_id = start_job(hub, tmp_path)
        wait_for(lambda: step(client, job_id) > 5)
        sensor.write_text("97")
        wait_for(lambda: bool(client.call("GET", "/system")["temperature"]["resting"]))
        time.sleep(1.5)
        before = step(client, job_id)
        time.sleep(1.5)
        assert step(client, job_id) == before
        sensor.write_text("80")
        wait_for(lambda: step(client, job_id) > before)
        heat = client.call("GET", "/system")["temperature"]
        assert (heat["celsius"], heat["resting"], heat["sensor"]) == (80.0, False, "sensor")
        client.call("POST", f"/jobs/{job_id}/cancel")
        assert client.wait(job_id, 30)["state"] == "CANCELLED"
        types = event_types(client, f"/jobs/{job_id}/events", "job.cancelled")
        assert "job.cooling" in types and "job.cooled" in types
        client.close()


def test_a_worker_that_hangs_is_ended_and_its_job_goes_on(build_dir: Path, tmp_path: Path) -> None:
    settings = {"job_stall_seconds": "3", "job_retry_seconds": "0.1"}
    with hub_with(build_dir, tmp_path, **settings) as hub:
        client, job_id = start_job(hub, tmp_path)
        wait_for(lambda: step(client, job_id) > 5)
        os.kill(of_kind(workers_of(tmp_path), "job")[0], signal.SIGSTOP)
        wait_for(lambda: client.job(job_id)["attempt"] == 2)
        assert "no progress for 3 seconds" in client.job(job_id)["last_error"]
        client.call("POST", f"/jobs/{job_id}/cancel")
        assert client.wait(job_id, 30)["state"] == "CANCELLED"
        client.close()


def test_an_engine_that_hangs_is_ended_and_the_next_request_works(
    build_dir: Path, tmp_path: Path
) -> None:
    with hub_with(build_dir, tmp_path, engine_stall_seconds="2") as hub:
        client = HubClient(hub.url)
        model = make_tiny_model(tmp_path / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        client.chat("tiny", "Hello", max_tokens=1)
        engine = of_kind(workers_of(tmp_path), "engine")[0]
        # Requests that wait while nothing moves: the work events stop, too, and count as no step.
        body = {"model": "tiny", "prompt": "Hello", "max_tokens": 2000, "stream": True}
        with client.http.stream("POST", "/v1/completions", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            time.sleep(1.2)  # a work event that tells of the request has come
            os.kill(engine, signal.SIGSTOP)
            rest = list(lines)
        if not any("[DONE]" in line for line in rest):  # else it was quicker than we
            assert any("error" in line for line in rest)
            assert engine not in of_kind(workers_of(tmp_path), "engine")
            ended = 'mlx_hub_engine_ends_total{reason="hung"} 1'
            assert ended in client.http.get("/metrics").text
        assert client.chat("tiny", "Hello", max_tokens=1) is not None
        client.close()


@pytest.mark.parametrize("times", [3])
def test_a_crash_loop_is_stopped_with_the_reason(
    build_dir: Path, tmp_path: Path, times: int
) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        client = HubClient(hub.url)
        for _ in range(times):
            client.call("POST", f"/engines/{DEFAULT_MODEL}/load")
            engines: list[Json] = client.call("GET", "/engines")["data"]
            os.kill(int(engines[0]["pid"]), signal.SIGSEGV)
            wait_for(lambda: not client.call("GET", "/engines")["data"])
        # Loading by hand forgets the crashes; a request does not.
        with pytest.raises(HubError, match=r"crashed|503"):
            for _ in range(times):
                client.chat(DEFAULT_MODEL, "Hello", max_tokens=1)
                pid = int(client.call("GET", "/engines")["data"][0]["pid"])
                os.kill(pid, signal.SIGSEGV)
                wait_for(lambda: not client.call("GET", "/engines")["data"])
        client.call("POST", f"/engines/{DEFAULT_MODEL}/load")
        assert client.chat(DEFAULT_MODEL, "Hello", max_tokens=1) is not None
        client.close()


def test_idle_engines_leave_and_pinned_ones_stay(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path, idle_unload_seconds="1") as hub:
        client = HubClient(hub.url)
        assert client.call("POST", f"/engines/{DEFAULT_MODEL}/pin")["pinned"] is True
        client.chat(DEFAULT_MODEL, "Hello", max_tokens=1)
        time.sleep(3)
        assert client.call("GET", "/engines")["data"][0]["pinned"] is True
        client.close()
        hub.restart()
        client = HubClient(hub.url)
        client.chat(DEFAULT_MODEL, "Hello", max_tokens=1)
        time.sleep(3)
        assert client.call("GET", "/engines")["data"][0]["pinned"] is True, "kept over a restart"
        client.call("POST", f"/engines/{DEFAULT_MODEL}/pin", json={"pinned": False})
        wait_for(lambda: not client.call("GET", "/engines")["data"])
        assert client.call("GET", "/logs", params={"event": "engine_idle_unloaded"})["data"]
        assert client.request("GET", f"/engines/{DEFAULT_MODEL}/logs").is_success
        bad = client.request("GET", f"/engines/{DEFAULT_MODEL}/logs", params={"lines": "many"})
        assert bad.status_code == 400 and bad.json()["error"]["param"] == "lines"
        client.close()


def test_a_second_signal_ends_at_once(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        client, job_id = start_job(hub, tmp_path)
        wait_for(lambda: step(client, job_id) > 0)
        os.kill(of_kind(workers_of(tmp_path), "job")[0], signal.SIGSTOP)  # it will not drain
        client.close()
        os.kill(hub.pid, signal.SIGTERM)
        time.sleep(0.5)
        assert hub.is_alive()
        os.kill(hub.pid, signal.SIGTERM)
        wait_for(lambda: not hub.is_alive(), 5)
        # The system ends a stopped process whose parent is gone; what it leaves the next start ends.
        hub.stop()
        hub.start()
        client = HubClient(hub.url)
        wait_for(lambda: step(client, job_id) > 0 and len(workers_of(tmp_path)) == 1)
        assert client.job(job_id)["state"] == "RUNNING"
        client.close()
