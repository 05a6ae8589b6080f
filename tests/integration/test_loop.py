"""The whole loop over HTTP: data set, evaluation, job, events, result, serving; as the acceptance demo does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hub_client import DEFAULT_MODEL, ENDED, HubClient, HubProcess, Json
from mlx_lm_peer import Peer
from package_files import cache_folder, sha256_of

STEPS = 4
ADAPTER = "loop-result"
QUESTION = "Which planet is known as the Red Planet?"


def data_file(name: str) -> Path:
    return cache_folder() / "data" / "trivia-v1" / name


@dataclass
class Trained:
    job: Json
    events: list[Json]
    loss_before: float
    loss_after: float


@pytest.fixture(scope="module")
def client(hub: HubProcess) -> Iterator[HubClient]:
    connected = HubClient(hub.url)
    yield connected
    connected.close()


def small_job(dataset: str, name: str, **params: Any) -> Json:
    return {
        "type": "finetune",
        "model": DEFAULT_MODEL,
        "dataset": dataset,
        "params": {
            "rank": 4,
            "learning_rate": 5e-4,
            "batch_size": 2,
            "max_seq_length": 128,
            "max_steps": STEPS,
            "eval_every": 0,
            "eval_fraction": 0.0,
            "save_every": 0,
            **params,
        },
        "output": {"name": name},
    }


@pytest.fixture(scope="module")
def trained(client: HubClient, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    held_out = tmp_path_factory.mktemp("data") / "held-out.jsonl"
    held_out.write_text("\n".join(data_file("valid.jsonl").read_text().splitlines()[:6]) + "\n")
    client.upload_dataset("loop-train", data_file("train.jsonl"))
    client.upload_dataset("loop-held-out", held_out)
    before = client.evaluate(DEFAULT_MODEL, "loop-held-out")
    job = client.submit(small_job("loop-train", ADAPTER))
    assert job["state"] in {"QUEUED", "RUNNING"}
    events: list[Json] = []
    with client.events(f"/jobs/{job['id']}/events") as stream:
        for event in stream:
            events.append({"id": event.id, "type": event.type, **json.loads(event.data)})
            if client.job(job["id"])["state"] in ENDED and event.type == "job.state":
                break
    done = client.wait(job["id"])
    assert done["state"] == "COMPLETED", done["reason"]
    after = client.evaluate(ADAPTER, "loop-held-out")
    return Trained(done, events, before["metrics"]["loss"], after["metrics"]["loss"])


def test_the_default_model_is_registered_at_first_start(client: HubClient) -> None:
    model = client.call("GET", f"/models/{DEFAULT_MODEL}")
    assert model["state"] == "ready"
    assert model["context_length"] == 8192
    names = [one["id"] for one in client.call("GET", "/v1/models")["data"]]
    assert DEFAULT_MODEL in names


def test_a_data_set_tells_its_rows_and_digest(client: HubClient, trained: Trained) -> None:
    assert trained.job["state"] == "COMPLETED"
    dataset = client.call("GET", "/datasets/loop-train")
    assert dataset["rows"] == 220
    assert dataset["digest"] == sha256_of(data_file("train.jsonl"))


def test_a_preview_shows_what_is_trained(client: HubClient, trained: Trained) -> None:
    assert trained.job["state"] == "COMPLETED"
    preview = client.call("GET", "/datasets/loop-train/preview", params={"limit": 1})
    text = json.dumps(preview)
    first = json.loads(data_file("train.jsonl").read_text().splitlines()[0])
    assert first["messages"][1]["content"] in text


def test_the_held_out_loss_falls(trained: Trained) -> None:
    assert trained.loss_after < trained.loss_before


def test_events_come_in_order_and_tell_the_loss(trained: Trained) -> None:
    sequence = [event["seq"] for event in trained.events]
    assert sequence == sorted(set(sequence))
    losses = [
        event["data"]["train_loss"] for event in trained.events if "train_loss" in event["data"]
    ]
    assert len(losses) == STEPS
    assert all(0 < loss < 20 for loss in losses)
    for event in trained.events:
        assert event["subject"] == {"kind": "job", "id": trained.job["id"]}


def test_a_reconnect_loses_and_repeats_nothing(client: HubClient, trained: Trained) -> None:
    middle = trained.events[len(trained.events) // 2]
    expected = [event["seq"] for event in trained.events if event["seq"] > middle["seq"]]
    seen: list[int] = []
    with client.events(f"/jobs/{trained.job['id']}/events", after=str(middle["id"])) as stream:
        for event in stream:
            seen.append(json.loads(event.data)["seq"])
            if len(seen) == len(expected):
                break
    assert seen == expected


def test_metrics_hold_a_row_a_step(client: HubClient, trained: Trained) -> None:
    rows = client.call("GET", f"/jobs/{trained.job['id']}/metrics")["data"]
    rows = [row for row in rows if row.get("train_loss") is not None]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    for row in rows:
        assert row["iterations_per_second"] > 0
        assert row["tokens_per_second"] > 0
        assert row["peak_memory_bytes"] > 100e6


def test_a_finished_job_says_what_came_of_it(trained: Trained) -> None:
    job = trained.job
    assert job["progress"]["step"] == job["progress"]["total"] == STEPS
    assert job["result"]["model"] == ADAPTER
    assert job["memory"]["peak_bytes"] > 100e6
    assert job["memory"]["estimated_bytes"] > 0
    assert job["started_at"] >= job["created_at"]
    assert job["ended_at"] >= job["started_at"]


def adapter_folder(client: HubClient, trained: Trained, target: Path) -> Path:
    """The adapter's files, downloaded and compared with their checksums."""
    version = client.call("GET", f"/versions/{trained.job['result']['version_id']}")
    for file in version["files"]:
        answer = client.request("GET", f"/versions/{version['id']}/files/{file['name']}")
        assert answer.is_success
        (target / file["name"]).write_bytes(answer.content)
        assert sha256_of(target / file["name"]) == file["sha256"]
        assert len(answer.content) == file["size_bytes"]
    return target


def test_mlx_lm_reads_the_adapter_and_agrees(
    client: HubClient, trained: Trained, tmp_path: Path
) -> None:
    folder = adapter_folder(client, trained, tmp_path)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["fine_tune_type"] == "lora"
    assert config["lora_parameters"]["rank"] == 4
    rows = [json.loads(line) for line in data_file("valid.jsonl").read_text().splitlines()[:6]]
    ours = client.chat(ADAPTER, QUESTION, temperature=0, max_tokens=24)
    with Peer(
        cache_folder() / "models" / f"{DEFAULT_MODEL}-f32", "float32", preload_openblas=True
    ) as peer:
        base = peer.call(do="losses", rows=rows, adapter=None)
        assert base["loss"] == pytest.approx(trained.loss_before, abs=1e-4)
        adapted = peer.call(do="losses", rows=rows, adapter=str(folder))
        assert adapted["loss"] == pytest.approx(trained.loss_after, abs=1e-4)
        theirs = peer.call(do="chat", prompt=QUESTION, count=24, adapter=str(folder))
    assert ours == theirs["text"]


def test_base_and_adapter_are_served_side_by_side(client: HubClient, trained: Trained) -> None:
    assert trained.job["state"] == "COMPLETED"
    base = client.chat(DEFAULT_MODEL, QUESTION, temperature=0, max_tokens=24)
    adapted = client.chat(ADAPTER, QUESTION, temperature=0, max_tokens=24)
    assert adapted != base
    for name in (f"{DEFAULT_MODEL}+{ADAPTER}", f"{ADAPTER}:1", f"{DEFAULT_MODEL}+{ADAPTER}:1"):
        assert client.chat(name, QUESTION, temperature=0, max_tokens=24) == adapted, name
    assert client.chat(f"{DEFAULT_MODEL}:1", QUESTION, temperature=0, max_tokens=24) == base


def test_one_engine_serves_both(client: HubClient, trained: Trained) -> None:
    assert trained.job["state"] == "COMPLETED"
    client.chat(ADAPTER, QUESTION, temperature=0, max_tokens=2)
    client.chat(DEFAULT_MODEL, QUESTION, temperature=0, max_tokens=2)
    assert len(client.call("GET", "/engines")["data"]) == 1


def test_the_flat_form_of_the_plan_works(own_hub: HubProcess) -> None:
    client = HubClient(own_hub.url)
    folder = own_hub.data_dir / "imports"
    folder.mkdir(exist_ok=True)
    lines = data_file("train.jsonl").read_text().splitlines()[:4]
    (folder / "tiny.jsonl").write_text("\n".join(lines) + "\n")
    flat = {
        "base_model": DEFAULT_MODEL,
        "dataset_path": str(folder / "tiny.jsonl"),
        "lora_rank": 2,
        "epochs": 1,
    }
    job = client.submit(flat)
    done = client.wait(job["id"])
    assert done["state"] == "COMPLETED", done["reason"]
    assert done["result"]["model"].startswith(f"{DEFAULT_MODEL}-")


def test_jobs_run_one_at_a_time_and_can_be_cancelled(client: HubClient, trained: Trained) -> None:
    assert trained.job["state"] == "COMPLETED"
    long = small_job("loop-train", "cancelled-1", max_steps=10_000, epochs=10_000)
    first, second = client.submit(long), client.submit({**long, "output": {"name": "cancelled-2"}})
    with client.events(f"/jobs/{first['id']}/events") as stream:
        for event in stream:
            if "train_loss" in json.loads(event.data)["data"]:
                break
    waiting = client.job(second["id"])
    assert waiting["state"] == "QUEUED"
    assert waiting["reason"]
    for job in (second, first):
        client.call("POST", f"/jobs/{job['id']}/cancel")
    for job in (first, second):
        done = client.wait(job["id"], timeout=30)
        assert done["state"] == "CANCELLED"
        assert done["result"] is None
    assert not client.request("GET", "/models/cancelled-1").is_success
