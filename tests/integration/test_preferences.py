"""Preference training over HTTP: pairs as a data set, a DPO and an ORPO job, their rewards, what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from package_files import cache_folder

STEPS = 4
REWARDS = ("reward_chosen", "reward_rejected", "reward_accuracy", "reward_margin")


@pytest.fixture(scope="module")
def client(hub: HubProcess) -> Iterator[HubClient]:
    connected = HubClient(hub.url)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def pairs(client: HubClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Questions with their answer, and with that of the next question."""
    source = cache_folder() / "data" / "trivia-v1" / "train.jsonl"
    rows = [json.loads(line)["messages"][-2:] for line in source.read_text().splitlines()[:10]]
    file = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    with file.open("w") as out:
        for (question, answer), (_, other) in zip(rows, rows[1:] + rows[:1], strict=True):
            pair = {"prompt": [question], "chosen": [answer], "rejected": other["content"]}
            out.write(json.dumps(pair) + "\n")
    client.upload_dataset("preference-pairs", file)
    return "preference-pairs"


def job(dataset: str, name: str, **params: Any) -> Json:
    return {
        "type": "finetune",
        "model": DEFAULT_MODEL,
        "dataset": dataset,
        "params": {
            "rank": 4, "learning_rate": 5e-4, "lr_schedule": "constant", "batch_size": 2, "max_seq_length": 128,
            "max_steps": STEPS, "eval_every": STEPS, "eval_fraction": 0.2, "save_every": 2, **params,
        },
        "output": {"name": name},
    }  # fmt: skip


def metrics_of(client: HubClient, job_id: str) -> tuple[list[Json], list[Json]]:
    """Those of steps, those of evaluations."""
    rows = client.call("GET", f"/jobs/{job_id}/metrics")["data"]
    steps = [row for row in rows if row["train_loss"] is not None]
    return steps, [row for row in rows if row["eval_loss"] is not None]


def test_the_data_set_is_of_pairs(client: HubClient, pairs: str) -> None:
    dataset = client.call("GET", f"/datasets/{pairs}")
    assert dataset["rows"] == 10
    assert dataset["report"]["format"] == "preference"
    row = client.call("GET", f"/datasets/{pairs}/preview", params={"limit": 1})["data"][0]
    trained = [piece["text"] for piece in row["pieces"] if piece["trained"]]
    rejected = [piece["text"] for piece in row["rejected_pieces"] if piece["trained"]]
    assert len(trained) == len(rejected) == 1
    assert trained != rejected


def test_dpo_trains_and_reports_rewards(client: HubClient, pairs: str) -> None:
    # Eight pairs, four times: a pair that is met first says nothing of what was learned.
    wanted = job(
        pairs,
        "preference-dpo",
        objective="dpo",
        batch_size=4,
        epochs=4,
        max_steps=8,
        learning_rate=2e-4,
    )
    done = client.wait(client.submit(wanted)["id"])
    assert done["state"] == "COMPLETED", done["reason"]
    steps, evaluations = metrics_of(client, done["id"])
    assert len(steps) == 8
    # Before the first update the model is its own reference.
    assert steps[0]["train_loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert steps[0]["reward_margin"] == pytest.approx(0, abs=1e-5)
    assert evaluations[0]["eval_loss"] == pytest.approx(math.log(2), abs=1e-6)
    for name in REWARDS:
        assert isinstance(steps[-1][name], float)
        assert isinstance(evaluations[-1][f"eval_{name}"], float)
    assert steps[-1]["reward_margin"] > 0
    assert steps[-1]["train_loss"] < math.log(2)
    answer = client.chat("preference-dpo", "Hello", temperature=0, max_tokens=4)
    assert isinstance(answer, str)


def test_orpo_trains_without_a_reference(client: HubClient, pairs: str) -> None:
    done = client.wait(client.submit(job(pairs, "preference-orpo", objective="orpo"))["id"])
    assert done["state"] == "COMPLETED", done["reason"]
    steps, evaluations = metrics_of(client, done["id"])
    assert evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"]
    assert all(row["reward_chosen"] < 0 for row in steps)


@pytest.mark.parametrize("objective", ["sft", "dpo", "orpo"])
def test_rows_of_another_kind_are_refused(
    client: HubClient, pairs: str, objective: str, tmp_path: Path
) -> None:
    dataset = pairs
    if objective != "sft":
        file = tmp_path / f"texts-{objective}.jsonl"
        file.write_text('{"prompt":"a","completion":"b"}\n' * 4)
        dataset = f"texts-{objective}"
        client.upload_dataset(dataset, file)
    refused = client.request("POST", "/jobs", json=job(dataset, "never", objective=objective))
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "dataset_format"
    assert error["param"] == "dataset"


def test_half_a_pair_is_refused_by_name(client: HubClient) -> None:
    half = {"file": ("half.jsonl", b'{"prompt":"a","chosen":"b"}\n')}
    refused = client.request("POST", "/datasets", data={"name": "half"}, files=half)
    assert refused.status_code == 422
    assert "this one has no 'rejected'" in refused.json()["error"]["message"]
