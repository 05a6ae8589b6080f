"""The queue as clients see it: one after another, none lost, none twice, and what it says while jobs wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_client import HubClient, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

SHORT: Json = {"rank": 2, "max_steps": 4, "batch_size": 2, "max_seq_length": 64, "eval_every": 0}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_model(folder / "model")
    write_rows(folder / "rows.jsonl")
    return folder


@pytest.fixture
def queue_hub(build_dir: Path, tiny: Path) -> Generator[HubProcess]:
    environment = {"MLX_HUB_QUEUE_LIMIT": "250"}
    with HubProcess(
        build_dir, arguments=("--allow-path", str(tiny)), environment=environment
    ) as hub:
        client = HubClient(hub.url)
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(tiny / "model")})
        client.upload_dataset("rows", tiny / "rows.jsonl")
        client.close()
        yield hub


@pytest.fixture
def queue_client(queue_hub: HubProcess) -> Generator[HubClient]:
    client = HubClient(queue_hub.url)
    yield client
    client.close()


def job(name: str, **more: object) -> Json:
    return {
        "type": "finetune",
        "model": "tiny",
        "dataset": "rows",
        "params": SHORT,
        "output": {"name": name},
        **more,
    }


def test_five_jobs_run_strictly_one_after_another(queue_client: HubClient) -> None:
    def send(number: int) -> Json:
        return queue_client.submit(job(f"five-{number}"))

    with ThreadPoolExecutor(5) as threads:
        jobs = list(threads.map(send, range(5)))
    ended = [queue_client.wait(str(one["id"]), 120) for one in jobs]
    assert [one["state"] for one in ended] == ["COMPLETED"] * 5
    spans = sorted((str(one["started_at"]), str(one["ended_at"])) for one in ended)
    for (_, before), (after, _) in itertools.pairwise(spans):
        assert before <= after, "two jobs overlap"


def test_two_hundred_submissions_of_32_clients_are_all_there_once(
    queue_hub: HubProcess,
) -> None:
    client = HubClient(queue_hub.url)
    client.call("POST", "/jobs/queue/pause")

    def send(number: int) -> tuple[int, str]:
        mine = HubClient(queue_hub.url)
        # Each is sent twice with its key, as a client does that lost an answer.
        headers = {"Idempotency-Key": f"submission-{number}"}
        answers = [
            mine.request("POST", "/jobs", json=job(f"many-{number}"), headers=headers)
            for _ in range(2)
        ]
        mine.close()
        ids = {str(answer.json()["id"]) for answer in answers}
        assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
        assert len(ids) == 1
        return number, ids.pop()

    with ThreadPoolExecutor(32) as threads:
        sent = dict(threads.map(send, range(200)))
    assert len(set(sent.values())) == 200
    listed: list[Json] = []
    cursor: str | None = None
    while True:
        params = {"limit": "100", "state": "QUEUED", **({"cursor": cursor} if cursor else {})}
        page = client.call("GET", "/jobs", params=params)
        listed += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(str(one["id"]) for one in listed) == sorted(sent.values())
    assert sorted(one["queue_position"] for one in listed) == list(range(1, 201))
    assert {one["reason"] for one in listed} == {"queue_paused"}
    client.close()


def test_a_full_queue_says_no_and_when_to_come_again(queue_client: HubClient) -> None:
    queue_client.call("POST", "/jobs/queue/pause")
    for i in range(250):
        queue_client.submit(job(f"full-{i}"))
    answer = queue_client.request("POST", "/jobs", json=job("too-many"))
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "queue_full"
    assert int(answer.headers["Retry-After"]) >= 1
    newest = queue_client.call("GET", "/jobs", params={"limit": "1"})["data"][0]
    queue_client.call("POST", f"/jobs/{newest['id']}/cancel")
    queue_client.submit(job("fits"))


def test_priority_decides_who_is_next(queue_client: HubClient) -> None:
    queue_client.call("POST", "/jobs/queue/pause")
    low = queue_client.submit(job("low"))
    high = queue_client.submit(job("high", priority=5))
    assert queue_client.job(str(high["id"]))["queue_position"] == 1
    queue_client.call("PATCH", f"/jobs/{low['id']}", json={"priority": 9})
    assert queue_client.job(str(low["id"]))["queue_position"] == 1
    queue_client.call("POST", "/jobs/queue/resume")
    first = queue_client.wait(str(low["id"]), 60)
    second = queue_client.wait(str(high["id"]), 60)
    assert str(first["ended_at"]) <= str(second["started_at"])


def adapter_digest(client: HubClient, done: Json) -> str:
    files = client.call("GET", f"/versions/{done['result']['version_id']}")["files"]
    return next(str(f["sha256"]) for f in files if f["name"] == "adapters.safetensors")


def wait_for_step(client: HubClient, job_id: str, wanted: int) -> None:
    while int((client.job(job_id)["progress"] or {"step": 0})["step"]) < wanted:
        time.sleep(0.02)


def test_a_cancelled_job_is_resumed_and_gives_the_same_adapter(queue_client: HubClient) -> None:
    client = queue_client
    params = {**SHORT, "epochs": 1000, "max_steps": 400, "save_every": 0}
    whole = client.wait(str(client.submit(job("whole-r", params=params))["id"]), 120)
    parts_id = str(client.submit(job("parts-r", params=params))["id"])
    early = client.request("POST", f"/jobs/{parts_id}/resume")
    assert early.status_code == 409
    assert early.json()["error"]["code"] == "job_state"
    wait_for_step(client, parts_id, 50)
    client.call("POST", f"/jobs/{parts_id}/cancel")
    assert client.wait(parts_id, 60)["state"] == "CANCELLED"

    resumed = client.call("POST", f"/jobs/{parts_id}/resume")
    assert resumed["state"] in {"QUEUED", "RUNNING"}
    assert resumed["ended_at"] is None
    parts = client.wait(parts_id, 120)
    assert parts["state"] == "COMPLETED", parts["reason"]
    log = client.request("GET", f"/jobs/{parts_id}/logs").text
    assert log.count("goes on after step") == 1
    assert adapter_digest(client, parts) == adapter_digest(client, whole)

    done = client.request("POST", f"/jobs/{parts_id}/resume")
    assert done.status_code == 409
    assert done.json()["error"]["code"] == "job_state"


def test_a_job_without_a_checkpoint_is_not_resumed(queue_client: HubClient) -> None:
    client = queue_client
    client.call("POST", "/jobs/queue/pause")
    waiting = str(client.submit(job("never-ran"))["id"])
    client.call("POST", f"/jobs/{waiting}/cancel")
    client.call("POST", "/jobs/queue/resume")
    refused = client.request("POST", f"/jobs/{waiting}/resume")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "no_checkpoint"


def test_a_job_goes_on_after_a_restart_and_gives_the_same_adapter(
    queue_hub: HubProcess,
) -> None:
    client = HubClient(queue_hub.url)
    params = {**SHORT, "epochs": 1000, "max_steps": 400, "dropout": 0.1, "save_every": 0}
    whole = client.wait(str(client.submit(job("whole", params=params))["id"]), 120)
    parts_id = str(client.submit(job("parts", params=params))["id"])
    stops = 0
    for wanted in (50, 200):
        wait_for_step(client, parts_id, wanted)
        client.close()
        queue_hub.restart()  # SIGTERM: a checkpoint is written, and the job is QUEUED again
        client = HubClient(queue_hub.url)
        stops += 1
    parts = client.wait(parts_id, 120)
    assert parts["state"] == "COMPLETED", parts["reason"]
    assert parts["attempt"] == 1
    log = client.request("GET", f"/jobs/{parts_id}/logs").text
    assert log.count("goes on after step") == stops

    assert adapter_digest(client, parts) == adapter_digest(client, whole)
    client.close()
